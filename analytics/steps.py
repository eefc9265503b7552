"""The steps of a funnel, changed by the buttons of its page where there is no script."""

from __future__ import annotations

from django.http import QueryDict

from analytics.forms import ANY
from analytics.funnel_form import STEP_CONDITIONS, FunnelForm
from analytics.queries.funnel import MOST_EXCLUSIONS, MOST_STEPS

EXCLUDED_FIRST = "left"
LISTS = ("step", *STEP_CONDITIONS)
EXCLUSION_LISTS = ("exclude", "after", "before_step")


def change_steps(asked: QueryDict) -> None:
    """Carries out `act` of an address: add, or remove, up or down with the number of a step (`up:1`); exclude, or
    include with the number of an exclusion."""
    act, _colon, place = asked.pop("act")[-1].partition(":")
    at = int(place) if place.isdecimal() else -1
    if act in ("exclude", "include"):
        rows = _rows(asked, EXCLUSION_LISTS)
        if act == "exclude" and len(rows) < MOST_EXCLUSIONS:
            rows.append([EXCLUDED_FIRST, "", ""])
        elif act == "include" and 0 <= at < len(rows):
            del rows[at]
        _write(asked, EXCLUSION_LISTS, rows)
        return
    steps = _rows(asked, LISTS) or [[kind, *[""] * len(STEP_CONDITIONS)] for kind in FunnelForm.defaults["step"]]
    if act == "add" and len(steps) < MOST_STEPS:
        steps.append([ANY, *[""] * len(STEP_CONDITIONS)])
    elif act == "remove" and 0 <= at < len(steps) > 1:
        del steps[at]
    elif act == "up" and 0 < at < len(steps):
        steps[at - 1 : at + 1] = [steps[at], steps[at - 1]]
    elif act == "down" and 0 <= at < len(steps) - 1:
        steps[at : at + 2] = [steps[at + 1], steps[at]]
    _write(asked, LISTS, steps)


def _rows(asked: QueryDict, names: tuple[str, ...]) -> list[list[str]]:
    first, *others = (asked.getlist(name) for name in names)
    return [[value, *(other[i] if i < len(other) else "" for other in others)] for i, value in enumerate(first)]


def _write(asked: QueryDict, names: tuple[str, ...], rows: list[list[str]]) -> None:
    for name, values in zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True):
        if any(values):
            asked.setlist(name, list(values))
        else:
            asked.pop(name, None)
