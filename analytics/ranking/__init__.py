"""Which groups rose or fell most."""
