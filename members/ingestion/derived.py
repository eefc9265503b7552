"""What follows from new events: memberships, what is known of each member, and the figures of groups.

Events come in any order, so every value here only ever moves outwards: the earliest, the latest, the furthest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from activity.models import PRESENCE_KINDS, BuiltInKind
from community_ops.lib.sql import RowStatement
from members.ingestion.figures import group_figures_recount, lock_groups
from members.models import JourneyStage, Member

STAGES: dict[str, int] = {
    BuiltInKind.FRIENDED: JourneyStage.FRIEND,
    BuiltInKind.LEAD: JourneyStage.LEAD,
    BuiltInKind.TRIAL: JourneyStage.LEAD,
    BuiltInKind.ORDERED: JourneyStage.CUSTOMER,
}


# Member, group, kind and instant: the part of a new event that something follows from.
Happening = tuple[int, int | None, str, datetime]


def _membership_statement(*, seen: bool) -> RowStatement:
    """Adds memberships or widens them. `seen` says that the rows are evidence of presence: only such moves
    last_seen_at of a membership that exists."""
    table = "members_membership"
    into = f"INSERT INTO {table} (member_id, group_id, joined_at, last_seen_at, left_at, introduced_at)"
    conflict = "ON CONFLICT (member_id, group_id) DO UPDATE SET"

    def changes(least: str, greatest: str) -> str:
        columns = [f"joined_at = {least}({table}.joined_at, excluded.joined_at)"]
        if seen:
            columns.append(f"last_seen_at = {greatest}({table}.last_seen_at, excluded.last_seen_at)")
        # SQLite's min() and max() of several values are empty when one of them is; PostgreSQL's are not.
        for name, outermost in (("left_at", greatest), ("introduced_at", least)):
            mine, new = f"{table}.{name}", f"excluded.{name}"
            columns.append(f"{name} = COALESCE({outermost}({mine}, {new}), {mine}, {new})")
        return ", ".join(columns)

    return RowStatement(
        types=("bigint", "bigint", "timestamptz", "timestamptz", "timestamptz", "timestamptz"),
        sqlite=f"{into} VALUES (%s, %s, %s, %s, %s, %s) {conflict} {changes('min', 'max')}",
        postgresql=f"{into} SELECT * FROM {{rows}} {conflict} {changes('LEAST', 'GREATEST')}",  # noqa: S608
    )


_SEEN = _membership_statement(seen=True)
_NAMED = _membership_statement(seen=False)
_MEMBERS = RowStatement(
    types=("timestamptz", "timestamptz", "smallint", "bigint"),
    sqlite="UPDATE members_member SET first_seen_at = min(first, COALESCE(first_seen_at, first)), "
    "last_seen_at = max(last, COALESCE(last_seen_at, last)), stage = max(stage, reached) "
    "FROM (SELECT %s AS first, %s AS last, %s AS reached) AS fresh WHERE id = %s",
    postgresql="UPDATE members_member AS known SET first_seen_at = LEAST(known.first_seen_at, fresh.first), "
    "last_seen_at = GREATEST(known.last_seen_at, fresh.last), stage = GREATEST(known.stage, fresh.reached) "
    "FROM {rows} AS fresh(first, last, reached, id) WHERE known.id = fresh.id",
)


def derived_apply(happenings: Sequence[Happening], *, now: datetime) -> None:
    """Writes what follows from events that were just added. Must run in their transaction.

    Rows are locked in one order, members before groups and each by number, so that batches that touch the same ones
    wait for each other and never in a circle.
    """
    if not happenings:
        return
    # [first, last, stage] of each member; [first, last seen, left, introduced] of each membership.
    members: dict[int, list[Any]] = {}
    memberships: dict[tuple[int, int], list[Any]] = {}
    latest: dict[int, datetime] = {}
    for member_id, group_id, kind, at in happenings:
        stage = STAGES.get(kind, 0)
        member = members.get(member_id)
        if member is None:
            member = members[member_id] = [at, at, stage]
        elif at > member[1]:
            member[1] = at
        elif at < member[0]:
            member[0] = at
        if stage > member[2]:
            member[2] = stage
        if group_id is None:
            continue
        pair = memberships.get((member_id, group_id))
        if pair is None:
            pair = memberships[member_id, group_id] = [at, None, None, None]
        elif at < pair[0]:
            pair[0] = at
        if kind in PRESENCE_KINDS:
            if pair[1] is None or at > pair[1]:
                pair[1] = at
            if kind == BuiltInKind.INTRODUCED and (pair[3] is None or at < pair[3]):
                pair[3] = at
        elif kind == BuiltInKind.LEFT and (pair[2] is None or at > pair[2]):
            pair[2] = at
        if group_id not in latest or at > latest[group_id]:
            latest[group_id] = at
    for member_id, _group_id in memberships:
        members[member_id][2] = max(members[member_id][2], JourneyStage.IN_GROUP)

    lock_members(members)
    lock_groups(latest)
    pairs = sorted(memberships.items())
    _SEEN.execute([(*pair, *values) for pair, values in pairs if values[1] is not None])
    _NAMED.execute(
        [(*pair, first, first, left, None) for pair, (first, seen, left, _introduced) in pairs if seen is None]
    )
    _MEMBERS.execute([(first, last, stage, number) for number, (first, last, stage) in sorted(members.items())])
    group_figures_recount(latest, now=now)


def lock_members(numbers: Iterable[int]) -> None:
    if connection.features.has_select_for_update:
        rows = Member.objects.filter(pk__in=list(numbers)).order_by("pk").select_for_update(no_key=True)
        list(rows.values_list("pk"))
