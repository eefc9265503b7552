"""The question of a report as an address that stays true tomorrow, and as words that people read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import formats
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from analytics.forms import PRESETS, ReportForm
from analytics.funnel_form import STEP_CONDITIONS

MOST_NAMES = 5
# What only a person with other rights, or in another time, could have chosen.
FILTERS = ("group", "branch", "segment")


@dataclass(frozen=True)
class Asked:
    """A part of the question. `is_name`: data, not words."""

    label: str | Promise
    text: str
    is_name: bool = False


def question_of(form: ReportForm) -> str:
    """The address of a valid form with "last 30 days" as such, and without what was left to choose by itself."""
    query = QueryDict(form.address(), mutable=True)
    assert isinstance(form.data, QueryDict)
    preset = form.cleaned_data.get("preset")
    for name in form.fields:
        if name != "preset" and not any(form.data.getlist(name)):
            query.pop(name, None)
    if preset:
        query.pop("from", None)
        query.pop("to", None)
        query["preset"] = preset
    return query.urlencode()


def filters_refused(form: ReportForm) -> list[str | Promise]:
    """The labels of the filters that name something which is gone or which this person may not see."""
    return [form.fields[name].label or name for name in FILTERS if name in form.errors]


def without_filters(question: str, form: ReportForm) -> str:
    """The question without the filters that are refused."""
    query = QueryDict(question, mutable=True)
    for name in FILTERS:
        if name in form.errors:
            query.pop(name, None)
    return query.urlencode()


def question_words(form: ReportForm) -> list[Asked]:
    """What a valid form asks, for paper and screen: range first, then the choices, then whom it is about."""
    chosen, found = form.cleaned_data, []
    days = _days(form)
    if days:
        found.append(Asked(_("Range"), days))
    for name, field in form.fields.items():
        value = chosen.get(name)
        if name in (*FILTERS, "preset", "from", "to", "unit", *PARTS) or value in (None, "", []):
            continue
        if name in UNASKED and not UNASKED[name](chosen):
            continue
        if name == "step":
            found.append(Asked(field.label or name, _steps(form), is_name=True))
        elif name == "exclude":
            found.append(Asked(field.label or name, _exclusions(form)))
        elif name == "window" and "unit" in form.fields:
            found.append(Asked(field.label or name, f"{value} {_label(form.fields['unit'], chosen['unit'])}"))
        elif isinstance(value, date):
            found.append(Asked(field.label or name, _day(value)))
        elif isinstance(field, forms.ChoiceField):
            found.append(Asked(field.label or name, _label(field, value)))
        elif isinstance(value, (int, str)) and not isinstance(value, bool):
            found.append(Asked(field.label or name, str(value), is_name=isinstance(value, str)))
    return [*found, *_whom(form)]


# Fields that say nothing unless another one makes them count.
UNASKED: dict[str, Any] = {
    "window": lambda chosen: chosen.get("metric", "rolling_unique") == "rolling_unique",
    "touch": lambda chosen: bool(chosen.get("by")),
    "at_step": lambda chosen: bool(chosen.get("by")) and chosen.get("touch") == "step",
    "least": lambda chosen: _comes_back(chosen) and chosen.get("least", 1) > 1,
    **dict.fromkeys(("mode", "measure", "start", "back"), lambda chosen: _comes_back(chosen)),
}
# What is said with the steps and the exclusions that it belongs to.
PARTS = (*STEP_CONDITIONS, "after", "before_step", "only")


def _comes_back(chosen: dict[str, Any]) -> bool:
    return bool(chosen.get("what", "activity") == "activity")


def _exclusions(form: ReportForm) -> str:
    """Each with the two steps between which it must not lie."""
    asked = form.cleaned_data
    rows = zip(asked["exclude"], asked["after"], asked["before_step"], strict=True)
    return ", ".join(f"{_label(form.fields['exclude'], kind)} ({after}–{before})" for kind, after, before in rows)


def _whom(form: ReportForm) -> list[Asked]:
    found, chosen = [], form.cleaned_data
    groups = [group.name for group in form.groups] if "group" in form.fields else []
    if groups:
        more = len(groups) - MOST_NAMES
        names = ", ".join(groups[:MOST_NAMES])
        if more > 0:
            names += " " + ngettext("and %(number)d more", "and %(number)d more", more) % {"number": more}
        found.append(Asked(_("Groups"), names, is_name=True))
    elif "group" in form.fields:
        found.append(Asked(_("Groups"), pgettext("groups", "all that you see")))
    if branch := chosen.get("branch"):
        found.append(Asked(_("Branch"), _label(form.fields["branch"], branch), is_name=True))
    elif form.user.branch is not None:
        found.append(Asked(_("Branch"), form.user.branch.name, is_name=True))
    if segment := chosen.get("segment"):
        found.append(Asked(_("Segment"), str(segment), is_name=True))
    return found


def _days(form: ReportForm) -> str:
    chosen = form.cleaned_data
    first, last, preset = (chosen.get(name) for name in ("from", "to", "preset"))
    if not (isinstance(first, date) and isinstance(last, date)):
        return ""
    span = _day(first) if first == last else f"{_day(first)} – {_day(last)}"
    if first <= form.today <= last:
        # Else a range up to now looks like a fall against the whole days of the one before.
        span = _("%(days)s (today is not over)") % {"days": span}
    if preset not in dict(PRESETS):
        return span
    return _("%(preset)s, %(days)s") % {"preset": dict(PRESETS)[preset], "days": span}


def _day(day: date) -> str:
    return formats.date_format(day, pgettext("date format", "j M Y"))


def _steps(form: ReportForm) -> str:
    field, asked = form.fields["step"], form.cleaned_data
    conditions = zip(*(asked[name] for name in STEP_CONDITIONS), strict=True)
    names = []
    for kind, values in zip(asked["step"], conditions, strict=True):
        met = [_label(form.fields[of], value) for of, value in zip(STEP_CONDITIONS, values, strict=True) if value]
        names.append(" · ".join([_label(field, kind), *met]))
    return " → ".join(names)


def _label(field: Any, value: Any) -> str:
    """The word for a choice, or for several."""
    known: dict[str, Any] = {str(key): label for key, label in field.choices}
    values = value if isinstance(value, list) else [value]
    return ", ".join(str(known.get(str(one), one)) for one in values)
