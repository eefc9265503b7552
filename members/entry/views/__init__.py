"""Pages of entry: for staff and for applicants."""
