"""Roles in a group: what each may do, which duties it has, and which staff hold it."""
