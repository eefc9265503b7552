"""Builders call the services that the product itself uses, so that tests start from states that can happen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from typing import Any

from accounts.models import Branch, User
from activity.services import event_key
from groups.models import Group
from groups.rules.content import RuleContent, VersionContent
from groups.rules.services import draft_open, rule_set_create, version_publish
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


def make_rules(by: User, branch: Branch | None, now: datetime = NOW) -> dict[str, Any]:
    """A rule set with a version in force and a draft; the numbers that addresses of its pages take."""
    rules = (
        RuleContent(
            text="不发广告", code="ads", category="advertising", detector="keywords", params={"words": ["代购"]}
        ),
    )
    rule_set = rule_set_create(by=by, now=now, name="阅读群群规", branch=branch, content=VersionContent(rules=rules))
    version = version_publish(by=by, now=now, version=rule_set.versions.get(), revision=1)
    draft = draft_open(by=by, now=now, rule_set=rule_set)
    return {
        "rule_set": rule_set.pk,
        "rules_version": version.number,
        "rules_version_pk": version.pk,
        "rules_draft": draft.pk,
        "rule_code": "ads",
    }
