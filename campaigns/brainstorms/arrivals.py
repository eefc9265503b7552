"""Answers that come in as events: from a message in the group, or another system."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from activity.models import BuiltInKind
from campaigns.brainstorms.services import answers_take, answers_told
from members.ingestion import Arrival, Expected, register_preparer


def prepare(arrivals: Sequence[Arrival], now: datetime) -> Expected | None:
    """Events of the kind `answer` within the hours of a session are answers to it."""
    # What the product wrote by itself has its own row already: an answer on the page, or one to a question.
    told = answers_told(rows=[arrival.row for arrival in arrivals if not arrival.is_by_hand])
    if not told:
        return None

    def then(new_keys: Collection[str]) -> None:
        fresh = {one.key: one for one in told.values() if one.key in new_keys}
        answers_take(told=list(fresh.values()), now=now)

    return Expected(keys={sent: one.key for sent, one in told.items() if one.key != sent}, then=then)


def register() -> None:
    register_preparer("brainstorms", [BuiltInKind.ANSWER], prepare)
