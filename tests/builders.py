"""Builders call the services that the product itself uses, so that tests start from states that can happen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from typing import Any

from activity.services import event_key
from groups.models import Group
from groups.services import group_create
from members.ingestion import IncomingEvent, ingest
from members.models import Member

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # Monday noon in Shanghai
_numbers = count(1)


def make_group(name: str = "", **fields: Any) -> Group:
    """An active group, unless told otherwise with motivation=""."""
    number = next(_numbers)
    fields = {"motivation": "growth", "purpose": "Help parents of grade 3 with reading", **fields}
    return group_create(
        by=None,
        now=fields.pop("now", NOW),
        external_id=fields.pop("external_id", f"group-{number}"),
        name=name or f"Reading {number}",
        **fields,
    )


def make_member(name: str = "", groups: Iterable[Group] = (), now: datetime = NOW) -> Member:
    """A member who joined these groups at `now`."""
    number = next(_numbers)
    ref = f"member-{number}"
    member = Member.objects.create(external_id=ref, name=name or f"Member {number}")
    events = [
        IncomingEvent(event_key("tests", f"{ref} {group.pk}"), ref, group.external_id, "joined", now)
        for group in groups
    ]
    outcome = ingest(events=events, source="tests", by=None, create_missing=False, now=now)
    assert outcome.accepted == len(events)
    member.refresh_from_db()
    return member
