"""What staff have to do by hand: tasks with a deadline, settled in place."""
