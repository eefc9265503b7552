"""Who left, and what did they see last?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from analytics.definitions import LEAVERS
from analytics.forms import RangeForm
from analytics.leavers import LastThing, Leavers, leavers_between, thing_names
from analytics.pages.parts import Cell, Head, Table, number_cell, people_url, percent, share_of
from analytics.queries.base import Names, Source
from analytics.queries.periods import local, midnight

MOST_THINGS = 30


class LeaversForm(RangeForm):
    defaults = {"preset": "30d"}


@dataclass(frozen=True)
class LeaversPage:
    total: int
    looked: int
    others: int
    telling: list[str]
    table: Table
    definitions: list[Any]


def leavers_of(form: LeaversForm, zone: ZoneInfo) -> Leavers:
    first, last = form.days
    start, end = local(midnight(first, zone), zone), local(midnight(last + timedelta(days=1), zone), zone)
    return leavers_between(form.selection(), form.cleaned_data["branch"], start, end)


def leavers_page(form: LeaversForm, source: Source, names: Names, *, zone: ZoneInfo, now: datetime) -> LeaversPage:
    found = leavers_of(form, zone)
    shown = found.things[:MOST_THINGS]
    words = thing_names([thing.key for thing in shown])
    rows = [_row(form, found, thing, words[thing.key]) for thing in shown]
    heads = [
        Head(_("The last thing"), number=False),
        Head(pgettext("leavers", "Left")),
        Head(_("Of those who left"), file=_("Of those who left, in percent")),
        Head(_("Of those who stayed"), file=_("Of those who stayed, in percent")),
        Head(_("Beyond chance"), number=False),
    ]
    return LeaversPage(
        total=found.total,
        looked=found.looked,
        others=found.others,
        telling=[_sentence(found, thing, words[thing.key]) for thing in shown if thing.apart > 0],
        table=Table(_("The last thing before leaving"), heads, rows),
        definitions=list(LEAVERS),
    )


def _row(form: LeaversForm, found: Leavers, thing: LastThing, name: str) -> list[Cell]:
    left, stayed = share_of(thing.left, found.looked), share_of(thing.stayed, found.others)
    says = {1: _("more than those who stayed"), -1: _("less than those who stayed")}.get(thing.apart, "")
    return [
        Cell(name, name, css="", name=thing.key.startswith("post:")),
        number_cell(thing.left, people_url(form, "leavers", thing=thing.key)),
        Cell(left, percent(left)),
        Cell(stayed, percent(stayed)),
        Cell(says, says, css=""),
    ]


def _sentence(found: Leavers, thing: LastThing, name: str) -> str:
    text = _("%(thing)s: the last thing for %(left)s of those who left, but for only %(stayed)s of those who stayed.")
    return text % {
        "thing": name,
        "left": percent(share_of(thing.left, found.looked)),
        "stayed": percent(share_of(thing.stayed, found.others)),
    }
