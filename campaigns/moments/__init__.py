"""What a staff account posts to its Moments through the day, as a living person would."""
