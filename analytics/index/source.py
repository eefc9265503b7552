"""Reports of many events, read from the index and what has come since."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np

from activity.models import EventMove
from analytics.columns import NONE, Columns, Flags, Ints, marked
from analytics.index.building import is_of_this_database
from analytics.index.files import (
    Generation,
    PartOnDisk,
    generation_open,
    index_folder,
    manifest_read,
    part_folders,
)
from analytics.index.postings import Readers
from analytics.queries.base import Source, Stored
from analytics.sources import Selection, SqlSource, visible_among
from groups.models import Group

# So few members, or groups of an index that does not know who did something in them, are read quicker through the
# indexes of the database.
FEW_GROUPS = 50
FEW_MEMBERS = 5_000


def source_of(selection: Selection) -> Source:
    """Where the events of a selection are read from: the index, when there is one and the selection is wide. Every
    answer holds every event that was accepted before it was asked for, either way."""
    few_members = selection.member_ids is not None and len(selection.member_ids) <= FEW_MEMBERS
    generation = None if few_members else generation_in_force()
    few_groups = selection.group_ids is not None and len(selection.group_ids) <= FEW_GROUPS
    if generation is None or (few_groups and not generation.postings):
        return SqlSource(selection)
    return IndexSource(selection, generation)


class _Opened:
    """The generation that was read from last: opening it maps its files. All threads read the same; two that open it at
    once both have a whole one."""

    generation: Generation | None = None


_opened = _Opened()


def generation_in_force() -> Generation | None:
    """The index, opened; nothing when there is none, it is damaged, or belongs to another database."""
    for _attempt in range(3):
        manifest = manifest_read()
        if manifest is None:
            return None
        generation = _opened.generation
        if generation is None or generation.manifest != manifest:
            try:
                generation = _opened.generation = generation_open(manifest)
            except (OSError, ValueError):
                # A new one may have taken its place between the two steps; one that is damaged stays so.
                _opened.generation = None
                continue
        return generation if is_of_this_database(manifest) else None
    return None


@dataclass(frozen=True, slots=True)
class IndexSource:
    """Reads the events of a selection from an index, from what was added to it, and from the database."""

    selection: Selection
    generation: Generation

    def shards(
        self, *, since: int | None, until: int, kinds: Collection[int] | None, groups: Ints | None = None
    ) -> list[Stored]:
        moved, newer = self._newer(since, until, kinds)
        apart = np.union1d(moved, newer[0])
        generation = self.generation
        choice = _Choice.of(self.selection, lambda: np.union1d(generation.outside, newer[0][newer[3] == 0]))
        folders = part_folders(generation.manifest)
        if generation.recent is not None:
            folders.append(index_folder() / generation.manifest.recent)
        shards: list[Stored] = []
        rows = []
        unmoved = np.setdiff1d(apart, moved)
        readers = choice.readers(generation, groups)
        is_few = readers is not None and readers.are_few
        for number, (folder, stored) in enumerate(zip(folders, generation.columns, strict=True)):
            skip = choice.skip(stored.members)
            skip[np.searchsorted(stored.members, _among(apart, stored.members))] = True
            again = _among(unmoved, stored.members)
            if number < len(generation.skips):
                again = again[~generation.skips[number][np.searchsorted(stored.members, again)]]
                skip |= generation.skips[number]
            if readers is not None and is_few:
                places = readers.places(number)
                rows.append(stored.of(np.union1d(again, stored.members[places[~skip[places]]]), readers.groups))
                continue
            rows.append(stored.of(again))
            own, lasts = choice.own(stored.members), number < len(generation.parts)
            blank = None if readers is None else readers.others(number)
            shards.append(PartOnDisk(folder, skip, own, choice.allow, stored, lasts, blank))
        # Newer events stand behind the older ones of the same instant, as they came.
        fresh = Columns.build(*(np.concatenate(columns) for columns in zip(*rows, newer, strict=True)))
        shards.append(fresh.shard(skip=choice.skip(fresh.members), own=choice.own(fresh.members), allow=choice.allow))
        return shards

    def _newer(self, since: int | None, until: int, kinds: Collection[int] | None) -> tuple[Ints, tuple[Ints, ...]]:
        """The members whose events were moved, with all of their events, and events newer than the index."""
        sql = SqlSource(self.selection, everything=True)
        while True:
            moved = self._moved()
            rows = sql.rows(since=since, until=until, kinds=kinds, after=self.generation.manifest.newest)
            if len(moved):
                keep = ~np.isin(rows[0], moved)
                again = sql.rows(since=since, until=until, kinds=kinds, members=moved.tolist())
                rows = tuple(np.append(old[keep], new) for old, new in zip(rows, again, strict=True))
            # Events that were moved while they were read would be counted for neither member, or for both.
            if len(self._moved()) == len(moved):
                return moved, rows

    def _moved(self) -> Ints:
        moves = EventMove.objects.filter(pk__gt=self.generation.manifest.moves)
        return _sorted(moves.values_list("member_id", flat=True))


@dataclass(frozen=True, slots=True)
class _Choice:
    """What a selection leaves of the index: the members to skip, and the groups to look at (see Shard)."""

    members: Ints | None
    allow: Flags
    seen_members: Ints | None

    @classmethod
    def of(cls, selection: Selection, outside: Callable[[], Ints]) -> _Choice:
        """`outside` tells, where that is asked, all who did anything outside of a group."""
        groups, seen_members = selection.group_ids, None
        if not selection.user.is_headquarters:
            seen = frozenset(Group.objects.visible_to(selection.user).values_list("pk", flat=True))
            if groups is None:
                # A branch sees what happened in its groups, and what its members did outside of any.
                seen_members = visible_among(outside(), selection.user)
            groups = seen if groups is None else groups & seen
        return cls(
            None if selection.member_ids is None else _sorted(selection.member_ids),
            NONE if groups is None else _table(groups),
            seen_members,
        )

    def readers(self, generation: Generation, groups: Ints | None) -> Readers | None:
        """Who has events that may be looked at in these groups (None: in any, or outside); nothing when that may be
        everybody, or is not known."""
        if not generation.postings or (groups is None and not len(self.allow)):
            return None
        if not len(self.allow):
            assert groups is not None
            wanted = groups
        else:
            wanted = np.flatnonzero(self.allow)
            if self.seen_members is not None:
                wanted = np.union1d(wanted, [0])
            if groups is not None:
                wanted = np.intersect1d(wanted, groups)
        outside = self.seen_members if 0 in wanted else None
        return Readers(generation.columns, generation.postings, wanted, outside)

    def skip(self, members: Ints) -> Flags:
        if self.members is None:
            return np.zeros(len(members), np.bool_)
        return ~marked(members, self.members)

    def own(self, members: Ints) -> Flags:
        return NONE if self.seen_members is None else marked(members, self.seen_members)


def _table(numbers: Collection[int]) -> Flags:
    table = np.zeros(1 + max(numbers, default=0), np.bool_)
    table[list(numbers)] = True
    return table


def _sorted(numbers: Iterable[int]) -> Ints:
    return np.array(sorted(set(numbers)), np.int64)


def _among(chosen: Ints, members: Ints) -> Ints:
    """Those of `chosen` that are in `members`; both are sorted."""
    place = np.searchsorted(members, chosen)
    inside = place < len(members)
    chosen, place = chosen[inside], place[inside]
    found: Ints = chosen[members[place] == chosen]
    return found
