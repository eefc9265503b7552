"""Prizes: what members get for taking part, from a stock that cannot be overdrawn."""
