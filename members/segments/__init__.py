"""Saved filters of members. See filters.py for the language, selectors.py for who is in one now."""
