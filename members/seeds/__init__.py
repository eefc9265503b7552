"""Seed users: who would make a good one, the way from candidate to graduate, and what they bring."""
