"""Small pieces of the weekly digest. `{% load digest %}`."""

from __future__ import annotations

from django import template
from django.utils.html import strip_tags

from analytics.digest.figures import WeekFigure
from community_ops.templatetags.ui import change

register = template.Library()


@register.filter
def against(figure: WeekFigure) -> str:
    """How a figure stands against the week before, in plain words."""
    return strip_tags(change(figure.value, figure.before)).replace("&lt;", "<")
