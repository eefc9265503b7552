"""Reports of many events, read from the index and what has come since."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from activity.models import EventMove
from activity.selectors import News, news_since
from analytics.columns import NONE, Columns, Flags, Ints, allowed, marked
from analytics.index.building import is_of_this_database
from analytics.index.files import (
    Generation,
    PartOnDisk,
    generation_open,
    index_folder,
    manifest_read,
    part_folders,
)
from analytics.index.readers import NOBODY, Readers
from analytics.queries.base import Source, Stored
from analytics.sources import Selection, SqlSource, groups_seen_by, visible_among

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
        moved, newer = self._newer(since, until, kinds, groups)
        generation = self.generation
        choice = _Choice.of(self.selection, groups, lambda: np.union1d(generation.outside, newer[0][newer[3] == 0]))
        readers = choice.readers(generation, groups)
        if readers is not None:
            found = readers.events(since=since, until=until, kinds=kinds, only=choice.members, gone=moved)
            if found is not None:
                among = readers.among(newer)
                if not among.any():
                    return [Columns.together(*found).shard()]
                # Newer events stand behind the older ones of the same instant, as they came.
                rows = (np.append(old, new[among]) for old, new in zip(found, newer, strict=True))
                return [Columns.build(*rows).shard()]
        return self._marked(choice, readers, moved, newer)

    def _marked(self, choice: _Choice, readers: Readers | None, moved: Ints, newer: tuple[Ints, ...]) -> list[Stored]:
        """All parts, with marks on who may be looked at; members with news apart."""
        generation = self.generation
        apart = np.union1d(moved, newer[0])
        folders = part_folders(generation.manifest)
        if generation.recent is not None:
            folders.append(index_folder() / generation.manifest.recent)
        shards: list[Stored] = []
        rows = []
        unmoved = np.setdiff1d(apart, moved)
        for number, (folder, stored) in enumerate(zip(folders, generation.columns, strict=True)):
            skip = choice.skip(stored.members)
            skip[np.searchsorted(stored.members, _among(apart, stored.members))] = True
            again = _among(unmoved, stored.members)
            if number < len(generation.skips):
                again = again[~generation.skips[number][np.searchsorted(stored.members, again)]]
                skip |= generation.skips[number]
            rows.append(stored.of(again))
            own, lasts = choice.own(stored.members), number < len(generation.parts)
            blank = None if readers is None else readers.others(number)
            shards.append(PartOnDisk(folder, skip, own, choice.allow, stored, lasts, blank))
        # See above.
        fresh = Columns.build(*(np.concatenate(columns) for columns in zip(*rows, newer, strict=True)))
        shards.append(fresh.shard(skip=choice.skip(fresh.members), own=choice.own(fresh.members), allow=choice.allow))
        return shards

    def _newer(
        self, since: int | None, until: int, kinds: Collection[int] | None, groups: Ints | None
    ) -> tuple[Ints, tuple[Ints, ...]]:
        """The members whose events were moved, with all of their events, and events newer than the index."""
        sql, news = SqlSource(self.selection, everything=True), self._news()
        if not news.has_events and not news.moves:
            return NOBODY, (NOBODY,) * 5
        read = partial(sql.rows, since=since, until=until, kinds=kinds, groups=groups)
        while True:
            rows = read(after=self.generation.manifest.newest)
            moved = self._moved() if news.moves else NOBODY
            if len(moved):
                keep = ~np.isin(rows[0], moved)
                again = read(members=moved.tolist())
                rows = tuple(np.append(old[keep], new) for old, new in zip(rows, again, strict=True))
            # Events that were moved while they were read would be counted for neither member, or for both.
            before, news = news, self._news()
            if before.moves == news.moves:
                return moved, rows

    def _news(self) -> News:
        manifest = self.generation.manifest
        return news_since(newest=manifest.newest, moves=manifest.moves)

    def _moved(self) -> Ints:
        moves = EventMove.objects.filter(pk__gt=self.generation.manifest.moves)
        return _sorted(moves.values_list("member_id", flat=True))


@dataclass(frozen=True, slots=True)
class _Choice:
    """What a selection leaves of the index: these members (None: all), what they did in these groups (None: in any, or
    outside), and what the seen members did outside of any."""

    members: Ints | None
    groups: Ints | None
    seen_members: Ints | None

    @classmethod
    def of(cls, selection: Selection, groups: Ints | None, outside: Callable[[], Ints]) -> _Choice:
        """For a question about `groups`. `outside` tells, where that is asked, all who did anything outside of one."""
        inside, seen_members = None if selection.group_ids is None else _sorted(selection.group_ids), None
        if not selection.user.is_headquarters:
            asked = groups if inside is None else inside
            seen = groups_seen_by(selection.user, among=asked)
            if inside is None and (groups is None or 0 in groups):
                # A branch sees what happened in its groups, and what its members did outside of any.
                seen_members = visible_among(outside(), selection.user)
            inside = seen if inside is None else np.intersect1d(inside, seen)
        members = None if selection.member_ids is None else _sorted(selection.member_ids)
        return cls(members, inside, seen_members)

    @property
    def allow(self) -> Flags:
        return allowed(self.groups)

    def readers(self, generation: Generation, groups: Ints | None) -> Readers | None:
        """Who has events that may be looked at in these groups (None: in any, or outside); nothing when that may be
        everybody, or is not known."""
        wanted = self.groups
        if wanted is not None and self.seen_members is not None:
            wanted = np.union1d(wanted, [0])
        if wanted is None or groups is None:
            wanted = groups if wanted is None else wanted
        else:
            wanted = np.intersect1d(wanted, groups)
        if wanted is None or not generation.postings:
            return None
        return Readers(generation, wanted, self.seen_members if 0 in wanted else None)

    def skip(self, members: Ints) -> Flags:
        if self.members is None:
            return np.zeros(len(members), np.bool_)
        return ~marked(members, self.members)

    def own(self, members: Ints) -> Flags:
        return NONE if self.seen_members is None else marked(members, self.seen_members)


def _sorted(numbers: Iterable[int]) -> Ints:
    return np.array(sorted(set(numbers)), np.int64)


def _among(chosen: Ints, members: Ints) -> Ints:
    """Those of `chosen` that are in `members`; both are sorted."""
    place = np.searchsorted(members, chosen)
    inside = place < len(members)
    chosen, place = chosen[inside], place[inside]
    found: Ints = chosen[members[place] == chosen]
    return found
