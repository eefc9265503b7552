"""What the lists of rituals share. `{% load rituals %}`."""

from __future__ import annotations

from typing import Any

from django import template

from campaigns.rituals.parts import all_parts

register = template.Library()


@register.inclusion_tag("console/campaigns/rituals/tabs.html")
def ritual_tabs(current: str = "") -> dict[str, Any]:
    """The tabs from one ritual to the next. `current` is the slug of the part; empty: the page of all."""
    return {"parts": all_parts(), "current": current}
