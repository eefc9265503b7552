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
from typing import Any

import numpy as np

from analytics.columns import Columns, Flags, Ints, Numbers, column_open

FILES = ("posting_groups", "posting_offsets", "posting_places")


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


def is_posted(folder: Path) -> bool:
    return any((folder / f"{name}.npy").exists() for name in FILES)


def postings_open(folder: Path, members: int) -> Postings | None:
    """Nothing for a part that was written before there were any. Raises OSError or ValueError when some of the files
    are missing, or damaged."""
    if not is_posted(folder):
        return None
    groups, offsets, places = (column_open(folder / f"{name}.npy") for name in FILES)
    if len(offsets) != len(groups) + 1 or offsets[-1] != len(places) or (len(places) and places.max() >= members):
        raise ValueError("postings of other members")
    return Postings(groups, offsets, places)


# A part as kernels take it: how many members and groups it has, where in memory its columns begin, and the width of
# those that come in several; `skip` is 0 where nobody is skipped.
PART = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("members", "groups", "member", "offset", "at", "kind", "group", "channel", "posted", "start", "place"),
            *("skip", "kind_width", "group_width", "channel_width"),
        )
    ]
)


def table_of(columns: Sequence[Columns], postings: Sequence[Postings], skips: Sequence[Flags]) -> Numbers:
    """All parts for a kernel, valid as long as they are held. Raises ValueError when a column has another type than it
    should: kernels take it for granted."""
    table = np.zeros(len(columns), PART)
    for row, part, said in zip(table, columns, postings, strict=True):
        row["members"], row["groups"] = len(part.members), len(said.groups)
        row["member"], row["offset"] = _address(part.members, np.int64), _address(part.offsets, np.int64)
        row["at"], row["place"] = _address(part.at, np.int64), _address(said.places, np.uint32)
        row["posted"], row["start"] = _address(said.groups, np.int64), _address(said.offsets, np.int64)
        for name in ("kind", "group", "channel"):
            column = getattr(part, name)
            row[name], row[f"{name}_width"] = _address(column, np.uint16, np.uint32, np.uint64), column.itemsize
    for row, skip in zip(table, skips, strict=False):  # nobody is skipped among members with news
        row["skip"] = _address(skip, np.bool_)
    return table


def _address(column: Numbers, *types: type[Any]) -> int:
    if column.dtype not in types or not column.flags.c_contiguous:
        raise ValueError("a column of another type")
    return column.ctypes.data
