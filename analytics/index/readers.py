"""Who has events in few groups, and what these are, for questions that need nobody else."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from analytics.columns import NONE, Flags, Ints, allowed, marked
from analytics.index.files import Generation
from analytics.kernels_events import ALWAYS
from analytics.kernels_few import Sought, few_events

# The events of so many members are copied; of more it is marked who is to be looked at, where that spares a third.
FEW_READ = 5_000
SPARED = 0.33
NOBODY = np.zeros(0, np.int64)
NOBODY.setflags(write=False)


@dataclass(frozen=True, slots=True)
class Readers:
    """The members with events in these groups (sorted), of each part. Where `outside` names members (sorted), those are
    meant instead of all who did something outside of groups."""

    generation: Generation
    groups: Ints
    outside: Ints | None = None

    def events(
        self, *, since: int | None, until: int, kinds: Collection[int] | None, only: Ints | None = None,
        gone: Ints = NOBODY,
    ) -> tuple[Ints, ...] | None:  # fmt: skip
        """What they did in these groups with since <= at < until, of these kinds, as columns of members, instants,
        kinds, groups and channels: each member's together. Nothing where they are too many. `only` names members,
        `gone` leaves some out; both are sorted."""
        sought = Sought(
            groups=_sealed(self._inside),
            among=allowed(self._inside),
            kinds=NONE if kinds is None else _marks(kinds),
            since=ALWAYS if since is None else since,
            until=until,
            only=NOBODY if only is None else _sealed(only),
            is_only=only is not None,
            gone=_sealed(gone),
            outside=NOBODY if self.outside is None else _sealed(self.outside),
            is_outside=self.outside is not None,
        )
        places, *found = few_events(self.generation.table, sought, FEW_READ)
        return tuple(found) if places <= FEW_READ else None

    def among(self, rows: tuple[Ints, ...]) -> Flags:
        """Which events are such, of columns as above."""
        member, _at, _kind, group, _channel = rows
        found = np.isin(group, self._inside)
        if self.outside is not None:
            found |= (group == 0) & np.isin(member, self.outside)
        return found

    def others(self, number: int) -> Flags | None:
        """Everybody else; nothing where that would spare little."""
        members = self.generation.columns[number].members
        others = np.ones(len(members), np.bool_)
        others[self.generation.postings[number].within(self._inside)] = False
        if self.outside is not None:
            others &= ~marked(members, self.outside)
        return others if others.sum() >= SPARED * len(others) else None

    @property
    def _inside(self) -> Ints:
        return self.groups if self.outside is None else self.groups[self.groups != 0]


def _marks(numbers: Collection[int]) -> Flags:
    """Never empty: that would stand for all."""
    table = np.zeros(1 + max(numbers, default=0), np.bool_)
    table[list(numbers)] = True
    table.setflags(write=False)
    return table


def _sealed(numbers: Ints) -> Ints:
    """Read-only, as all that kernels get: for each to be compiled once."""
    found = np.ascontiguousarray(numbers).view()
    found.setflags(write=False)
    return found
