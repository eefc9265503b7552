"""What the three kinds of report share: conditions on events, the words they use, and where events come from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from django.utils.translation import gettext as _

from analytics.columns import Flags, Ints, Shard
from analytics.kernels_events import ALWAYS, COUNTS, Lens, Split
from analytics.queries.fields import Fields

# What a condition or a breakdown can speak of: the event's channel and group, and what is known of that group.
ATTRIBUTES = ("channel", "group", "branch", "community_type", "motivation")
MOST_VALUES = 1_000
MOST_LISTED = 1_000


class Names(Protocol):
    """Translates between the words of a question and the numbers of the arrays."""

    def kind(self, slug: str) -> int | None:
        """The number of a kind of event; None when there never was one."""

    def known(self, attribute: str) -> Mapping[int, str]:
        """Every channel (for `channel`) or group (for all others) and its value, "" for none."""

    def having(self, attribute: str, values: Collection[str]) -> Collection[int]:
        """The channels or groups with one of these values, none of which is ""."""

    def members(self, ids: Sequence[int]) -> Sequence[str]:
        """The external ids of members, in the order of their numbers."""


class Stored(Protocol):
    """A shard that is somewhere else, and opened where it is worked on."""

    def open(self) -> Shard: ...


class Lasting(Stored, Protocol):
    """A shard in files. Where it `lasts`, its events never change: members with news are skipped in it."""

    folder: Path
    skip: Flags
    own: Flags
    allow: Flags
    lasts: bool

    def skipping(self, skip: Flags) -> Stored:
        """The same with other members skipped."""


class Source(Protocol):
    """Where events are read from: the selection (members, groups, what a person may see) is the source's own."""

    def shards(
        self, *, since: int | None, until: int, kinds: Collection[int] | None, groups: Ints | None = None
    ) -> Sequence[Stored]:
        """All events with since <= at < until (ms) of these kinds in these groups (sorted numbers), and perhaps others:
        None asks for all of history, for every kind, or for all groups and what is outside of any. No member is in two
        shards."""


@dataclass(frozen=True, slots=True)
class Where:
    """Conditions that an event must all meet, each a set of allowed values."""

    allowed: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, fields: Fields) -> Where:
        if fields.has("kind"):
            fields.error("kind", "kind_in_filter", _("A filter cannot name a kind of event. Put it into the steps."))
        fields.allow(frozenset({*ATTRIBUTES, "kind"}))
        allowed: dict[str, tuple[str, ...]] = {}
        for name in ATTRIBUTES:
            value = fields.data.get(name)
            if isinstance(value, str):
                allowed[name] = (value,)
            elif value is not None and (values := fields.texts(name, MOST_VALUES)) is not None:
                allowed[name] = values
        return cls(allowed)

    def narrowed(self, attribute: str, value: str) -> Where:
        """These conditions, and that an attribute has this value."""
        asked = self.allowed.get(attribute, (value,))
        return Where({**self.allowed, attribute: tuple(one for one in asked if one == value)})


@dataclass(frozen=True, slots=True)
class EventSpec:
    """Which events are meant: of one kind (None: any) that meet the conditions."""

    kind: str | None
    where: Where

    @classmethod
    def read(cls, fields: Fields, more: Collection[str] = ()) -> EventSpec:
        fields.allow(frozenset({"kind", "where", *more}))
        kind = fields.text("kind")
        if kind == "":
            fields.error("kind", "required", _("Name a kind of event, or leave the field out to mean any."))
        return cls(kind, Where.read(fields.inner("where")))


# Fits no event: no kind has this name.
NOTHING = EventSpec("", Where({}))


def kinds_of(specs: Sequence[EventSpec], names: Names) -> set[int] | None:
    """The kinds that have to be read for these; None when one of them means any kind."""
    found = set()
    for spec in specs:
        if spec.kind is None:
            return None
        number = names.kind(spec.kind)
        if number is not None:
            found.add(number)
    return found


def lens_of(
    specs: Sequence[EventSpec], where: Where, names: Names, *, since: int | None, until: int, everything: bool = False
) -> Lens:
    """The lens whose bit k says that an event meets condition k and `where`; with `everything` COUNTS marks all events
    that meet `where`."""
    every = (1 << len(specs)) - 1 | (COUNTS if everything else 0)
    other = every & ~sum(1 << k for k, spec in enumerate(specs) if spec.kind is not None)
    numbers = {k: names.kind(spec.kind) for k, spec in enumerate(specs) if spec.kind is not None}
    kinds = np.full(1 + max((number or 0 for number in numbers.values()), default=0), other, np.int64)
    for k, number in numbers.items():
        if number is not None:
            kinds[number] |= 1 << k
    tables = {"channel": np.zeros(0, np.int64), "group": np.zeros(0, np.int64)}
    asked = [(where, every), *((spec.where, 1 << k) for k, spec in enumerate(specs))]
    for conditions, bits in asked:
        for attribute, values in conditions.allowed.items():
            place = "channel" if attribute == "channel" else "group"
            tables[place] = _narrowed(tables[place], every, bits, attribute, values, names)
    return Lens(ALWAYS if since is None else since, until, other, kinds, tables["channel"], tables["group"])


def _narrowed(table: Ints, every: int, bits: int, attribute: str, values: Collection[str], names: Names) -> Ints:
    """The table of a lens, with these bits only for what has one of the values."""
    if "" in values:
        known = names.known(attribute)
        allowed, size = [0, *(number for number, value in known.items() if value in values)], 1 + max(known, default=0)
    else:
        # Whatever is beyond the end is taken for none, which is not meant: the table need not have everything there is.
        allowed = list(names.having(attribute, values))
        size = 1 + max(allowed, default=0)
    if not len(table):
        table = np.full(size, every, np.int64)
    elif len(table) < size:
        table = np.append(table, np.full(size - len(table), table[0], np.int64))
    kept = np.full(len(table), ~bits, np.int64)
    kept[allowed] = -1
    if "" in values:
        kept[size:] = -1
    table &= kept
    return table


def groups_of(lens: Lens) -> Ints | None:
    """The groups that have to be read for it; None when what is outside of groups, or in any, counts."""
    return None if not len(lens.groups) or lens.groups[0] else np.flatnonzero(lens.groups)


def split_by(attribute: str | None, names: Names) -> tuple[Split, list[str]]:
    """A breakdown by an attribute, and the value of each of its rows: the first is no value. Without an attribute one
    row for all."""
    if attribute is None:
        return Split(False, np.zeros(0, np.int32), 1), [""]
    known = names.known(attribute)
    labels = ["", *sorted({value for value in known.values() if value})]
    row_of = {label: row for row, label in enumerate(labels)}
    codes = np.zeros(1 + max(known, default=0), np.int32)
    for number, value in known.items():
        codes[number] = row_of[value]
    return Split(attribute == "channel", codes, len(labels)), labels


def flags_of(shard: Shard) -> Flags:
    """One mark for each member, none set."""
    return np.zeros(len(shard.members), np.bool_)
