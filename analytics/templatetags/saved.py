"""What every page of a report says and offers: the question in words, and to save it. `{% load saved %}`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.template import Context
from django.urls import reverse
from django.utils import timezone

from analytics.forms import ReportForm
from analytics.pages.parts import zone_words
from analytics.saved.question import question_words
from analytics.saved.registry import kind_at

register = template.Library()


@register.filter
def moment(value: datetime) -> str:
    """A time in full, as paper needs it: "2026-03-02 12:00"."""
    return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"


@register.simple_tag(takes_context=True)
def save_address(context: Context) -> str:
    """Where the report of this page is saved; nothing where it cannot be."""
    request = context["request"]
    kind = kind_at(request.resolver_match.view_name)
    if kind is None:
        return ""
    query = request.GET.copy()
    query.pop("export", None)
    query["report"] = kind.slug
    return f"{reverse('analytics:saved_new')}?{query.urlencode()}"


@register.inclusion_tag("console/analytics/asked.html", takes_context=True)
def asked(context: Context) -> dict[str, Any]:
    """The question of the page's `form` in words, with zone and time."""
    form: ReportForm = context["form"]
    words = question_words(form) if form.is_valid() else []
    return {"asked": words, "as_of": form.now, "zone": zone_words(form.zone, form.now)}
