"""Check-ins: programmes in which members say day by day that they have done it, and what they earn by that."""
