"""Where tests/delivery/killing.py can die, for the tests that choose."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

ARMED = Path(os.environ["DATA_DIR"]) / "kill-at"
LOST = timedelta(seconds=3)
POINTS = [
    "before the claim",
    "after the claim",
    "in the guard",
    "while filling in variables",
    "with a place for the robot's call",
    "between two of a batch",
    "before the request",
    "in the middle of the request",
    "with the answer",
    "before it is settled",
    "settled, before the task is over",
    "between taking and telling the workers",
]
