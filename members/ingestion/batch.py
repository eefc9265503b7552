"""From a batch of events to rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce

from accounts.models import User
from activity.models import BuiltInKind
from activity.services import EventRow, channels_ensure, keys_known, kinds_ensure, record_batch
from community_ops.lib.sql import lock_name
from groups.models import Group
from groups.services import groups_ensure
from members.identities import erased_among, share_identities
from members.ingestion.arrivals import BY_HAND, Arrival, prepare
from members.ingestion.derived import derived_apply
from members.ingestion.inviting import inviters_apply
from members.models import Member, Membership
from members.services import members_ensure

# One transaction each: large enough to be quick, small enough that other writers never wait for long.
BATCH = 20_000
INVITED = BuiltInKind.INVITED.value
MESSAGE = BuiltInKind.MESSAGE.value


class IncomingEvent(NamedTuple):
    """An event as its source tells it.

    `key` is from activity.services.event_key(), `at` in UTC to the millisecond (to_millisecond()), `properties` is JSON
    text. Empty `group` and `channel` mean none.
    """

    key: str
    member: str
    group: str
    kind: str
    at: datetime
    channel: str = ""
    value: Decimal | None = None
    properties: str | None = None


class Refused(NamedTuple):
    """An event that cannot be used as it is. It keeps its place in the batch, and its key where it has one: a known key
    is a duplicate, whatever comes with it."""

    code: str
    key: str = ""


@dataclass(frozen=True)
class Rejection:
    """`index` is the place in the batch; `code` one of those of Refused, or unknown_member, unknown_group,
    erased_member."""

    index: int
    code: str


@dataclass
class Outcome:
    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejection] = field(default_factory=list)


def ingest(
    *,
    events: Sequence[IncomingEvent | Refused],
    source: str,
    by: User | None,
    create_missing: bool,
    now: datetime,
    follow: Callable[[Sequence[EventRow]], None] | None = None,
    texts: Mapping[str, str] | None = None,
) -> Outcome:
    """Takes events in, in their order, in transactions of at most BATCH events.

    `source` names the sender whose keys these are: two batches of one source at the same time are taken one after the
    other. `by` limits the reach: staff of a branch write into groups of their branch, about members who are in one of
    them or in no group at all, and what `create_missing` makes belongs to their branch. Whatever is out of reach is
    rejected with the same code as what does not exist. `follow` gets the events that are new, in the transaction that
    adds them: what it writes is there exactly when they are. `texts` are what messages say, by their keys, for the
    apps above (see arrivals.py).
    """
    outcome = Outcome()
    for start in range(0, len(events), BATCH):
        with transaction.atomic():
            part = _ingest_batch(events[start : start + BATCH], source, by, create_missing, now, follow, texts or {})
        outcome.accepted += part.accepted
        outcome.duplicates += part.duplicates
        outcome.rejected += [Rejection(start + rejection.index, rejection.code) for rejection in part.rejected]
    return outcome


@dataclass
class _Names:
    """What a set of external ids stands for: numbers of those in reach, and names of those out of it."""

    found: dict[str, int] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)

    def add(self, name: str, number: int, within_reach: bool) -> None:
        if within_reach:
            self.found[name] = number
        else:
            self.hidden.add(name)


def _look_up_groups(names: Collection[str], by: User | None, into: _Names) -> None:
    branch = by.branch_id if by else None
    rows = Group.objects.filter(external_id__among=names).order_by().values_list("external_id", "pk", "branch_id")
    for name, number, owner in rows:
        into.add(name, number, branch is None or owner == branch)


def _look_up_members(names: Collection[str], by: User | None, into: _Names) -> None:
    # What is sent under the id of a member who was merged is the other one's.
    rows = Member.objects.filter(external_id__among=names).order_by().annotate(who=Coalesce("merged_into_id", "pk"))
    if by is None or by.branch_id is None:
        into.found.update(rows.values_list("external_id", "who"))
        return
    memberships = Membership.objects.filter(member=OuterRef("who"))
    here = Exists(memberships.filter(group__branch_id=by.branch_id))
    placed = rows.annotate(here=here, anywhere=Exists(memberships))
    for name, number, is_here, is_anywhere in placed.values_list("external_id", "who", "here", "anywhere"):
        into.add(name, number, is_here or not is_anywhere)


def _ingest_batch(
    events: Sequence[IncomingEvent | Refused],
    source: str,
    by: User | None,
    create_missing: bool,
    now: datetime,
    follow: Callable[[Sequence[EventRow]], None] | None,
    texts: Mapping[str, str],
) -> Outcome:
    share_identities()
    lock_name(int.from_bytes(blake2b(source.encode(), digest_size=8).digest(), "big", signed=True))
    outcome = Outcome()
    groups, members = _Names(), _Names()
    well_formed = [event for event in events if isinstance(event, IncomingEvent)]
    group_names = {event.group for event in well_formed} - {""}
    member_names = {event.member for event in well_formed}
    _look_up_groups(group_names, by, groups)
    _look_up_members(member_names, by, members)
    unknown_groups, unknown_members = group_names - groups.found.keys(), member_names - members.found.keys()
    erased = erased_among(unknown_members - members.hidden)

    def verdict(event: IncomingEvent) -> str:
        """Why the event cannot be taken, or nothing."""
        if event.group in unknown_groups and (event.group in groups.hidden or not create_missing):
            return "unknown_group"
        if event.member in unknown_members and (event.member in members.hidden or not create_missing):
            return "unknown_member"
        return ""

    # Only what would be rejected, or would make a member or group, needs to be known as a duplicate beforehand.
    known = keys_known(
        [
            event.key
            for event in events
            if event.key
            and (isinstance(event, Refused) or event.member in unknown_members or event.group in unknown_groups)
        ]
    )
    chosen: list[IncomingEvent] = []
    places: list[int] = []
    taken: set[str] = set()
    for index, event in enumerate(events):
        if isinstance(event, IncomingEvent) and event.member in erased:
            outcome.rejected.append(Rejection(index, "erased_member"))
        elif event.key in taken or event.key in known:
            outcome.duplicates += 1
        elif isinstance(event, Refused):
            outcome.rejected.append(Rejection(index, event.code))
        elif (event.member in unknown_members or event.group in unknown_groups) and (code := verdict(event)):
            outcome.rejected.append(Rejection(index, code))
        else:
            taken.add(event.key)
            chosen.append(event)
            places.append(index)

    missing_groups = unknown_groups and {event.group for event in chosen if event.group in unknown_groups}
    missing_members = unknown_members and {event.member for event in chosen if event.member in unknown_members}
    if missing_groups:
        groups_ensure(external_ids=missing_groups, branch=by.branch if by else None, now=now)
        _look_up_groups(missing_groups, by, groups)
    if missing_members:
        members_ensure(external_ids=missing_members)
        _look_up_members(missing_members, by, members)
    if (missing_groups & groups.hidden) or (missing_members & members.hidden):
        # Somebody else has made the same name elsewhere in this very moment.
        verdicts = [verdict(event) for event in chosen]
        outcome.rejected += [Rejection(place, code) for place, code in zip(places, verdicts, strict=True) if code]
        outcome.rejected.sort(key=lambda rejection: rejection.index)
        chosen = [event for event, code in zip(chosen, verdicts, strict=True) if not code]

    kinds = kinds_ensure({event.kind for event in chosen})
    channels: dict[str, int | None] = {**channels_ensure({event.channel for event in chosen} - {""}), "": None}
    numbers, group_numbers = members.found, {**groups.found, "": None}
    arrivals = [
        Arrival(
            EventRow(key, numbers[member], group_numbers[group], kinds[kind], at, channels[channel], value, properties),
            kind,
            texts.get(key, ""),
            source == BY_HAND,
        )
        for key, member, group, kind, at, channel, value, properties in chosen
    ]
    expected = prepare([arrival for arrival in arrivals if arrival.text or arrival.kind != MESSAGE], now)
    sent = _by_their_keys(arrivals, {key: own for each in expected for key, own in each.keys.items()})
    keys = {arrival.row.key for arrival in sent}
    more = {arrival.row.key: arrival for each in expected for arrival in each.more if arrival.row.key not in keys}
    rows = [arrival.row for arrival in (*sent, *more.values())]
    recorded = record_batch(rows)
    new_keys = keys | more.keys() if recorded.new_keys is None else recorded.new_keys
    fresh = [arrival for arrival in sent if arrival.row.key in new_keys]
    outcome.accepted = len(fresh)
    outcome.duplicates += len(arrivals) - len(fresh)
    sayings = [(row.member_id, row.properties) for row, kind, *_rest in fresh if kind == INVITED and row.properties]
    if sayings:
        inviters_apply(by=by, sayings=sayings, touched={arrival.row.member_id for arrival in fresh})
    followed = [arrival for key, arrival in more.items() if key in new_keys]
    derived_apply([(row.member_id, row.group_id, kind, row.at) for row, kind, *_rest in (*fresh, *followed)], now=now)
    if follow:
        follow([arrival.row for arrival in fresh])
    for each in expected:
        if each.then:
            each.then(new_keys)
    return outcome


def _by_their_keys(arrivals: Sequence[Arrival], keys: Mapping[str, str]) -> list[Arrival]:
    """The events under the keys of what they stand for, each thing once. One that came in under the key it was sent
    with, before anybody knew what it stands for, is left out."""
    if not keys:
        return list(arrivals)
    known = keys_known(list(keys))
    found: dict[str, Arrival] = {}
    for arrival in arrivals:
        key = arrival.row.key
        if key not in known:
            found.setdefault(keys.get(key, key), arrival._replace(row=arrival.row._replace(key=keys.get(key, key))))
    return list(found.values())
