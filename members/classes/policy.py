"""What administrators decide about classes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar


@dataclass(frozen=True)
class TierPolicy:
    """From how many paid orders on a member is of a tier; `hardcore_amount` (in the community's currency) makes one
    hardcore with fewer orders, 0 switches that off."""

    KEY: ClassVar[str] = "tiers"
    first_time: int = 1
    senior: int = 3
    hardcore: int = 10
    hardcore_amount: int = 20000


@dataclass(frozen=True)
class PromotionPolicy:
    """When grades move up by themselves: a day of each year, if `on`."""

    KEY: ClassVar[str] = "promotion"
    on: bool = False
    month: int = 9
    day: int = 1

    def day_in(self, year: int) -> date:
        """The day in a year; one that the month does not have is its last (29 February)."""
        try:
            return date(year, self.month, self.day)
        except ValueError:
            return date(year, self.month, 28)
