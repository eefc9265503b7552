"""What holds for every number of a report: said behind the "?" of each (templates/console/analytics/explain.html)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from django.forms import ChoiceField
from django.utils.translation import gettext as _

from analytics.forms import ANY, RangeForm, ReportForm, RetentionForm
from analytics.pages.parts import Text, zone_words

MOST_NAMED = 8


@dataclass(frozen=True)
class Facts:
    """`filters` are what the report is limited to, each with its label; names, not words of the interface."""

    range: str
    zone: str
    as_of: datetime
    filters: list[tuple[Text, str]] = field(default_factory=list)


def facts_of(form: ReportForm, *, now: datetime, zone: ZoneInfo, range: str = "") -> Facts | None:
    """Of a form that is valid; nothing of another. `range` is said where the form itself does not know it in days."""
    if form.errors:
        return None
    return Facts(range or _range(form), zone_words(zone, now), now, _filters(form))


def _range(form: ReportForm) -> str:
    asked = form.cleaned_data
    if isinstance(form, RangeForm):
        return f"{asked['from']:%Y-%m-%d} – {asked['to']:%Y-%m-%d}"
    return f"{asked['since']:%Y-%m-%d} – {form.today:%Y-%m-%d}" if isinstance(form, RetentionForm) else ""


def _filters(form: ReportForm) -> list[tuple[Text, str]]:
    asked = form.cleaned_data
    found: list[tuple[Text, str]] = []
    for name in ("branch", "kind", "stage", "community_type", "motivation"):
        shown = form.fields.get(name)
        if isinstance(shown, ChoiceField) and asked.get(name) not in (None, "", ANY):
            labels = {str(value): str(label) for value, label in shown.choices}  # type: ignore[misc, union-attr]
            found.append((shown.label or "", labels.get(asked[name], asked[name])))
    if asked.get("segment"):
        found.append((form.fields["segment"].label or "", asked["segment"].name))
    if form.groups:
        names = ", ".join(group.name for group in form.groups[:MOST_NAMED])
        more = len(form.groups) - MOST_NAMED
        if more > 0:
            names = _("%(names)s and %(number)d more groups") % {"names": names, "number": more}
        found.append((form.fields["group"].label or "", names))
    return found
