"""Pages of activities: for staff, at the door, and on members' phones."""
