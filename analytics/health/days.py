"""Local days as numbers, so that events can be put into them with one search."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings

from analytics.columns import Ints

ONE = timedelta(days=1)


def zone() -> ZoneInfo:
    """The zone whose midnights divide the days of every group."""
    return ZoneInfo(settings.TIME_ZONE)


def local_day(at: datetime) -> date:
    return at.astimezone(zone()).date()


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone())


@dataclass(frozen=True)
class Days:
    """The local days from `first` to `last`, both included."""

    first: date
    last: date

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def start(self) -> datetime:
        return midnight(self.first)

    @property
    def end(self) -> datetime:
        """The first instant that is no more part of it."""
        return midnight(self.last + ONE)

    @cached_property
    def edges(self) -> Ints:
        """Every midnight from the start to the end, in milliseconds since 1970."""
        days = (self.first + ONE * number for number in range(len(self) + 1))
        return np.array([int(midnight(day).timestamp()) * 1000 for day in days], np.int64)

    @cached_property
    def numbers(self) -> Ints:
        """Each day as a number that reads like it: 20260302."""
        days = (self.first + ONE * number for number in range(len(self)))
        return np.array([int(f"{day:%Y%m%d}") for day in days], np.int64)

    def place(self, at: Ints) -> Ints:
        """In which day each instant lies, from 0; below 0 before the first, len(self) and more after the last."""
        return np.asarray(np.searchsorted(self.edges, at, side="right") - 1, np.int64)
