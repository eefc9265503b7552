"""The course of a group's health. `{% load health %}`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from analytics.health.selectors import CourseDay
from community_ops.templatetags.ui import day as day_words
from groups.models import HealthStage

register = template.Library()

WIDTH, HEIGHT, BAND, STRIP, GAP = 900, 120, 14, 10, 6


@register.filter
def stage_words(stage: str) -> str:
    return str(HealthStage(stage).label) if stage else "–"


@register.simple_tag
def health_course(days: Sequence[CourseDay], floor: int) -> SafeString:
    """Active members as bars; below them the stage of each day as a band, and whether staff kept the floor.

    The drawing is stretched to the width it finds, so words stand beside it; each day tells its numbers on hover.
    """
    top = max(2, *(item.active for item in days))
    step = WIDTH / len(days)
    bars = format_html_join(
        "",
        '<rect class="chart-bar" x="{}" y="{}" width="{}" height="{}"></rect>',
        (
            (f"{i * step + step * 0.12:.2f}", f"{HEIGHT - height:.2f}", f"{step * 0.76:.2f}", f"{height:.2f}")
            for i, height in enumerate(HEIGHT * item.active / top for item in days)
        ),
    )
    bands = format_html_join(
        "",
        '<rect class="band band-{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (
            (stage, f"{start * step:.2f}", HEIGHT + GAP, f"{length * step:.2f}", BAND, words)
            for stage, start, length, words in _spans(days)
        ),
    )
    strip = format_html_join(
        "",
        '<rect class="floor {}" x="{}" y="{}" width="{}" height="{}"></rect>',
        (
            (
                "is-kept" if item.interactions >= floor else "is-some" if item.interactions else "is-none",
                f"{i * step + step * 0.12:.2f}",
                HEIGHT + BAND + 2 * GAP,
                f"{step * 0.76:.2f}",
                STRIP,
            )
            for i, item in enumerate(days)
        ),
    )
    hovers = format_html_join(
        "",
        '<rect class="chart-day" x="{}" y="0" width="{}" height="{}"><title>{}</title></rect>',
        ((f"{i * step:.2f}", f"{step:.2f}", HEIGHT, _in_words(item)) for i, item in enumerate(days)),
    )
    marks = [days[round(i * (len(days) - 1) / 4)] for i in range(5)]
    whole = HEIGHT + BAND + STRIP + 2 * GAP
    stages = list(dict.fromkeys(item.stage for item in days if item.stage))
    legend = format_html_join(
        "", '<span class="key band-key band-{}">{}</span>', ((stage, stage_words(stage)) for stage in stages)
    )
    return format_html(
        '<div class="chart health-course"><div class="chart-scale"><span>{}</span></div>'
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}{}{}{}</svg>'
        '<div class="chart-days">{}</div><div class="health-keys">{}'
        '<span class="key floor-key is-kept">{}</span><span class="key floor-key is-some">{}</span></div></div>',
        top,
        WIDTH,
        whole,
        _("Active members by day, the stage of each day, and the days on which staff kept the floor; see the table."),
        bars,
        bands,
        strip,
        hovers,
        format_html_join("", "<span>{}</span>", ((day_words(item.day),) for item in marks)),
        legend,
        _("interactions by staff: floor kept"),
        _("below the floor"),
    )


def _spans(days: Sequence[CourseDay]) -> list[tuple[str, int, int, str]]:
    spans = []
    start = 0
    for stage, run in groupby(days, key=lambda item: item.stage):
        items = list(run)
        if stage:
            words = f"{stage_words(stage)}: {day_words(items[0].day)} – {day_words(items[-1].day)}"
            spans.append((stage, start, len(items), words))
        start += len(items)
    return spans


def _in_words(item: CourseDay) -> str:
    return _("%(day)s: %(active)d active, %(messages)d messages, %(interactions)d interactions by staff") % {
        "day": day_words(item.day),
        "active": item.active,
        "messages": item.messages,
        "interactions": item.interactions,
    }
