"""Pages of visitors and, for staff, of their links."""
