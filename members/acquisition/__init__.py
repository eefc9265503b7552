"""Where members come from, and what that cost."""
