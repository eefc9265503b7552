"""Who came within ranges of days, the channel that brought each, and what became of them: the ledger says who joined
when and who paid what, one look at the events of those members the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db.models import Q

from activity.models import BuiltInKind, Event
from analytics import kernels_ledger as kernels
from analytics.channels.scope import Cohorts, Scope
from analytics.columns import Columns, Flags, Ints, Shard, allowed
from analytics.health.days import Days
from analytics.index.whole import whole_index
from analytics.ledger.columns import NEVER
from analytics.ledger.reading import Ledger, size_of
from analytics.ledger.rows import PARTS, currency_word
from analytics.queries.base import Names, Stored
from analytics.queries.periods import millis
from analytics.queries.running import run_here
from analytics.sources import event_columns, numbers_of, with_ids

EVER = millis(datetime(9999, 1, 1, tzinfo=UTC))
CURRENCY = "CNY"  # of an order that nobody told the currency of


@dataclass
class Takings:
    """By channel how many orders there were, and in each currency what was earned day by day, in hundredths: refunds
    are taken off."""

    orders: dict[int, int] = field(default_factory=dict)
    earned: dict[int, dict[str, Ints]] = field(default_factory=dict)


@dataclass(frozen=True)
class Cohort:
    """Of one range: each channel (0 where none is known) with what its members did."""

    steps: list[tuple[int, int, int, int, int]]
    """(channel, members, friends, buyers, friends who bought)"""
    takings: Takings
    clicks: list[tuple[int, int, int]]
    """(channel, people who clicked a link before they were in any group, how many of them joined since)"""


def cohorts_of(ranges: Sequence[Cohorts], names: Names) -> list[Cohort]:
    """One for each range of one scope. Ranges must not overlap."""
    return _Counting(ranges, names).cohorts()


class _Counting:
    """Arrays by member, filled step by step."""

    def __init__(self, ranges: Sequence[Cohorts], names: Names) -> None:
        self.scope, self.names = ranges[0].scope, names
        self.spans = np.array(
            [(millis(r.days.start), _end(min(r.days.end, r.until)), _end(r.until)) for r in ranges], np.int64
        )
        self.days = Days(min(r.days.first for r in ranges), max(r.last for r in ranges))
        self.firsts = [(r.days.first - self.days.first).days for r in ranges]
        self.lasts = [(r.last - self.days.first).days + 1 for r in ranges]
        self.allow = groups_allowed(self.scope)
        self.ledger = Ledger.now()
        self.first = first_joined(self.ledger, self.scope, self.allow)
        self.touch = np.zeros(len(self.first), np.int32)
        self.friend, self.buyer = np.zeros((2, len(self.first)), np.bool_)
        self.members = [
            np.flatnonzero((self.first >= start) & (self.first < end)) for start, end, _until in self.spans.tolist()
        ]

    def cohorts(self) -> list[Cohort]:
        clicks = self._clicks()
        takings = self._takings()
        return [Cohort(self._steps(r), takings[r], clicks[r]) for r in range(len(self.spans))]

    def _kind(self, kind: BuiltInKind) -> int:
        return self.names.kind(kind) or -1

    def _clicks(self) -> list[list[tuple[int, int, int]]]:
        """Looks at the events, also for what is asked of them besides."""
        friended, click = self._kind(BuiltInKind.FRIENDED), self._kind(BuiltInKind.LINK_CLICK)

        def look(shard: Shard) -> Ints:
            kernels.touches(shard, self.spans, self.first, self.allow, friended, self.touch, self.friend)
            if self.scope.is_whole:
                return kernels.clicked(shard, self.spans, self.first, click)
            return np.zeros((0, 3), np.int64)

        span, channel, came = np.concatenate(run_here(self._shards(), look)).T
        told: list[list[tuple[int, int, int]]] = []
        for r in range(len(self.spans)):
            of = channel[span == r]
            people, joined = np.bincount(of), np.bincount(of, weights=came[span == r]).astype(np.int64)
            told.append([(n, int(people[n]), int(joined[n])) for n in np.flatnonzero(people).tolist()])
        return told

    def _shards(self) -> Sequence[Stored]:
        until = int(self.spans[:, 2].max())
        return whole_index(since=None, until=until, kinds=None) or [self._read(until)]

    def _read(self, until: int) -> Shard:
        """From the database, of these events alone: it has indexes of the few that carry a channel."""
        members = np.sort(np.concatenate(self.members))
        events = Event.objects.order_by().filter(at__lt=_moment(until))
        telling = Q(channel__isnull=False) | Q(kind_id=self._kind(BuiltInKind.FRIENDED))
        rows = event_columns(with_ids(events.filter(telling), members.tolist(), "member_id"))
        if self.scope.is_whole:
            start, end = (_moment(int(ms)) for ms in (self.spans[:, 0].min(), self.spans[:, 1].max()))
            clicks = events.filter(kind_id=self._kind(BuiltInKind.LINK_CLICK), channel__isnull=False)
            more = event_columns(clicks.filter(at__gte=start, at__lt=end))
            other = ~np.isin(more[0], members)
            rows = tuple(np.append(one, two[other]) for one, two in zip(rows, more, strict=True))
        return Columns.build(*rows).shard()

    def _takings(self) -> list[Takings]:
        asked = (self.spans, self.first, self.allow, self.touch, self.days.edges, self.buyer)
        cell, amount, currency = (np.zeros(0, np.int64) for _column in range(3))
        words: list[str] = []
        for table, skip in self.ledger.payments(np.sort(np.concatenate(self.members))):
            *found, codes = kernels.paid(table, skip, *asked)
            own = [currency_word(code) or CURRENCY for code in codes.tolist()]
            words += [word for word in dict.fromkeys(own) if word not in words]
            found[2] = np.array([words.index(word) for word in own], np.int64)[found[2]]
            cell, amount, currency = (np.append(*pair) for pair in zip((cell, amount, currency), found, strict=True))
        told = [Takings() for _span in self.spans]
        if not len(cell):
            return told
        cells, row = np.unique(cell * len(words) + currency, return_inverse=True)
        sums = np.zeros(len(cells), np.int64)
        np.add.at(sums, row, amount)
        size = len(self.days)
        shape = (len(self.spans), int(self.touch.max(initial=0)) + 1, 2, size, len(words))
        span, channel, back, day, word = np.unravel_index(cells, shape)
        signed = np.where(back == 1, -1, 1) * cents_of(sums)
        lines, line = np.unique(np.stack([span, channel, word]), axis=1, return_inverse=True)
        earned = np.zeros((lines.shape[1], size), np.int64)
        np.add.at(earned, (line, day), signed)
        orders = np.bincount(line, weights=np.bincount(row, minlength=len(cells)) * (back == 0))
        for place, (r, number, code) in enumerate(lines.T.tolist()):
            of = told[r]
            of.orders[number] = of.orders.get(number, 0) + int(orders[place])
            of.earned.setdefault(number, {})[words[code]] = earned[place, self.firsts[r] : self.lasts[r]]
        return told

    def _steps(self, r: int) -> list[tuple[int, int, int, int, int]]:
        members = self.members[r]
        touch, friend, buyer = self.touch[members], self.friend[members], self.buyer[members]
        counts = [np.bincount(touch[flags]) for flags in (slice(None), friend, buyer, friend & buyer)]
        size = len(counts[0])
        whole = np.stack([np.pad(count, (0, size - len(count))) for count in counts])
        return [(n, *whole[:, n].tolist()) for n in np.flatnonzero(whole[0]).tolist()]


def groups_allowed(scope: Scope) -> Flags:
    """The groups of a scope as kernels take them."""
    return allowed(None if scope.is_whole else numbers_of(scope.groups().order_by().values_list("pk")))


def first_joined(ledger: Ledger, scope: Scope, allow: Flags) -> Ints:
    """By number of the member when they first joined a group of the scope; NEVER for who did not."""
    places = ledger.places(None if scope.is_whole else scope.groups())
    first = np.full(size_of(places), NEVER)
    for table, skip in places:
        kernels.first_joined(table, skip, allow, first)
    return first


def cents_of(amounts: Ints) -> Ints:
    """Of ten-thousandths; a half goes to the even one, as in decimals."""
    whole, rest = np.divmod(amounts, PARTS // 100)
    half = PARTS // 200
    return np.asarray(whole + ((rest > half) | ((rest == half) & (whole % 2 == 1))), np.int64)


def _end(moment: datetime) -> int:
    """The first millisecond that is not before it: events are kept to the millisecond, a moment is not."""
    return millis(moment + timedelta(microseconds=999))


def _moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
