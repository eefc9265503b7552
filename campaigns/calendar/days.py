"""Which days a page of the calendar shows, and how it is asked for in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import models
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from campaigns.posts.recurrence import localize

ONE_DAY = timedelta(days=1)


class View(models.TextChoices):
    MONTH = "month", pgettext_lazy("calendar", "Month")
    WEEK = "week", pgettext_lazy("calendar", "Week")
    DAY = "day", pgettext_lazy("calendar", "Day")


class By(models.TextChoices):
    """What the rows of a week are."""

    HOURS = "", pgettext_lazy("calendar", "By hour")
    GROUP = "group", pgettext_lazy("calendar", "By group")
    BRANCH = "branch", pgettext_lazy("calendar", "By branch")


@dataclass(frozen=True)
class Window:
    """The days shown, from `first` up to and with `last`, around `day`. Days are those of the installation's zone."""

    view: View
    by: By
    day: date
    first: date
    last: date

    @property
    def days(self) -> list[date]:
        return [self.first + ONE_DAY * number for number in range((self.last - self.first).days + 1)]

    @property
    def start(self) -> datetime:
        return midnight(self.first)

    @property
    def end(self) -> datetime:
        return midnight(self.last + ONE_DAY)

    @property
    def before(self) -> date:
        """A day of the page before."""
        if self.view == View.MONTH:
            return (self.day.replace(day=1) - ONE_DAY).replace(day=1)
        return self.day - (self.last - self.first + ONE_DAY)

    @property
    def after(self) -> date:
        """A day of the page after."""
        if self.view == View.MONTH:
            return (self.day.replace(day=28) + timedelta(days=4)).replace(day=1)
        return self.day + (self.last - self.first + ONE_DAY)

    @property
    def title(self) -> str:
        if self.view == View.MONTH:
            return formats.date_format(self.day, pgettext("date format", "F Y"))
        if self.view == View.DAY:
            return formats.date_format(self.day, pgettext("date format", "l, j F Y"))
        first = formats.date_format(self.first, pgettext("date format", "j M"))
        return _("%(first)s to %(last)s") % {
            "first": first,
            "last": formats.date_format(self.last, pgettext("date format", "j M Y")),
        }


def window_from(query: Mapping[str, str], today: date) -> Window:
    """What the address asks for; whatever it says that is not known is left aside."""
    asked = query.get("view", "")
    view = View(asked) if asked in View.values else View.MONTH
    by = By(query.get("by", "")) if view == View.WEEK and query.get("by", "") in By.values else By.HOURS
    day = day_from(query.get("day", "")) or today
    if view == View.DAY:
        return Window(view, by, day, day, day)
    if view == View.WEEK:
        first = monday(day)
        return Window(view, by, day, first, first + 6 * ONE_DAY)
    first = monday(day.replace(day=1))
    last = monday((day.replace(day=28) + timedelta(days=4)).replace(day=1) - ONE_DAY) + 6 * ONE_DAY
    return Window(view, by, day, first, last)


def monday(day: date) -> date:
    return day - ONE_DAY * day.weekday()


def midnight(day: date) -> datetime:
    return localize(datetime.combine(day, time()), timezone.get_default_timezone())


def day_from(text: str) -> date | None:
    """A day like 2026-03-02 within the years that posts may have, or nothing."""
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return day if day and 2000 <= day.year < 2200 else None


def instant_from(text: str) -> datetime | None:
    """A local time like 2026-03-02T09:00 as an instant, or nothing."""
    try:
        local = datetime.fromisoformat(text) if len(text) == 16 else None
    except ValueError:
        return None
    if local is None or local.tzinfo or not 2000 <= local.year < 2200:
        return None
    return localize(local, timezone.get_default_timezone())
