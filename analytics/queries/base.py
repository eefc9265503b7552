"""What the three kinds of report share: conditions on events, the words they use, and where events come from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from django.utils.translation import gettext as _

from analytics.columns import Codes, Columns, Flags, Ints
from analytics.queries.fields import Fields

# What a condition or a breakdown can speak of: the event's channel and group, and what is known of that group.
ATTRIBUTES = ("channel", "group", "branch", "community_type", "motivation")
MOST_VALUES = 1_000
MOST_LISTED = 1_000


class Names(Protocol):
    """Translates between the words of a question and the numbers of the arrays."""

    def kind(self, slug: str) -> int | None:
        """The number of a kind of event; None when there never was one."""

    def ids(self, attribute: str, values: Collection[str]) -> Collection[int]:
        """Channels (for `channel`) or groups (for all others) that have one of these values; unknown ones have none."""

    def values(self, attribute: str, ids: Sequence[int]) -> Sequence[str]:
        """The value of each channel or group, "" for none."""

    def members(self, ids: Sequence[int]) -> Sequence[str]:
        """The external ids of members, in the order of their numbers."""


class Source(Protocol):
    """Where events are read from: the selection (members, groups, what a person may see) is the source's own.

    A derived index on disk can stand in for SQL here without any change to the queries.
    """

    def read(self, *, since: int | None, until: int, kinds: Collection[int] | None) -> Columns:
        """Events with since <= at < until (ms) of these kinds; None asks for all of history, or for every kind."""


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

    def met(self, columns: Columns, names: Names) -> Flags:
        met = np.ones(len(columns), np.bool_)
        for attribute, values in self.allowed.items():
            ids = set(names.ids(attribute, [value for value in values if value]))
            if "" in values:
                ids |= set(_unnamed(columns, attribute, names))
            column = columns.channel if attribute == "channel" else columns.group
            met &= np.isin(column, np.array(sorted(ids), column.dtype))
        return met


def _unnamed(columns: Columns, attribute: str, names: Names) -> list[int]:
    found = np.unique(columns.channel if attribute == "channel" else columns.group).tolist()
    known = [number for number in found if number]
    values = names.values(attribute, known)
    return [0, *(number for number, value in zip(known, values, strict=True) if not value)]


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

    def matches(self, columns: Columns, names: Names) -> Flags:
        met = self.where.met(columns, names)
        if self.kind is not None:
            number = names.kind(self.kind)
            met &= (columns.kind == number) if number is not None else False
        return met


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


def coded(columns: Columns, attribute: str, names: Names) -> tuple[Codes, list[str]]:
    """Each event's value of an attribute as a number, and the value of each number. Number 0 is no value."""
    column = columns.channel if attribute == "channel" else columns.group
    ids, place = np.unique(column, return_inverse=True)
    known = [number for number in ids.tolist() if number]
    by_id = dict(zip(known, names.values(attribute, known), strict=True))
    labels = ["", *sorted({value for value in by_id.values() if value})]
    number_of = {label: number for number, label in enumerate(labels)}
    codes = np.array([number_of[by_id.get(number, "")] for number in ids.tolist()], np.int32)
    return codes[place] if len(codes) else np.zeros(0, np.int32), labels


def member_flags(columns: Columns) -> Flags:
    return np.zeros(len(columns.members), np.bool_)


def chosen(columns: Columns, flags: Flags) -> Ints:
    """The numbers of the members that are marked."""
    return columns.members[flags]
