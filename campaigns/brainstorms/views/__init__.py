"""Pages of brainstorms: in the console, and on the phones of members."""
