"""Pages of the feedback inbox: in the console, and on the phones of members."""
