"""Events as arrays: what every report runs on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[Any]

NONE = np.zeros(0, np.bool_)
NONE.setflags(write=False)

_opening = threading.Lock()


def column_open(path: Path) -> Numbers:
    """A column on disk, mapped into memory. Raises OSError or ValueError when it is missing or damaged."""
    # NumPy reads the head of a file as Python, and before 3.11.8 Python counts how deep that goes for all threads
    # together (gh-106905): two at once end in a SystemError when garbage is collected in between.
    with _opening:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    # A plain array over the same pages: kernels know nothing of memory maps.
    return np.asarray(mapped)


@dataclass(frozen=True, slots=True)
class Columns:
    """Events member by member, each member's sorted by time, then by order of arrival. Members stand in any order.

    The events of `members[i]` are the rows `offsets[i]:offsets[i + 1]` of the other columns.
    `at` is in milliseconds since 1970 (UTC). `group` and `channel` are 0 where an event has none.
    """

    members: Ints
    offsets: Ints
    at: Ints
    kind: Numbers
    group: Numbers
    channel: Numbers

    @classmethod
    def build(cls, member: Ints, at: Ints, kind: Numbers, group: Numbers, channel: Numbers) -> Columns:
        """Sort events that are in order of arrival, and note where each member begins."""
        if not _is_sorted(member, at):
            order = np.lexsort((at, member))
            member, at, kind, group, channel = member[order], at[order], kind[order], group[order], channel[order]
        return cls.together(member, at, kind, group, channel)

    @classmethod
    def together(cls, member: Ints, at: Ints, kind: Numbers, group: Numbers, channel: Numbers) -> Columns:
        """Of events each member's of which stand together and in order."""
        is_first = np.ones(len(member) + 1, np.bool_)
        np.not_equal(member[1:], member[:-1], out=is_first[1:-1])
        offsets = np.flatnonzero(is_first)
        return cls(member[offsets[:-1]], offsets, at, kind, group, channel)

    def __len__(self) -> int:
        return len(self.at)

    def rows(self) -> Ints:
        """The position in `members` of each event."""
        return np.repeat(np.arange(len(self.members)), np.diff(self.offsets))

    def outside(self) -> Ints:
        """The members with an event outside of any group."""
        if not len(self.members):
            return self.members
        found: Ints = self.members[np.logical_or.reduceat(self.group == 0, self.offsets[:-1])]
        return found

    def of(self, numbers: Ints, groups: Ints | None = None) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """The events of these members (sorted numbers; those it does not know have none), as rows in their order:
        columns of members, instants, kinds, groups and channels; only those in these groups, if any are named. Members
        must stand in order."""
        place = np.searchsorted(self.members, numbers)
        there = place < len(self.members)
        there[there] = self.members[place[there]] == numbers[there]
        place = place[there]
        begin, size = self.offsets[place], self.offsets[place + 1] - self.offsets[place]
        before = np.cumsum(size) - size
        rows = np.arange(int(size.sum())) + np.repeat(begin - before, size)
        member = np.repeat(self.members[place], size)
        if groups is not None:
            keep = np.isin(self.group[rows], groups)
            rows, member = rows[keep], member[keep]
        return (member, *(column[rows].astype(np.int64) for column in (self.at, self.kind, self.group, self.channel)))

    def shard(self, *, skip: Flags = NONE, own: Flags = NONE, allow: Flags = NONE) -> Shard:
        """The same as the kernels take it."""
        return Shard(
            self.members,
            self.offsets,
            self.at,
            as_kinds(self.kind),
            as_places(self.group),
            as_places(self.channel),
            skip,
            own,
            allow,
        ).sealed()


class Shard(NamedTuple):
    """Columns, and which of their events may be looked at.

    `skip` marks members that are left out. `allow` marks groups, by number; a group beyond its end is not allowed, and
    `own` marks the members of whom events outside any group may be looked at. Where one of them is empty it says yes to
    all; with `allow` and without `own`, `allow[0]` stands for "outside any group".

    The columns have always the same types and are read-only, mapped or not, so that each kernel is compiled once.
    """

    members: Ints
    offsets: Ints
    at: Ints
    kind: Numbers
    group: Numbers
    channel: Numbers
    skip: Flags = NONE
    own: Flags = NONE
    allow: Flags = NONE

    def sealed(self) -> Shard:
        for column in self:
            column.setflags(write=False)
        return self

    def open(self) -> Shard:
        return self


def as_kinds(column: Numbers) -> Numbers:
    """Kinds in two bytes, in four where there are more than 65,535."""
    return _narrow(column, np.uint16, np.uint32)


def as_places(column: Numbers) -> Numbers:
    """Groups or channels in four bytes, in eight where their numbers are larger than that."""
    return _narrow(column, np.uint32, np.uint64)


def _narrow(column: Numbers, narrow: type[Any], wide: type[Any]) -> Numbers:
    if column.dtype in (narrow, wide):
        return column
    return column.astype(narrow if not len(column) or column.max() <= np.iinfo(narrow).max else wide)


def allowed(groups: Ints | None) -> Flags:
    """Groups as kernels take them; nothing stands for all."""
    if groups is None:
        return NONE
    table = np.zeros(1 + int(groups.max(initial=0)), np.bool_)
    table[groups] = True
    table.setflags(write=False)  # as NONE, for kernels to be compiled once
    return table


def inside(groups: Ints | None) -> Flags:
    """Groups for kernels that look each up without a jump: one beyond the end is as the last, and 0 is none."""
    if groups is None:
        table = np.array([False, True])
    else:
        table = np.zeros(2 + int(groups.max(initial=0)), np.bool_)
        table[groups] = True
    table.setflags(write=False)
    return table


def is_allowed(allow: Flags, groups: Numbers) -> Flags:
    """Which of these groups are marked; those beyond the end are not, and where nothing is marked all are."""
    if not len(allow):
        return np.ones(len(groups), np.bool_)
    found: Flags = allow[np.minimum(groups, len(allow) - 1)] & (groups < len(allow))
    return found


def marked(members: Ints, chosen: Ints) -> Flags:
    """Which of `members` are among `chosen`; both are sorted."""
    flags = np.zeros(len(members), np.bool_)
    place = np.searchsorted(members, chosen)
    inside = place < len(members)
    place, chosen = place[inside], chosen[inside]
    flags[place[members[place] == chosen]] = True
    return flags


def codes_of(numbers: Ints, codes: Ints) -> Codes:
    """A table that says by number which code it has; -1 for those that are not among `numbers`."""
    table = np.full(1 + int(numbers.max(initial=0)), -1, np.int32)
    table[numbers] = codes
    return table


def events_of(shards: Sequence[Shard]) -> Columns:
    """All events that may be looked at, in one piece: for tests and for small questions."""
    every = []
    for shard in shards:
        row = np.repeat(np.arange(len(shard.members)), np.diff(shard.offsets))
        keep = np.ones(len(shard.at), np.bool_)
        if len(shard.skip):
            keep &= ~shard.skip[row]
        if len(shard.allow):
            inside = shard.group < len(shard.allow)
            inside[inside] = shard.allow[shard.group[inside]]
            keep &= np.where(shard.group == 0, shard.own[row], inside) if len(shard.own) else inside
        every.append(
            [column[keep] for column in (shard.members[row], shard.at, shard.kind, shard.group, shard.channel)]
        )
    member, at, kind, group, channel = (np.concatenate(columns) for columns in zip(*every, strict=True))
    return Columns.build(member, at, kind, group, channel)


def _is_sorted(member: Ints, at: Ints) -> bool:
    ahead = (member[1:] > member[:-1]) | ((member[1:] == member[:-1]) & (at[1:] >= at[:-1]))
    return bool(ahead.all())
