"""Events that the product itself writes because a person did something, and how they are taken back.

Events are only ever added, with this one exception: what was written because a person said "done" is deleted when that
person takes it back, for it never happened. A second event against it would count as a departure and a return that
nobody made. Events of other systems cannot be taken back this way: their keys are not known here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Max, Min, Q

from activity.models import PRESENCE_KINDS, BuiltInKind, Event
from activity.services import event_key, events_delete, to_millisecond
from groups.models import Group
from members.ingestion.arrivals import BY_HAND
from members.ingestion.batch import IncomingEvent, ingest
from members.ingestion.derived import STAGES, lock_members
from members.ingestion.figures import group_figures_recount, lock_groups
from members.models import JourneyStage, Member, Membership

SOURCE = BY_HAND


class Deed(NamedTuple):
    """Something that a person did with a member. `ref` names it once and for all."""

    ref: str
    member: Member
    group: Group | None
    kind: str
    at: datetime
    channel: str = ""
    properties: dict[str, Any] | None = None


def events_by_hand(*, deeds: Iterable[Deed], now: datetime) -> None:
    """Writes an event for each deed, and what follows from it. A deed whose `ref` is known already is written once."""
    events = [
        IncomingEvent(
            event_key(SOURCE, deed.ref),
            deed.member.external_id,
            deed.group.external_id if deed.group else "",
            deed.kind,
            to_millisecond(deed.at),
            deed.channel,
            None,
            json.dumps(deed.properties, ensure_ascii=False) if deed.properties else None,
        )
        for deed in deeds
    ]
    ingest(events=events, source=SOURCE, by=None, create_missing=False, now=now)


def events_take_back(*, refs: Collection[str], now: datetime) -> int:
    """Deletes the events of these deeds, and reads anew from the remaining ones what followed from them; returns how
    many there were. A membership without any other evidence goes as well."""
    with transaction.atomic():
        keys = [event_key(SOURCE, ref) for ref in refs]
        events = Event.objects.filter(key__among=keys)
        pairs: dict[int, set[int]] = defaultdict(set)
        for member_id, group_id in events.order_by().values_list("member_id", "group_id"):
            pairs[member_id] |= {group_id} if group_id is not None else set()
        if not pairs:
            return 0
        groups = sorted({group for own in pairs.values() for group in own})
        lock_members(pairs)
        lock_groups(groups)
        count = events_delete(keys=keys)
        _memberships_reread(pairs)
        _members_reread(pairs)
        newest = Event.objects.filter(group_id__in=groups).order_by().values("group_id").annotate(newest=Max("at"))
        latest = dict.fromkeys(groups, now)
        latest.update({row["group_id"] or 0: row["newest"] for row in newest})
        group_figures_recount(latest, now=now)
        return count


def _memberships_reread(pairs: dict[int, set[int]]) -> None:
    presence = Q(kind__slug__in=list(PRESENCE_KINDS))
    rows = (
        Event.objects.filter(member_id__among=list(pairs), group_id__isnull=False)
        .order_by()
        .values("member_id", "group_id")
        .annotate(
            first=Min("at"),
            seen=Max("at", filter=presence),
            left=Max("at", filter=Q(kind__slug=BuiltInKind.LEFT)),
            introduced=Min("at", filter=Q(kind__slug=BuiltInKind.INTRODUCED)),
        )
    )
    known = {(row["member_id"], row["group_id"]): row for row in rows}
    changed, groundless = [], []
    for membership in Membership.objects.filter(member_id__in=list(pairs)).order_by("pk"):
        if membership.group_id not in pairs[membership.member_id]:
            continue
        row = known.get((membership.member_id, membership.group_id))
        if row is None:
            groundless.append(membership.pk)
            continue
        membership.joined_at, membership.last_seen_at = row["first"], row["seen"] or row["first"]
        membership.left_at, membership.introduced_at = row["left"], row["introduced"]
        changed.append(membership)
    Membership.objects.bulk_update(changed, ["joined_at", "last_seen_at", "left_at", "introduced_at"], batch_size=200)
    Membership.objects.filter(pk__in=groundless).delete()


def _members_reread(numbers: Iterable[int]) -> None:
    rows = (
        Event.objects.filter(member_id__among=list(numbers))
        .order_by()
        .values("member_id", "kind__slug")
        .annotate(first=Min("at"), last=Max("at"), placed=Max("group_id"))
    )
    told: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        told[row["member_id"]].append(row)
    members = list(Member.objects.filter(pk__among=list(numbers)))
    for member in members:
        own = told[member.pk]
        member.first_seen_at = min((row["first"] for row in own), default=None)
        member.last_seen_at = max((row["last"] for row in own), default=None)
        in_group = JourneyStage.IN_GROUP if any(row["placed"] is not None for row in own) else JourneyStage.KNOWN
        member.stage = max([in_group, *(STAGES.get(row["kind__slug"], 0) for row in own)])
    Member.objects.bulk_update(members, ["first_seen_at", "last_seen_at", "stage"], batch_size=200)
