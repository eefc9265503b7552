"""Small pieces of a page: times, numbers, names, badges. `{% load ui %}`."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from django import template
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from community_ops.lib.changes import change_words

register = template.Library()

DASH = "–"
# Badge colour by state, of any model. A state that is not here is grey.
COLOURS = {
    "active": "green",
    "sent": "green",
    "done": "green",
    "ready": "green",
    "forming": "yellow",
    "waiting_for_owner": "yellow",
    "mapping": "yellow",
    "paused": "yellow",
    "planned": "blue",
    "queued": "blue",
    "sending": "blue",
    "running": "blue",
    "failed": "red",
    "unknown": "orange",
    "growing": "blue",
    "declining": "orange",
    "dead": "red",
    "changed": "green",
    "undoing": "blue",
    "kept": "orange",
    "posted": "green",
    "missed": "red",
}
AVATAR_COLOURS = 8
SPARK_WIDTH, SPARK_HEIGHT = 96, 24


@register.filter
def kept(label: object) -> SafeString:
    """The attribute that keeps a name from being translated: texts of the interface are lazy, names plain."""
    return SafeString("" if isinstance(label, Promise) else ' translate="no"')


@register.filter
def number(value: int | float | Decimal | None) -> str:
    """1,234,567, the same in every language; nothing is a dash. Use it with class "num" for digits of one width."""
    if value is None:
        return DASH
    return f"{value:,}"


@register.filter
def share(part: int | None, whole: int | None) -> str:
    """`part` of `whole` in percent. A share of nothing is a dash."""
    if part is None or not whole:
        return DASH
    return f"{100 * part / whole:.1f}%"


@register.simple_tag
def when(value: datetime | None, style: str = "") -> SafeString | str:
    """ "today 14:00", with the full time and its zone on hover. Style "date" leaves the clock away.

    Nothing is a dash.
    """
    if value is None:
        return DASH
    local = timezone.localtime(value)
    zone = local.strftime("%z")
    full = f"{local:%Y-%m-%d %H:%M:%S} {timezone.get_current_timezone_name()} (UTC{zone[:3]}:{zone[3:]})"
    return format_html(
        '<time class="when" datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        full,
        words_for(local, timezone.localtime(), with_clock=style != "date"),
    )


@register.simple_tag
def deadline(due: datetime | None, now: datetime) -> SafeString | str:
    """How long there is left, and until when: "in 3 h · today 17:00", "late by 2 d · 2 Mar 17:00"."""
    if due is None:
        return _("no deadline")
    words = lasting(abs(due - now))
    if due < now:
        return format_html(
            '<span class="is-late">{}</span> · {}', _("late by %(length)s") % {"length": words}, when(due)
        )
    return format_html("{} · {}", _("in %(length)s") % {"length": words}, when(due))


@register.filter
def lasting(value: timedelta | None) -> str:
    """How long something takes or took, in its largest unit: "12 min", "3 h", "2 d". Nothing is a dash."""
    if value is None:
        return DASH
    seconds = value.total_seconds()
    if seconds < 3600:
        return _("%(number)d min") % {"number": max(1, round(seconds / 60))}
    if seconds < 2 * 86400:
        return _("%(number)d h") % {"number": round(seconds / 3600)}
    return _("%(number)d d") % {"number": round(seconds / 86400)}


def words_for(local: datetime, now: datetime, *, with_clock: bool) -> str:
    """A local time as people say it, seen from `now`."""
    clock = f"{local:%H:%M}"
    days = (local.date() - now.date()).days
    near = {-1: _("yesterday"), 0: _("today"), 1: _("tomorrow")}
    if days in near:
        return f"{near[days]} {clock}" if with_clock else near[days]
    if local.year != now.year:
        return formats.date_format(local, pgettext("date format", "j M Y"))
    day = formats.date_format(local, pgettext("date format", "j M"))
    return f"{day} {clock}" if with_clock else day


@register.simple_tag
def day(value: date) -> str:
    """A local day: "2 Mar"."""
    return formats.date_format(value, pgettext("date format", "j M"))


@register.simple_tag
def full_day(value: datetime) -> str:
    """The local day in full: "Monday, 2 March 2026"."""
    return formats.date_format(timezone.localtime(value), pgettext("date format", "l, j F Y"))


@register.simple_tag
def badge(state: str, label: str) -> SafeString:
    """A state with its colour and its word: `{% badge group.state group.get_state_display %}`."""
    return format_html('<span class="state state-{}">{}</span>', COLOURS.get(state, "grey"), label)


@register.simple_tag
def avatar(name: str, css_class: str = "") -> SafeString:
    """The letters of a name, on a colour that the name keeps. It stands beside the name, so screen readers skip it."""
    parts = name.split()
    if name and ord(name[-1]) >= 0x2E80:
        letters = name[-2:] if len(name) <= 3 else name[:2]  # 王小明 is known as 小明; longer names differ in front
    elif len(parts) > 1:
        letters = parts[0][:1] + parts[-1][:1]
    else:
        letters = name[:2]
    colour = zlib.crc32(name.encode()) % AVATAR_COLOURS
    return format_html(
        '<span class="face face-{} {}" aria-hidden="true" translate="no">{}</span>', colour, css_class, letters.upper()
    )


@register.simple_tag
def change(value: int, before: int, more_is: str = "good") -> SafeString:
    """How `value` stands against `before`: sign, word and colour, never colour alone."""
    found = change_words(value, before, more_is=more_is)
    return format_html('<span class="{}">{}</span>', f"change {found.css}".strip(), found.text)


@register.simple_tag
def sparkline(values: Sequence[int], label: str) -> SafeString:
    """A tiny line of the course of a number; `label` says it in words for those who do not see it."""
    top = max(values, default=0)
    if len(values) < 2 or not top:
        return SafeString("")
    step = SPARK_WIDTH / (len(values) - 1)
    points = " ".join(
        f"{index * step:.1f},{SPARK_HEIGHT - 2 - (SPARK_HEIGHT - 4) * value / top:.1f}"
        for index, value in enumerate(values)
    )
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}"><polyline points="{}"></polyline></svg>',
        SPARK_WIDTH,
        SPARK_HEIGHT,
        label,
        points,
    )


@register.filter
def minutes(value: timedelta) -> int:
    """Whole minutes, rounded up."""
    return -int(-value.total_seconds() // 60)
