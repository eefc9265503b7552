"""Listening: what members say they need, who asked for it, and what became of it."""
