"""Pages of red envelopes."""
