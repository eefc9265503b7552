"""Where reports get their events from: SQL, read straight into arrays.

`SqlSource` implements `analytics.queries.base.Source` for everything; `analytics.index` takes its place for selections
that are too large to be read from SQL. The queries know nothing of either.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import DatabaseError
from django.db import connection as database
from django.db.models import Aggregate, BigIntegerField, DateTimeField, F, Func, Q, QuerySet, TextField
from django.db.models.functions import Coalesce
from django.db.models.sql.compiler import SQLCompiler
from django.utils.translation import gettext as _

from accounts.models import Branch, User
from activity.models import Channel, Event, EventKind
from analytics.columns import Columns, Ints, Shard, marked
from groups.models import CommunityType, Group, Motivation
from members.models import Member, Membership

if TYPE_CHECKING:
    from analytics.queries.base import Stored  # its kernels bring a compiler, which workers have no use for

GROUP_FIELDS = {
    "group": "external_id",
    "branch": "branch__code",
    "community_type": "community_type",
    "motivation": "motivation",
}
# A list of up to this many values is sent value by value; a longer one as a single value.
LONG_LIST = 500
# So many members are looked up one by one; of more everybody who comes into question is read.
FEW_MEMBERS = 5_000
# Since SQLite 3.38; half of the time of what it replaces.
_HAS_EPOCH = sqlite3.sqlite_version_info >= (3, 38)


class EpochMillis(Func):
    """An instant as milliseconds since 1970, computed by the database: cheaper than a datetime for each event."""

    output_field = BigIntegerField()

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        # Stored as text, in UTC, with a fraction of six digits or none: 2026-03-01 09:00:00.250000
        # The fraction is cut off first: SQLite would round it, to the next second if need be.
        whole = "substr(%(expressions)s, 1, 19)"
        seconds = f"unixepoch({whole})" if _HAS_EPOCH else f"CAST(strftime('%%%%s', {whole}) AS INTEGER)"
        template = f"({seconds} * 1000 + substr(%(expressions)s, 21, 3))"
        sql, params = self.as_sql(compiler, connection, template=template, **extra)
        return sql, (*params, *params)

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        template = "CAST(floor(extract(epoch FROM %(expressions)s) * 1000) AS bigint)"
        return self.as_sql(compiler, connection, template=template, **extra)


class DayNumber(Func):
    """A day as a number that reads like it: 20260302."""

    output_field = BigIntegerField()

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="CAST(replace(%(expressions)s, '-', '') AS INTEGER)", **extra)

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        template = "CAST(to_char(%(expressions)s, 'YYYYMMDD') AS bigint)"
        return self.as_sql(compiler, connection, template=template, **extra)


class _Unindexed(Func):
    """A column, by default a time, that SQLite does not look up in an index: for most of a table, or for its newest
    rows, reading it in its own order is quicker."""

    template = "%(expressions)s"
    output_field = DateTimeField()

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **extra)


def with_ids(rows: QuerySet[Any], ids: Collection[int], column: str = "pk") -> QuerySet[Any]:
    """The rows whose `column` is one of `ids`, however many these are."""
    if not ids:
        return rows.none()
    if len(ids) <= LONG_LIST:
        return rows.filter(**{f"{column}__in": list(ids)})
    return rows.filter(**{f"{column}__in": _Listed(list(ids))})


class _Listed(Func):
    """Many whole numbers as one parameter: a database limits the number of parameters, not their size."""

    output_field = BigIntegerField()
    contains_aggregate = False

    def __init__(self, ids: list[int]) -> None:
        super().__init__()
        self.ids = ids

    def as_sql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:  # type: ignore[override]
        text = ",".join(map(str, self.ids))
        if connection.vendor == "sqlite":
            return "(SELECT value FROM json_each(%s))", (f"[{text}]",)
        return "(SELECT unnest(%s::bigint[]))", (f"{{{text}}}",)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a report is limited to: what a person may see, and of that these groups or members (None: all)."""

    user: User
    group_ids: frozenset[int] | None = None
    member_ids: frozenset[int] | None = None

    @classmethod
    def of(
        cls,
        user: User,
        *,
        groups: Collection[str] | None,
        members: Collection[str] | None,
        segment: frozenset[int] | None = None,
    ) -> Selection:
        """By external ids; unknown ones select nobody. `segment` holds the numbers of the members of one."""
        chosen = _known(Member, members)
        if segment is not None:
            chosen = segment if chosen is None else chosen & segment
        return cls(user, _known(Group, groups), chosen)

    def events(self) -> QuerySet[Event]:
        events = self.chosen()
        if not self.user.is_headquarters:
            # A branch sees what happened in its groups, and what its members did outside of any group.
            events = events.filter(
                Q(group_id__in=Group.objects.visible_to(self.user).values("pk"))
                | Q(group_id__isnull=True, member_id__in=Member.objects.visible_to(self.user).values("pk"))
            )
        return events

    def chosen(self, *, by_index: bool = True) -> QuerySet[Event]:
        """The events of its groups or members, without a look at who asks."""
        events = Event.objects.all()
        if self.group_ids is not None:
            events = _in_groups(events, self.group_ids, by_index=by_index)
        if self.member_ids is not None:
            events = with_ids(events, self.member_ids, "member_id")
        return events


def _in_groups(events: QuerySet[Event], ids: Collection[int], *, by_index: bool) -> QuerySet[Event]:
    if by_index:
        return with_ids(events, ids, "group_id")
    return with_ids(events.alias(place=_Unindexed("group_id", output_field=BigIntegerField())), ids, "place")


def _known(model: type[Group | Member], names: Collection[str] | None) -> frozenset[int] | None:
    if names is None:
        return None
    found: set[int] = set()
    wanted = list(names)
    for start in range(0, len(wanted), LONG_LIST):
        part = wanted[start : start + LONG_LIST]
        found.update(model._default_manager.filter(external_id__in=part).values_list("pk", flat=True))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class SqlSource:
    """Reads the events of a selection from the database; with `everything` also those that the person may not see, for
    a reader that leaves them out itself."""

    selection: Selection
    everything: bool = False

    def shards(
        self, *, since: int | None, until: int, kinds: Collection[int] | None, groups: Ints | None = None
    ) -> list[Shard]:
        return [Columns.build(*self.rows(since=since, until=until, kinds=kinds)).shard()]

    def rows(
        self, *, since: int | None, until: int, kinds: Collection[int] | None, after: int = 0,
        members: Collection[int] | None = None, groups: Ints | None = None,
    ) -> tuple[Ints, ...]:  # fmt: skip
        """The same as columns of members, instants, kinds, groups and channels, in the order of arrival; of events with
        a number above `after`, or of these members or groups only (of many groups perhaps others)."""
        # The few newest events are found by their numbers, and those of few members by these: a range of days, or a
        # group, may hold millions.
        by_index = not after and members is None
        events = self.selection.chosen(by_index=by_index) if self.everything else self.selection.events()
        if groups is not None and len(groups) <= LONG_LIST and 0 not in groups:
            events = _in_groups(events, groups.tolist(), by_index=by_index)
        if since is None or after:
            events = events.alias(moment=_Unindexed("at")).filter(moment__lt=_instant(until))
            events = events if since is None else events.filter(moment__gte=_instant(since))
        else:
            events = events.filter(at__gte=_instant(since), at__lt=_instant(until))
        if kinds is not None:
            events = events.filter(kind_id__in=kinds)
        if after:
            events = events.filter(pk__gt=after)
        if members is not None:
            events = with_ids(events, members, "member_id")
        return event_columns(events)


def event_columns(events: QuerySet[Event]) -> tuple[Ints, ...]:
    """Columns of members, instants, kinds, groups and channels, in the order of arrival."""
    rows = events.order_by().values_list(
        "member_id",
        EpochMillis(F("at")),
        "kind_id",
        Coalesce("group_id", 0),
        Coalesce("channel_id", 0),
        "pk",
    )
    columns = numbers_of(rows).reshape(-1, 6)
    # Numbers are given in the order of arrival, which decides within one instant.
    columns = columns[np.argsort(columns[:, 5], kind="stable")]
    return tuple(np.ascontiguousarray(column) for column in columns.T[:5])


def numbers_of(rows: QuerySet[Any, tuple[int, ...]]) -> Ints:
    """Rows of numbers, one after the other. A bare cursor spares half of the time that a queryset takes over them."""
    try:
        sql, params = rows.query.sql_with_params()
    except EmptyResultSet:
        return np.zeros(0, np.int64)
    with database.cursor() as cursor:
        if database.vendor == "sqlite" and not rows.ordered:
            columns = len(rows.query.values_select) + len(rows.query.annotation_select)
            packed = _packed(cursor, sql, params, columns)
            if packed is not None:
                return packed
        cursor.execute(sql, params)
        return np.fromiter(chain.from_iterable(cursor.fetchall()), np.int64)


def _packed(cursor: Any, sql: str, params: Sequence[Any], columns: int) -> Ints | None:
    """The same with each column as one text: SQLite writes and NumPy reads a number in a quarter of the time that a
    Python object for it takes. None where a column holds something else, or more than a text can."""
    names = ", ".join(f"c{number}" for number in range(columns))
    texts = ", ".join(f"group_concat(c{number})" for number in range(columns))
    try:
        cursor.execute(f"WITH found({names}) AS ({sql}) SELECT COUNT(*), {texts} FROM found", params)  # noqa: S608
    except DatabaseError:
        return None
    size, *found = cursor.fetchone()
    if not size:
        return np.zeros(0, np.int64)
    numbers = np.empty((size, columns), np.int64)
    for number, text in enumerate(found):
        if text is None or "." in text or text.count(",") != size - 1:
            return None
        numbers[:, number] = np.fromstring(text, np.int64, sep=",")
    return numbers.ravel()


class _Packed(Aggregate):
    """All values of a column as one text."""

    function = "group_concat"
    output_field = TextField()

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="string_agg((%(expressions)s)::text, ',')", **extra)


def coded_of(rows: QuerySet[Any], text: str, *numbers: str) -> tuple[list[str], Ints]:
    """Columns of a table: the different texts in `text`, in their order, and rows whose first number is the place of
    theirs, with one column more for each of `numbers`. No text may be empty or hold a comma."""
    found = rows.order_by().aggregate(**{f"packed_{name}": _Packed(name) for name in (text, *numbers)})
    packed = list(found.values())
    if packed[0] is None:
        return [], np.zeros((0, 1 + len(numbers)), np.int64)
    words = packed[0].split(",")
    known = {word: place for place, word in enumerate(sorted(set(words)))}
    columns = np.empty((len(words), 1 + len(numbers)), np.int64)
    columns[:, 0] = np.fromiter(map(known.__getitem__, words), np.int64, len(words))
    for place, column in enumerate(packed[1:], start=1):
        columns[:, place] = np.fromstring(column, np.int64, sep=",")
    return list(known), columns


def visible_among(members: Ints, user: User) -> Ints:
    """Those of `members` (sorted numbers) whom a person may see: all for headquarters, for a branch those who are or
    were in one of its groups."""
    if user.branch_id is None or not len(members):
        return members
    groups, places = groups_seen_by(user), Membership.objects.order_by()
    if len(members) > FEW_MEMBERS:
        seen = numbers_of(with_ids(places, groups.tolist(), "group_id").values_list("member_id"))
    else:
        # Asked for some members in some groups, SQLite would look for each in each.
        rows = with_ids(places, members.tolist(), "member_id").values_list("member_id", "group_id")
        member, group = numbers_of(rows).reshape(-1, 2).T
        seen = member[np.isin(group, groups)]
    return members[marked(members, np.unique(seen))]


def groups_seen_by(user: User, *, among: Ints | None = None) -> Ints:
    """Those of `among` where these are few, else all."""
    groups = Group.objects.visible_to(user)
    if among is not None and len(among) <= LONG_LIST:
        groups = groups.filter(pk__in=among.tolist())
    return np.sort(numbers_of(groups.order_by().values_list("pk")))


def _instant(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


@dataclass(frozen=True)
class SqlNames:
    """Names and numbers as the database knows them; what was looked up is kept for the length of one report."""

    _seen: dict[Any, Any] = field(default_factory=dict)

    def kind(self, slug: str) -> int | None:
        kinds: dict[str, int] = self._once("kinds", lambda: dict(EventKind.objects.values_list("slug", "pk")))
        return kinds.get(slug)

    def known(self, attribute: str) -> Mapping[int, str]:
        rows: QuerySet[Any] = Channel.objects.all() if attribute == "channel" else Group.objects.all()
        column = "code" if attribute == "channel" else GROUP_FIELDS[attribute]
        found: dict[int, str] = self._once(
            attribute, lambda: {pk: value or "" for pk, value in rows.order_by().values_list("pk", column)}
        )
        return found

    def having(self, attribute: str, values: Collection[str]) -> Collection[int]:
        if attribute in self._seen:
            return [number for number, value in self.known(attribute).items() if value in values]
        rows: QuerySet[Any] = Channel.objects.all() if attribute == "channel" else Group.objects.all()
        column = "code" if attribute == "channel" else GROUP_FIELDS[attribute]
        asked = rows.filter(**{f"{column}__in": sorted(values)}).order_by().values_list("pk", flat=True)
        found: list[int] = self._once((attribute, frozenset(values)), lambda: list(asked))
        return found

    def members(self, ids: Sequence[int]) -> Sequence[str]:
        found = dict(with_ids(Member.objects.all(), ids).values_list("pk", "external_id"))
        return [found[number] for number in ids if number in found]

    def _once(self, key: Any, look_up: Any) -> Any:
        if key not in self._seen:
            self._seen[key] = look_up()
        return self._seen[key]


@dataclass(frozen=True, slots=True)
class Held:
    """Events that were read before, for a page that asks several questions about them."""

    held: Sequence[Stored]

    def shards(
        self, *, since: int | None, until: int, kinds: Collection[int] | None, groups: Ints | None = None
    ) -> Sequence[Stored]:
        return self.held


def value_labels(attribute: str, values: Collection[str]) -> dict[str, str]:
    """What people read for the values of a breakdown: names of groups and branches instead of codes."""
    known: dict[str, str] = {}
    if attribute == "group":
        known = dict(Group.objects.filter(external_id__in=values).values_list("external_id", "name"))
    elif attribute == "branch":
        known = dict(Branch.objects.filter(code__in=values).values_list("code", "name"))
    elif attribute == "community_type":
        known = {value: str(label) for value, label in CommunityType.choices}
    elif attribute == "motivation":
        known = {value: str(label) for value, label in Motivation.choices}
    return {value: known.get(value, value) if value else _("No value") for value in values}
