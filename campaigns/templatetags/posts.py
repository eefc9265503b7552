"""Posts on pages. `{% load posts %}`."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import pgettext

from campaigns.posts.models import Post
from campaigns.posts.words import schedule_words

register = template.Library()


@register.filter
def schedule(post: Post) -> str:
    """When a post goes out, as a person would say it."""
    return schedule_words(post)


@register.simple_tag
def local_time(at: datetime, zone: str) -> SafeString:
    """Weekday, day and clock in `zone`, whatever the zone of the installation is."""
    local = at.astimezone(ZoneInfo(zone))
    words = formats.date_format(local, pgettext("date format with weekday", "D j M Y"))
    return format_html(
        '<time datetime="{}" title="{}">{} {}</time>',
        local.isoformat(timespec="seconds"),
        f"{local:%Y-%m-%d %H:%M:%S} {zone} (UTC{local:%z})",
        words,
        f"{local:%H:%M}",
    )
