"""A post looked at before it is saved: the sentence that sums it up, its next times with what they say, and what
stands against it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.utils.translation import ngettext

from accounts.models import User
from campaigns.content.variables import as_group_reads
from campaigns.posts.conflicts import Draft, conflicts
from campaigns.posts.drawing import Drawn, draws_ahead
from campaigns.posts.fitting import lengths_for
from campaigns.posts.forms import PostForm
from campaigns.posts.limits import Limits, limits_of, quota_left
from campaigns.posts.models import Holidays, Post
from campaigns.posts.recurrence import Time
from campaigns.posts.sources import content_of_piece
from campaigns.posts.words import schedule_words
from community_ops.lib.variables import has_variables
from delivery.services import Content
from groups.models import Group

TIMES = 60
SHOWN = 5
MOST_CHOICES = 50
AHEAD = timedelta(days=14)


def check_of(form: PostForm, *, user: User, now: datetime) -> dict[str, Any]:
    """The context of the check, for a form that was validated, whether it is right yet or not."""
    groups = form.reached()
    schedule = form.schedule
    context: dict[str, Any] = {"form": form, "groups": groups, "zone": form.zone_name}
    context["problems"] = [message for name in ("day", "clock", "more", "until", "weekdays", "scene", "scene_days",
                           "holidays") for message in form.errors.get(name, [])]  # fmt: skip
    context["left"] = _left(groups, now)
    if schedule is None:
        return {**context, **_as_read(form, groups, [], now)}
    times = [time for time in islice(schedule.times(now), TIMES) if time.at <= now + AHEAD]
    times = times or list(islice(schedule.times(now), 1))
    data = form.cleaned_data
    series = data.get("series") if data.get("source") == "series" else None
    drawn: list[Drawn | None] = [None] * len(times)
    if series:
        drawn = draws_ahead(series, [(time.local, time.at) for time in times])
    draft = Draft(
        times=[time.at for time in times],
        groups=[group.pk for group in groups],
        keeps_limits=data.get("keeps_limits", True),
        keeps_holidays=schedule.holidays != Holidays.SEND,
        post_id=form.post.pk if form.post else None,
        repeats=[at for at, draw in zip(map(_at, times), drawn, strict=True) if series and _is_repeat(draw)],
    )
    found = conflicts(user=user, start=now, end=now + AHEAD, now=now, draft=draft)
    sketch = Post(**schedule.fields())
    return {
        **context,
        "times": [(time, draw.piece if draw else None) for time, draw in zip(times, drawn, strict=True)][:SHOWN],
        "conflicts": found[:SHOWN],
        "more_conflicts": max(0, len(found) - SHOWN),
        "summary": ngettext(
            "Goes to %(count)d group. %(when)s.", "Goes to %(count)d groups. %(when)s.", len(groups)
        ) % {"count": len(groups), "when": schedule_words(sketch)},
        **_as_read(form, groups, drawn, now),
    }  # fmt: skip


def _at(time: Time) -> datetime:
    return time.at


def _is_repeat(draw: Drawn | None) -> bool:
    return draw is None or draw.repeated


def _left(groups: list[Group], now: datetime) -> list[tuple[Group, Limits, int]]:
    """The groups with the least room left today, where a limit holds."""
    ids = [group.pk for group in groups]
    limits, left = limits_of(ids), quota_left(ids, now)
    limited = [(group, limits[group.pk], count) for group in groups if (count := left[group.pk]) is not None]
    return sorted(limited, key=lambda row: row[2])[:3]


def _as_read(form: PostForm, groups: list[Group], drawn: list[Drawn | None], now: datetime) -> dict[str, Any]:
    """The first message as one of its groups will read it, the one chosen or else the first; and its lengths."""
    content = _content(form, drawn)
    if content is None:
        return {}
    asked = form.data.get("as_group", "")
    group = next((group for group in groups if str(group.pk) == asked), groups[0] if groups else None)
    read = as_group_reads(content, group, now) if group else content
    shown, too_long_in = lengths_for(content, read, groups, now)
    return {
        "read": read if read.text else None,
        "as_group": group,
        "choices": groups[:MOST_CHOICES],
        "lengths": shown,
        "too_long_in": too_long_in,
    }


def _content(form: PostForm, drawn: list[Drawn | None]) -> Content | None:
    data = form.cleaned_data
    source = data.get("source") or "own"
    if source == "own":
        title, text = data.get("title") or "", (data.get("body") or "").strip()
        return Content(
            title=title,
            text=text,
            link=data.get("link") or "",
            link_title=data.get("link_title") or "",
            has_variables=has_variables(title, text),
        )
    series = data.get("series") if source == "series" else None
    piece = data.get("piece") if source == "piece" else drawn[0].piece if drawn and drawn[0] else None
    return content_of_piece(piece, series) if piece is not None else None
