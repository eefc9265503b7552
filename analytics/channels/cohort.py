"""A cohort and what it did, as columns: the events are read in one pass. To look them up member by member would be to
read all that each of them ever did, since no index of the database knows kinds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db.models import BigIntegerField, BooleanField, Case, F, Func, Min, OuterRef, Subquery, Value, When
from django.db.models.functions import Cast, Coalesce, Round
from django.db.models.sql.compiler import SQLCompiler

from activity.models import BuiltInKind
from analytics.channels.money import CENT
from analytics.channels.scope import Cohorts
from analytics.columns import Columns, Flags, Ints
from analytics.health.days import ONE, Days, local_day
from analytics.index.source import source_of
from analytics.kernels import NEVER
from analytics.queries.base import Names
from analytics.queries.periods import millis
from analytics.queries.running import events_read
from analytics.sources import EpochMillis, Selection, numbers_of, with_ids
from campaigns.orders.models import Order
from members.models import Membership

CURRENCY = "CNY"  # of an order that nobody told the currency of
# Values of events have four places.
PARTS = 10_000
DEEDS = (BuiltInKind.FRIENDED, BuiltInKind.ORDERED, BuiltInKind.REFUNDED)


@dataclass(frozen=True)
class Cohort:
    """Members in ascending order, the channel that brought each (0 where none is known), and what became of them:
    `money` holds the members and instants of what they ordered and were given back since they joined."""

    members: Ints
    touch: Ints
    friend: Flags
    buyer: Flags
    money: tuple[Ints, Ints]

    @classmethod
    def of(cls, cohorts: Cohorts, names: Names) -> Cohort:
        touch = Coalesce("touch", Value(0), output_field=BigIntegerField())
        rows = numbers_of(cohorts.rows().values_list("member_id", EpochMillis(F("joined_at")), touch)).reshape(-1, 3)
        members, joined, channel = rows[np.argsort(rows[:, 0])].T
        events = _deeds(cohorts, members, names)
        place = np.searchsorted(members, events.members)[events.rows()]
        seen = _seen(cohorts, events)
        since = seen & (events.at >= joined[place])
        is_friended, is_ordered, is_refunded = (events.kind == (names.kind(kind) or 0) for kind in DEEDS)
        friend, buyer = np.zeros((2, len(members)), np.bool_)
        friend[place[seen & is_friended]] = True
        buyer[place[since & is_ordered]] = True
        paid = since & (is_ordered | is_refunded)
        return cls(members, channel, friend, buyer, (members[place[paid]], events.at[paid]))

    def steps(self) -> Iterator[tuple[int, int, int, int, int]]:
        """(channel, members, friends, buyers, friends who bought)."""
        channels, place = np.unique(self.touch, return_inverse=True)
        counts = [
            np.bincount(place, weights=flags, minlength=len(channels)).astype(np.int64).tolist()
            for flags in (None, self.friend, self.buyer, self.friend & self.buyer)
        ]
        yield from zip(channels.tolist(), *counts, strict=True)


def _deeds(cohorts: Cohorts, members: Ints, names: Names) -> Columns:
    source = source_of(Selection(cohorts.scope.user, member_ids=frozenset(members.tolist())))
    return events_read(source, names, since=None, until=_end(cohorts.until), kinds=DEEDS)


def _seen(cohorts: Cohorts, events: Columns) -> Flags:
    """Which of the events happened in a group of the scope, or outside of any."""
    if cohorts.scope.is_whole:
        return np.ones(len(events), np.bool_)
    groups = numbers_of(cohorts.scope.groups().order_by().values_list("pk"))
    return np.isin(events.group, np.append(groups, 0))


def _end(moment: datetime) -> int:
    """The first millisecond that is not before it: events are kept to the millisecond, a moment is not."""
    return millis(moment + timedelta(microseconds=999))


def clicks(cohorts: Cohorts, names: Names) -> Iterator[tuple[int, int, int]]:
    """(channel, people who clicked a link before they were in any group, how many of them joined since)."""
    until = min(cohorts.days.end, cohorts.until)
    source = source_of(Selection(cohorts.scope.user))
    events = events_read(
        source, names, since=millis(cohorts.days.start), until=_end(until), kinds=[BuiltInKind.LINK_CLICK]
    )
    named = events.channel > 0
    members, place = np.unique(events.members[events.rows()[named]], return_inverse=True)
    first = _first_joined(members)
    strange = first[place] >= events.at[named]
    width = len(members) + 1
    pairs = np.unique(events.channel[named][strange].astype(np.int64) * width + place[strange])
    came = first[pairs % width] < _end(cohorts.until)
    channels, row = np.unique(pairs // width, return_inverse=True)
    joined = np.bincount(row, weights=came, minlength=len(channels)).astype(np.int64)
    yield from zip(channels.tolist(), np.bincount(row, minlength=len(channels)).tolist(), joined.tolist(), strict=True)


def _first_joined(members: Ints) -> Ints:
    """When each of them, in ascending order, first came into a group."""
    places = with_ids(Membership.objects.order_by(), members.tolist(), "member_id").values("member_id")
    rows = places.annotate(first=EpochMillis(Min("joined_at"))).values_list("member_id", "first")
    found = numbers_of(rows).reshape(-1, 2)
    first = np.full(len(members), NEVER)
    first[np.searchsorted(members, found[:, 0])] = found[:, 1]
    return first


def takings(cohorts: Cohorts, cohort: Cohort, names: Names) -> Iterator[tuple[int, bool, str, date, int, Decimal]]:
    """(channel, is a refund, currency, day, how many, how much). A refund is in the currency of the order before it."""
    if not len(cohort.money[0]):
        return
    ordered, refunded = names.kind(BuiltInKind.ORDERED), names.kind(BuiltInKind.REFUNDED)
    orders = Order.objects.order_by("-ordered_at", "-pk")
    told = orders.filter(key=OuterRef("key")).values("currency")[:1]
    last = orders.filter(member=OuterRef("member_id"), ordered_at__lte=OuterRef("at")).values("currency")[:1]
    events = cohorts.scope.events_of_members().filter(
        _At(*cohort.money), kind_id__in=[kind for kind in (ordered, refunded) if kind]
    )
    rows = events.values_list(
        "member_id",
        EpochMillis(F("at")),
        "kind_id",
        Cast(Round(Coalesce(F("value"), Value(Decimal(0))) * PARTS), BigIntegerField()),
        Coalesce(Case(When(kind_id=ordered, then=Subquery(told)), default=Subquery(last)), Value(CURRENCY)),
    )
    *numbers, words = zip(*rows, strict=True)
    member, at, kind, amount = np.array(numbers, np.int64)
    days = Days(local_day(_moment(int(at.min()))), local_day(_moment(int(at.max()))))
    currencies, currency = np.unique(np.array(words), return_inverse=True)
    touch, is_refund = cohort.touch[np.searchsorted(cohort.members, member)], kind == refunded
    shape = (int(touch.max()) + 1, 2, len(currencies), len(days))
    keys, row = np.unique(
        np.ravel_multi_index((touch, is_refund.astype(np.int64), currency, days.place(at)), shape), return_inverse=True
    )
    sums = np.zeros(len(keys), np.int64)
    np.add.at(sums, row, amount)
    columns = [column.tolist() for column in (*np.unravel_index(keys, shape), np.bincount(row), sums)]
    for channel, back, code, day, number, total in zip(*columns, strict=True):
        much = (Decimal(total) / PARTS).quantize(CENT)
        yield channel, bool(back), str(currencies[code]), days.first + day * ONE, number, much


def _moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


class _At(Func):
    """Events of these members at these instants, one by one through the index of both, as one or two parameters."""

    output_field = BooleanField()

    def __init__(self, members: Ints, at: Ints) -> None:
        super().__init__(F("member_id"), F("at"))
        self.members = members.tolist()
        self.at = [_moment(ms).replace(tzinfo=None) for ms in at.tolist()]

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        template = "(%(expressions)s) IN (SELECT value ->> 0, value ->> 1 FROM json_each(%%s))"
        sql, params = self.as_sql(compiler, connection, template=template, **extra)
        # As Django stores an instant.
        pairs = json.dumps([[member, str(at)] for member, at in zip(self.members, self.at, strict=True)])
        return sql, (*params, pairs)

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        template = "(%(expressions)s) IN (SELECT * FROM unnest(%%s::bigint[], %%s::timestamptz[]))"
        sql, params = self.as_sql(compiler, connection, template=template, **extra)
        members = ",".join(map(str, self.members))
        at = ",".join(f'"{moment}+00"' for moment in self.at)
        return sql, (*params, f"{{{members}}}", f"{{{at}}}")
