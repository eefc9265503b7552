"""Who was in which group when, and who ordered and paid what: sorted columns beside the index of events."""
