"""What a manager opens in the morning: how the community stands, what moved, and why."""
