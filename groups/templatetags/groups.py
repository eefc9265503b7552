from __future__ import annotations

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse

from groups.models import Group
from groups.tabs import TABS

register = template.Library()


@register.simple_tag
def group_tabs(group: Group, current: str) -> list[dict[str, Any]]:
    """The tabs of `group`; `current` is the key of the one that is open."""
    tabs = []
    for tab in TABS:
        try:
            url = reverse(tab.name, args=[group.pk])
        except NoReverseMatch:
            continue
        tabs.append({"key": tab.key, "label": tab.label, "url": url, "current": tab.key == current})
    return tabs
