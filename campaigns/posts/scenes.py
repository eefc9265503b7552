"""The occasions of a year: festivals by the sun and by the moon, shopping days, and those of the brand itself.

A lunar festival lies in the regular month of its number, never in the leap month that may follow it. Qingming is the
15th solar term: the sun stands 15 degrees past the vernal equinox, which in China is the 4th to the 6th of April.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy
from lunardate import LunarDate

from campaigns.posts.models import Scene, SceneCalendar

# The years that the table of the moon holds, less one on either side.
YEARS = range(2001, 2099)


@dataclass(frozen=True)
class Festival:
    """An occasion that the product knows. `on` gives its day in a year, or None where it does not come."""

    slug: str
    name: str | Promise
    on: Callable[[int], date | None]
    lunar: bool = False


def _solar(month: int, day: int) -> Callable[[int], date | None]:
    return lambda year: _day(year, month, day)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:  # the 29th of February, in most years
        return None


def lunar_day(year: int, month: int, day: int) -> date | None:
    """The day within the solar `year` on which the `day` of a lunar month falls; None where that month is too short."""
    for lunar_year in (year, year - 1):
        try:
            found: date = LunarDate(lunar_year, month, day).to_solar_date()
        except ValueError:
            continue
        if found.year == year:
            return found
    return None


def _lunar(month: int, day: int) -> Callable[[int], date | None]:
    return lambda year: lunar_day(year, month, day)


def _new_years_eve(year: int) -> date | None:
    """The day before the lunar new year: the 29th or the 30th of the twelfth month, or of its leap month."""
    first = lunar_day(year, 1, 1)
    return first - timedelta(days=1) if first else None


def qingming(year: int) -> date:
    """By the formula of mean solar terms, which is right for every year from 2000 to 2099."""
    past = year - 2000
    return date(year, 4, int(past * 0.2422 + 4.81) - past // 4)


def _sunday(month: int, number: int) -> Callable[[int], date | None]:
    def on(year: int) -> date:
        first = date(year, month, 1)
        return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (number - 1))

    return on


FESTIVALS = (
    Festival("new-year", pgettext_lazy("festival", "New Year"), _solar(1, 1)),
    Festival("laba", pgettext_lazy("festival", "Laba Festival"), _lunar(12, 8), lunar=True),
    Festival("new-years-eve", pgettext_lazy("festival", "Lunar New Year's Eve"), _new_years_eve, lunar=True),
    Festival("spring-festival", pgettext_lazy("festival", "Spring Festival"), _lunar(1, 1), lunar=True),
    Festival("lantern", pgettext_lazy("festival", "Lantern Festival"), _lunar(1, 15), lunar=True),
    Festival("school-spring", pgettext_lazy("festival", "School starts, spring"), _solar(3, 1)),
    Festival("womens-day", pgettext_lazy("festival", "Women's Day"), _solar(3, 8)),
    Festival("qingming", pgettext_lazy("festival", "Qingming"), qingming),
    Festival("labour-day", pgettext_lazy("festival", "Labour Day"), _solar(5, 1)),
    Festival("mothers-day", pgettext_lazy("festival", "Mother's Day"), _sunday(5, 2)),
    Festival("childrens-day", pgettext_lazy("festival", "Children's Day"), _solar(6, 1)),
    Festival("dragon-boat", pgettext_lazy("festival", "Dragon Boat Festival"), _lunar(5, 5), lunar=True),
    Festival("618", pgettext_lazy("festival", "618 shopping day"), _solar(6, 18)),
    Festival("fathers-day", pgettext_lazy("festival", "Father's Day"), _sunday(6, 3)),
    Festival("qixi", pgettext_lazy("festival", "Qixi"), _lunar(7, 7), lunar=True),
    Festival("school-autumn", pgettext_lazy("festival", "School starts, autumn"), _solar(9, 1)),
    Festival("teachers-day", pgettext_lazy("festival", "Teachers' Day"), _solar(9, 10)),
    Festival("mid-autumn", pgettext_lazy("festival", "Mid-Autumn Festival"), _lunar(8, 15), lunar=True),
    Festival("national-day", pgettext_lazy("festival", "National Day"), _solar(10, 1)),
    Festival("double-ninth", pgettext_lazy("festival", "Double Ninth Festival"), _lunar(9, 9), lunar=True),
    Festival("double-11", pgettext_lazy("festival", "Double 11 shopping day"), _solar(11, 11)),
    Festival("double-12", pgettext_lazy("festival", "Double 12 shopping day"), _solar(12, 12)),
    Festival("christmas", pgettext_lazy("festival", "Christmas"), _solar(12, 25)),
)
BY_SLUG = {festival.slug: festival for festival in FESTIVALS}


def scene_named(slug: str) -> Festival | None:
    """An occasion by its slug: one that the product knows, or a row of Scene."""
    if found := BY_SLUG.get(slug):
        return found
    row = Scene.objects.filter(slug=slug).first() if slug else None
    return _of_row(row) if row else None


def scenes_known(branch_id: int | None = None) -> list[Festival]:
    """Every occasion that somebody of this branch (None: of headquarters) may choose."""
    rows = Scene.objects.all() if branch_id is None else Scene.objects.filter(branch_id__in=[branch_id])
    shared = Scene.objects.filter(branch=None) if branch_id is not None else Scene.objects.none()
    return [*FESTIVALS, *(_of_row(row) for row in (rows | shared).order_by("name", "pk"))]


def scene_dates(slug: str, years: Iterable[int]) -> list[date]:
    """The days of an occasion in these years, in order. An unknown one has none."""
    festival = scene_named(slug)
    if festival is None:
        return []
    days = (festival.on(year) for year in sorted(set(years)) if year in YEARS)
    return [day for day in days if day]


def scene_days(start: date, end: date, branch_id: int | None = None) -> list[tuple[date, Festival]]:
    """Every occasion from `start` to `end`, both included, day by day. One query."""
    found = [
        (day, festival)
        for festival in scenes_known(branch_id)
        for year in range(start.year, end.year + 1)
        if year in YEARS and (day := festival.on(year)) and start <= day <= end
    ]
    return sorted(found, key=lambda pair: pair[0])


def _of_row(row: Scene) -> Festival:
    if row.calendar == SceneCalendar.ONCE:
        return Festival(row.slug, row.name, lambda year: row.on if row.on and row.on.year == year else None)
    on = (_lunar if row.calendar == SceneCalendar.LUNAR else _solar)(row.month or 0, row.day or 0)
    return Festival(row.slug, row.name, on, lunar=row.calendar == SceneCalendar.LUNAR)
