"""Tags of members, put on by hand, in a batch, or by a rule."""
