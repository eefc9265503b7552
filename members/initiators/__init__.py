"""Initiators: members of a group who, for a special identity and good material, bring the next ones."""
