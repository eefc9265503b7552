"""Today: what needs a person now, in the order of its deadline, done in place; and how the day stands."""
