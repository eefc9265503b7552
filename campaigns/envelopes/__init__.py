"""Red envelopes in points: planned from a budget, opened in rounds, claimed by many at once, the rest refunded."""
