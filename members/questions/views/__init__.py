"""Pages of questions, of staff and of members."""
