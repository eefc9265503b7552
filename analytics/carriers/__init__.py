"""Who carries the community: the most active, how much hangs on few, and who brought whom."""
