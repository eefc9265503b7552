"""What can be asked: a report is a frozen query that is checked, resolved and computed over arrays of events."""

from __future__ import annotations
