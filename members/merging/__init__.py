"""Two rows that are one person: found, made one, and parted again."""
