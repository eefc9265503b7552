"""Points: a small ledger of double entries."""
