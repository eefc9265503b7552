"""Pages of check-ins: for members on their phone, and for staff."""
