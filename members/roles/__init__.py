"""Members' roles in groups: opinion leaders, initiators, seed users."""
