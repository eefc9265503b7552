"""Which channel pays: what came through each, what it cost, and what it brought."""
