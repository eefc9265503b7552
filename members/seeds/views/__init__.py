"""Pages of seed users in the console."""
