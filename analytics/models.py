"""What is derived from everything below and kept, so that lists can sort by it."""

from __future__ import annotations

from analytics.digest.models import Digest, DigestMail
from analytics.health.models import Alarm, DailyGroupStat, FiguresChange, GroupHealth, HealthWalk
from analytics.saved.models import Pin, SavedReport

__all__ = [
    "Alarm",
    "DailyGroupStat",
    "Digest",
    "DigestMail",
    "FiguresChange",
    "GroupHealth",
    "HealthWalk",
    "Pin",
    "SavedReport",
]
