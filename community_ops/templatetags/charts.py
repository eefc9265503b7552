"""Small charts drawn on the server: there at once, printable, and readable without a script."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from community_ops.templatetags.ui import day as day_words
from community_ops.templatetags.ui import number

register = template.Library()

WIDTH, HEIGHT = 600, 160


class DayOfGroup(Protocol):
    @property
    def day(self) -> date: ...
    @property
    def messages(self) -> int: ...
    @property
    def active(self) -> int: ...


def _round_up(value: int) -> int:
    """The end of a scale that holds `value`: the next even number of tens, hundreds, …"""
    if value <= 10:
        return max(2, value)
    step: int = 10 ** (len(str(value)) - 2)
    return next(step * tenths for tenths in (10, 12, 16, 20, 24, 30, 40, 50, 60, 80, 100) if step * tenths >= value)


@register.simple_tag
def daily_chart(days: Sequence[DayOfGroup]) -> SafeString:
    """Messages as bars and active members as a line, each on its own scale; a day tells its numbers on hover.

    The drawing is stretched to the width it finds, so words stand beside it and not in it.
    """
    top_messages = _round_up(max((item.messages for item in days), default=0))
    top_active = _round_up(max((item.active for item in days), default=0))
    step = WIDTH / max(1, len(days))
    bars = format_html_join(
        "",
        '<rect class="chart-bar" x="{}" y="{}" width="{}" height="{}"></rect>',
        (
            (f"{index * step + step * 0.15:.2f}", f"{HEIGHT - height:.2f}", f"{step * 0.7:.2f}", f"{height:.2f}")
            for index, height in enumerate(HEIGHT * item.messages / top_messages for item in days)
        ),
    )
    points = " ".join(
        f"{index * step + step / 2:.2f},{HEIGHT - HEIGHT * item.active / top_active:.2f}"
        for index, item in enumerate(days)
    )
    hovers = format_html_join(
        "",
        '<rect class="chart-day" x="{}" y="0" width="{}" height="{}"><title>{}</title></rect>',
        ((f"{index * step:.2f}", f"{step:.2f}", HEIGHT, _day_in_words(item)) for index, item in enumerate(days)),
    )
    marks = [days[round(index * (len(days) - 1) / 4)] for index in range(5)] if len(days) > 5 else days
    return format_html(
        '<div class="chart"><div class="chart-scale"><span>{}</span><span>{}</span></div>'
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<line class="chart-grid" x1="0" x2="{}" y1="0.5" y2="0.5"></line>'
        '<line class="chart-grid" x1="0" x2="{}" y1="{}" y2="{}"></line>'
        '{}<polyline class="chart-line" points="{}"></polyline>{}</svg>'
        '<div class="chart-days">{}</div></div>',
        number(top_messages),
        number(top_active),
        WIDTH,
        HEIGHT,
        _("Messages and active members by day; the numbers are in the table below."),
        WIDTH,
        WIDTH,
        HEIGHT / 2,
        HEIGHT / 2,
        bars,
        points,
        hovers,
        format_html_join("", "<span>{}</span>", ((day_words(item.day),) for item in marks)),
    )


def _day_in_words(item: DayOfGroup) -> str:
    messages = ngettext("%(shown)s message", "%(shown)s messages", item.messages) % {"shown": number(item.messages)}
    active = ngettext("%(shown)s active member", "%(shown)s active members", item.active) % {
        "shown": number(item.active)
    }
    return f"{day_words(item.day)}: {messages}, {active}"
