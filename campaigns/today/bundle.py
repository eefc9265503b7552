"""What the page of today lists: like things in bundles."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from community_ops.lib.lists import Text

# So many rows of a bundle are drawn; the list that it leads to has them all.
SHOWN = 6


@dataclass(frozen=True)
class Bundle:
    """Like things of one sort: the first few as `rows`, and how many there are in how many groups.

    `sort` says which template draws the rows. `due_at` is the earliest deadline; without one it comes last. `why` says
    why they are here, `advice` what to do about all of them.
    """

    key: str
    sort: str
    icon: str
    label: Text
    count: int
    rows: list[Any] = field(hash=False)
    due_at: datetime | None = None
    groups: int = 0
    late: int = 0
    why: Text = ""
    advice: Text = ""
    all_url: str = ""

    @property
    def is_single(self) -> bool:
        return self.count == 1 and self.sort not in ("group",)

    @property
    def more(self) -> int:
        return self.count - len(self.rows)
