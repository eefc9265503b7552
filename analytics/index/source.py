"""Reports of many events, read from the index and what has come since."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from activity.models import EventMove
from analytics.columns import Codes, Columns, Flags, Ints
from analytics.index.building import is_of_this_database
from analytics.index.files import Generation, generation_open, manifest_read
from analytics.queries.base import Source
from analytics.sources import Selection, SqlSource
from groups.models import Group
from members.models import Member

# So few groups or members are read quicker through the indexes of the database.
FEW_GROUPS = 50
FEW_MEMBERS = 5_000


def source_of(selection: Selection) -> Source:
    """Where the events of a selection are read from: the index, when there is one and the selection is wide. Every
    answer holds every event that was accepted before it was asked for, either way."""
    narrow = (selection.group_ids is not None and len(selection.group_ids) <= FEW_GROUPS) or (
        selection.member_ids is not None and len(selection.member_ids) <= FEW_MEMBERS
    )
    generation = None if narrow else generation_in_force()
    return IndexSource(selection, generation) if generation else SqlSource(selection)


class _Opened(threading.local):
    """The generation this thread read from last: opening it maps its files."""

    generation: Generation | None = None


_opened = _Opened()


def generation_in_force() -> Generation | None:
    """The index, opened; nothing when there is none, it is damaged, or belongs to another database."""
    for _attempt in range(3):
        manifest = manifest_read()
        if manifest is None:
            return None
        if _opened.generation is None or _opened.generation.manifest != manifest:
            try:
                _opened.generation = generation_open(manifest)
            except (OSError, ValueError):
                # A new one may have taken its place between the two steps; one that is damaged stays so.
                _opened.generation = None
                continue
        return _opened.generation if is_of_this_database(manifest) else None
    return None


@dataclass(frozen=True, slots=True)
class _Newer:
    """What the index does not know: events that are newer than it, and members whose events were moved."""

    moved: Ints
    rows: tuple[Ints, ...]

    @property
    def members(self) -> Ints:
        return np.union1d(self.moved, self.rows[0])


@dataclass(frozen=True, slots=True)
class IndexSource:
    """Reads the events of a selection from an index, from what was added to it, and from the database."""

    selection: Selection
    generation: Generation

    def read(self, *, since: int | None, until: int, kinds: Collection[int] | None) -> Columns:
        choice = _Choice.of(self.selection, since, until, kinds)
        newer = self._newer(choice, since, until, kinds)
        parts = self.generation.parts
        # NumPy lets go of the interpreter while it goes through a column.
        with ThreadPoolExecutor(min(len(parts), os.cpu_count() or 1)) as threads:
            read = list(threads.map(lambda part: _from_part(part, choice, newer), parts))
        return _joined([base for base, _concerned in read], newer, [concerned for _base, concerned in read])

    def _newer(self, choice: _Choice, since: int | None, until: int, kinds: Collection[int] | None) -> _Newer:
        while True:
            moved = self._moved()
            newer = self._newer_than(moved, choice, since, until, kinds)
            # Events that were moved while they were read would be counted for neither member, or for both.
            if len(self._moved()) == len(moved):
                return newer

    def _moved(self) -> Ints:
        moves = EventMove.objects.filter(pk__gt=self.generation.manifest.moves)
        return _sorted(moves.values_list("member_id", flat=True))

    def _newer_than(
        self, moved: Ints, choice: _Choice, since: int | None, until: int, kinds: Collection[int] | None
    ) -> _Newer:
        sql = SqlSource(self.selection)
        rows = sql.rows(since=since, until=until, kinds=kinds, after=self.generation.manifest.newest)
        if recent := self.generation.recent:
            keep = choice.of_rows(recent)
            rows = tuple(np.append(old[keep], new) for old, new in zip(recent, rows, strict=True))
        if len(moved):
            keep = ~np.isin(rows[0], moved)
            again = sql.rows(since=since, until=until, kinds=kinds, members=moved.tolist())
            rows = tuple(np.append(old[keep], new) for old, new in zip(rows, again, strict=True))
        return _Newer(moved, rows)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which events are asked for, as marks on columns."""

    since: int | None
    until: int
    kinds: Ints | None
    # A branch sees its groups, and what its members did outside of any; None sees all.
    seen_groups: Ints | None
    seen_members: Ints | None
    groups: Ints | None
    members: Ints | None

    @classmethod
    def of(cls, selection: Selection, since: int | None, until: int, kinds: Collection[int] | None) -> _Choice:
        seen_groups = seen_members = None
        if not selection.user.is_headquarters:
            seen_groups = _sorted(Group.objects.visible_to(selection.user).values_list("pk", flat=True))
            seen_members = _sorted(Member.objects.visible_to(selection.user).order_by().values_list("pk", flat=True))
        return cls(
            since,
            until,
            None if kinds is None else _sorted(kinds),
            seen_groups,
            seen_members,
            None if selection.group_ids is None else _sorted(selection.group_ids),
            None if selection.member_ids is None else _sorted(selection.member_ids),
        )

    def of_events(self, at: Ints, kind: Ints | Codes, group: Ints) -> Flags:
        """What can be said without the member."""
        keep = at < self.until
        if self.since is not None:
            keep &= at >= self.since
        if self.kinds is not None:
            keep &= np.isin(kind, self.kinds)
        if self.groups is not None:
            keep &= np.isin(group, self.groups)
        return keep

    def of_rows(self, rows: tuple[Ints, ...]) -> Flags:
        member, at, kind, group, _channel = rows
        keep = self.of_events(at, kind, group)
        if self.members is not None:
            keep &= np.isin(member, self.members)
        if self.seen_groups is not None and self.seen_members is not None:
            keep &= np.isin(group, self.seen_groups) | ((group == 0) & np.isin(member, self.seen_members))
        return keep

    def of_part(self, part: Columns) -> Flags:
        keep = self.of_events(part.at, part.kind, part.group)
        if self.members is not None:
            keep &= _each(part, np.isin(part.members, self.members))
        if self.seen_groups is not None and self.seen_members is not None:
            own = (part.group == 0) & _each(part, np.isin(part.members, self.seen_members))
            keep &= np.isin(part.group, self.seen_groups) | own
        return keep


def _sorted(numbers: Iterable[int]) -> Ints:
    return np.array(sorted(set(numbers)), np.int64)


def _each(part: Columns, of_members: Flags) -> Flags:
    """Marks of members as marks of their events."""
    return np.repeat(of_members, np.diff(part.offsets))


def _from_part(part: Columns, choice: _Choice, newer: _Newer) -> tuple[Columns, tuple[Ints, ...]]:
    """The chosen events of a part, without the members that something newer is known of; and the events of those,
    but for what was moved, as rows."""
    keep = choice.of_part(part)
    apart = np.isin(part.members, newer.members)
    rows: tuple[Ints, ...] = tuple(np.zeros(0, np.int64) for _column in newer.rows)
    if apart.any():
        of_apart = _each(part, apart)
        concerned = keep & of_apart & ~_each(part, np.isin(part.members, newer.moved))
        member = np.repeat(part.members, np.diff(part.offsets))[concerned]
        rows = (
            member,
            *(column[concerned].astype(np.int64) for column in (part.at, part.kind, part.group, part.channel)),
        )
        keep &= ~of_apart
    return part.take(keep), rows


def _joined(bases: Sequence[Columns], newer: _Newer, concerned: Sequence[tuple[Ints, ...]]) -> Columns:
    """All in one: the members of one part after those of the other, and last those that something newer is known of.
    Their newer events stand behind the older ones of the same instant, as they came."""
    old = [np.concatenate(columns) for columns in zip(*concerned, strict=True)] if concerned else []
    member, at, kind, group, channel = (
        np.append(before, after) for before, after in zip(old or [np.zeros(0, np.int64)] * 5, newer.rows, strict=True)
    )
    fresh = Columns.build(member, at, kind.astype(np.int32), group, channel.astype(np.int32))
    every = [*bases, fresh]
    starts = np.cumsum([0, *(len(columns) for columns in every)])
    return Columns(
        members=np.concatenate([columns.members for columns in every]),
        offsets=np.append(
            np.concatenate([columns.offsets[:-1] + start for columns, start in zip(every, starts, strict=False)]),
            starts[-1],
        ),
        at=np.concatenate([columns.at for columns in every]),
        kind=np.concatenate([columns.kind for columns in every]).astype(np.int32),
        group=np.concatenate([columns.group for columns in every]).astype(np.int64),
        channel=np.concatenate([columns.channel for columns in every]).astype(np.int32),
    )
