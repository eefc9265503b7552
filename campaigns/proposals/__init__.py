"""Proposals: what members would like to do together, voted on by them and decided by staff."""
