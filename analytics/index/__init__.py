"""Events as sorted columns on disk, derived from the table of events and never more than a copy of it."""
