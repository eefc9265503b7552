"""What groups do together again and again: check-ins, brainstorms, activities, envelopes, on one page."""
