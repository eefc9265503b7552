"""Events as arrays: what every report runs on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Columns:
    """Events member by member, each member's sorted by time, then by order of arrival. Members stand in any order.

    The events of `members[i]` are the rows `offsets[i]:offsets[i + 1]` of the other columns.
    `at` is in milliseconds since 1970 (UTC). `group` and `channel` are 0 where an event has none.
    """

    members: Ints
    offsets: Ints
    at: Ints
    kind: Codes
    group: Ints
    channel: Codes

    @classmethod
    def build(cls, member: Ints, at: Ints, kind: Codes, group: Ints, channel: Codes) -> Columns:
        """Sort events that are in order of arrival, and note where each member begins."""
        if not _is_sorted(member, at):
            order = np.lexsort((at, member))
            member, at, kind, group, channel = member[order], at[order], kind[order], group[order], channel[order]
        starts = np.flatnonzero(np.r_[True, member[1:] != member[:-1]]) if len(member) else np.zeros(0, np.int64)
        return cls(
            members=member[starts],
            offsets=np.append(starts, len(member)).astype(np.int64),
            at=at,
            kind=kind,
            group=group,
            channel=channel,
        )

    def __len__(self) -> int:
        return len(self.at)

    def rows(self) -> Ints:
        """The position in `members` of each event."""
        return np.repeat(np.arange(len(self.members)), np.diff(self.offsets))

    def take(self, keep: Flags) -> Columns:
        """The events that are marked. Members without any stay, with no events."""
        if keep.all():
            return self
        before = np.append(0, np.cumsum(keep))
        return Columns(
            members=self.members,
            offsets=before[self.offsets],
            at=self.at[keep],
            kind=self.kind[keep],
            group=self.group[keep],
            channel=self.channel[keep],
        )


def _is_sorted(member: Ints, at: Ints) -> bool:
    ahead = (member[1:] > member[:-1]) | ((member[1:] == member[:-1]) & (at[1:] >= at[:-1]))
    return bool(ahead.all())
