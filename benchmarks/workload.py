"""The events of the benchmarks, of two years, seeded and so the same every time, and what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

DAYS = 730
START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=DAYS)
DAY = 86_400_000
FIRST = int(START.timestamp()) * 1000
LAST = FIRST + DAYS * DAY
KINDS = ["joined", "message", "check_in", "post_seen", "link_click", "friended", "trial", "ordered"]
SHARES = [0.06, 0.40, 0.16, 0.20, 0.10, 0.03, 0.03, 0.02]
STEPS = ["joined", "message", "link_click", "friended", "trial", "ordered"]
CHANNELS = 20
ZONE = ZoneInfo("UTC")
QUESTIONS = {
    "a": "(a) daily actives, 90 days",
    "b": "(b) one group, 90 days",
    "c": "(c) weekly retention, 12 x 12",
    "d": "(d) funnel of six steps, 30 days",
    "e": "(e) the same by 20 channels",
    "f": "(f) all groups, 30 days",
}
ONE_GROUP = 77
LAST_90, LAST_30 = LAST - 90 * DAY, LAST - 30 * DAY
# Whole weeks, the last twelve.
WEEK = 7 * DAY
WEEKS_FROM = int((NOW - timedelta(days=NOW.weekday(), weeks=12)).timestamp()) * 1000


def made(events: int, members: int, groups: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Parts of whole members: columns of members, instants, kinds, groups and channels, sorted by member and time.

    Some members do much more than others; each does it from a day of their own on, the more the nearer to that day.
    """
    rng = np.random.default_rng(20260101)
    from analytics.index.building import parts_for

    parts = parts_for(events)
    for part in range(parts):
        number = np.arange(part, members, parts, dtype=np.int64) + 1
        weight = rng.exponential(1.0, len(number)) + 0.05
        counts = rng.multinomial(events // parts, weight / weight.sum())
        member = np.repeat(number, counts)
        born = np.repeat(rng.integers(0, DAYS - 1, len(number)), counts)
        after = rng.beta(0.7, 2.0, len(member)) * (DAYS - born)
        at = FIRST + ((born + after) * DAY).astype(np.int64)
        kind = rng.choice(len(KINDS), len(member), p=SHARES) + 1
        group = 1 + (member * 7919 + rng.integers(0, 3, len(member)) * 104_729) % groups
        channel = np.where(rng.random(len(member)) < 0.6, 1 + member % CHANNELS, 0)
        order = np.lexsort((at, member))
        yield member[order], at[order], kind[order], group[order], channel[order]


def numbers(steps: Sequence[str] = STEPS) -> list[int]:
    return [KINDS.index(step) + 1 for step in steps]
