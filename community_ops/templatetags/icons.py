"""`{% icon "name" %}`: an inline reference into the icon sprite."""

from __future__ import annotations

from functools import lru_cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from community_ops.lib.icons import ICONS
from community_ops.lib.node_static import SPRITE

register = template.Library()


@register.simple_tag
def icon(name: str, css_class: str = "", label: str = "") -> SafeString:
    """The icon called `name`; hidden from screen readers unless it has a `label`.

    Raises `ValueError` for a name that is not in `community_ops.lib.icons`, so a missing picture is found by the first
    test that draws the page.
    """
    if name not in ICONS:
        raise ValueError(f"No icon {name!r}; add it to community_ops/lib/icons.py")
    return _drawn(name, f"icon {css_class}".strip(), str(label))


# A page of rows draws the same few icons a hundred times.
@lru_cache(maxsize=1024)
def _drawn(name: str, classes: str, label: str) -> SafeString:
    href = f"{static(SPRITE)}#{name}"
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}"></use></svg>', classes, label, href
        )
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"></use></svg>', classes, href)
