"""Which members of a part of the index have events in which group, kept beside its columns.

    posting_groups.npy      the groups of its events, in ascending order; 0 stands for "outside of any"
    posting_offsets.npy     where the places of each begin
    posting_places.npy      the places of the members in the part, in ascending order for each group

A question about few groups reads with them only the members who did something there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analytics.columns import Columns, Flags, Ints, Numbers, marked

FILES = ("posting_groups", "posting_offsets", "posting_places")
# The events of so many members are copied; of more it is marked who is to be looked at, where that spares a third.
FEW_READ = 5_000
SPARED = 0.33


@dataclass(frozen=True, slots=True)
class Postings:
    groups: Ints
    offsets: Ints
    places: Numbers

    @classmethod
    def of(cls, columns: Columns) -> Postings:
        number = max(len(columns.members), 1)
        keys = columns.group.astype(np.int64) * number + columns.rows()
        # Sorted and then compared with the one before: NumPy sorts these with vectors, which `unique` does not.
        keys.sort()
        of_group, places = np.divmod(keys[np.r_[True, keys[1:] != keys[:-1]]] if len(keys) else keys, number)
        starts = np.flatnonzero(np.r_[True, of_group[1:] != of_group[:-1]]) if len(keys) else keys
        return cls(of_group[starts], np.append(starts, len(of_group)), places.astype(np.uint32))

    def count(self, groups: Ints) -> int:
        """How many places these groups (sorted) have: at least as many as members."""
        begin, end = self._spans(groups)
        return int((end - begin).sum())

    def within(self, groups: Ints) -> Ints:
        """The places of these groups (sorted), one after the other: a member of several comes several times."""
        begin, end = self._spans(groups)
        size = end - begin
        before = np.cumsum(size) - size
        found: Ints = self.places[np.arange(int(size.sum())) + np.repeat(begin - before, size)].astype(np.int64)
        return found

    def _spans(self, groups: Ints) -> tuple[Ints, Ints]:
        place = np.searchsorted(self.groups, groups)
        there = place < len(self.groups)
        there[there] = self.groups[place[there]] == groups[there]
        place = place[there]
        return self.offsets[place], self.offsets[place + 1]


def postings_write(folder: Path, postings: Postings) -> None:
    for name, column in zip(FILES, (postings.groups, postings.offsets, postings.places), strict=True):
        np.save(folder / f"{name}.npy", column)


def postings_open(folder: Path, members: int) -> Postings | None:
    """Nothing for a part that was written before there were any. Raises OSError or ValueError when some of the files
    are missing, or damaged."""
    paths = [folder / f"{name}.npy" for name in FILES]
    if not any(path.exists() for path in paths):
        return None
    groups, offsets, places = (np.asarray(np.load(path, mmap_mode="r", allow_pickle=False)) for path in paths)
    if len(offsets) != len(groups) + 1 or offsets[-1] != len(places) or (len(places) and places.max() >= members):
        raise ValueError("postings of other members")
    return Postings(groups, offsets, places)


@dataclass(frozen=True, slots=True)
class Readers:
    """The members with events in these groups (sorted), of each part. Where `outside` names members (sorted), those are
    meant instead of all who did something outside of groups."""

    columns: Sequence[Columns]
    postings: Sequence[Postings]
    groups: Ints
    outside: Ints | None = None

    @property
    def are_few(self) -> bool:
        found = sum(said.count(self._inside) for said in self.postings)
        return found + (0 if self.outside is None else len(self.outside)) <= FEW_READ

    def places(self, number: int) -> Ints:
        found = self.postings[number].within(self._inside)
        if self.outside is not None:
            found = np.append(found, np.flatnonzero(marked(self.columns[number].members, self.outside)))
        return np.unique(found)

    def others(self, number: int) -> Flags | None:
        """Everybody else; nothing where that would spare little."""
        members = self.columns[number].members
        others = np.ones(len(members), np.bool_)
        others[self.postings[number].within(self._inside)] = False
        if self.outside is not None:
            others &= ~marked(members, self.outside)
        return others if others.sum() >= SPARED * len(others) else None

    @property
    def _inside(self) -> Ints:
        return self.groups if self.outside is None else self.groups[self.groups != 0]
