"""Cleaning up groups: who is listed and why, whom exemptions spare, and the record of each removal."""
