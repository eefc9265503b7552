"""Pages of proposals: in the console, and on the phones of members."""
