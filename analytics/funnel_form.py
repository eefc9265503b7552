"""The question of a funnel, read from the address of its page."""

from __future__ import annotations

from datetime import datetime
from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from analytics.forms import ANY_KIND, BREAKDOWNS, INTERVALS, LONGEST_WEEKLY, Choices, RangeForm, event
from analytics.queries.funnel import MOST_EXCLUSIONS, MOST_STEPS
from groups.models import CommunityType, Motivation
from members.acquisition.offered import channels_offered

# The lists of an address that hold a condition of each step, and the attribute of an event that each speaks of.
STEP_CONDITIONS = {"through": "channel", "type": "community_type", "motive": "motivation", "in_branch": "branch"}
MOST_CHANNELS = 1000
STEP_NUMBERS = [("", ""), *((str(number), str(number)) for number in range(1, MOST_STEPS + 1))]


class Chosen(forms.MultipleChoiceField):
    """Several choices in an order that matters, repeats allowed."""

    def validate(self, value: list[str]) -> None:
        for item in value:
            if not self.valid_value(item):
                raise forms.ValidationError(_("There is no such choice: %(value)s"), params={"value": item})


class FunnelForm(RangeForm):
    """`step` and the lists of STEP_CONDITIONS have one length: the kinds of event, and what each must have come by or
    lain in. `exclude`, `after` and `before` are another such set: what must not lie between which two steps."""

    step = Chosen(label=_("Steps"))
    through = Chosen(label=_("Channel"), required=False)
    type = Chosen(label=_("Community type"), required=False)
    motive = Chosen(label=_("Motivation"), required=False)
    in_branch = Chosen(label=_("Branch"), required=False)
    window = forms.IntegerField(min_value=1, max_value=3650, label=_("Within"))
    unit = forms.ChoiceField(
        choices=[("minute", _("minutes")), ("hour", _("hours")), ("day", _("days"))], label=_("Unit")
    )
    order = forms.ChoiceField(
        choices=[
            ("ordered", _("In this order")),
            ("strict", _("Directly one after the other")),
            ("unordered", _("In any order")),
        ],
        label=_("Order of the steps"),
    )
    exclude = Chosen(required=False, label=_("Leave out who meanwhile"))
    after = Chosen(required=False, label=_("after step"), choices=STEP_NUMBERS)
    before_step = Chosen(required=False, label=_("and before step"), choices=STEP_NUMBERS)
    by = forms.ChoiceField(required=False, choices=BREAKDOWNS, label=_("Breakdown"))
    touch = forms.ChoiceField(
        choices=[("first_touch", _("First touch")), ("last_touch", _("Last touch")), ("step", _("At step"))],
        label=_("Counted by"),
    )
    at_step = forms.ChoiceField(choices=STEP_NUMBERS, required=False, label=_("Step"))
    entry = forms.ChoiceField(required=False, choices=[("", _("Automatic")), *INTERVALS[1:]], label=_("Entries by"))

    defaults = {
        "preset": "90d",
        "step": ["joined", "message", "ordered"],
        "window": "14",
        "unit": "day",
        "order": "ordered",
        "touch": "first_touch",
    }

    def __init__(self, asked: QueryDict, *, user: User, now: datetime, zone: ZoneInfo) -> None:
        super().__init__(asked, user=user, now=now, zone=zone)
        self._kinds(["step"], first=ANY_KIND)
        self._kinds(["exclude"], first=("", _("Nothing")))
        # A report that somebody shared may ask for others; nothing of this person's came by them.
        offered = channels_offered(user).values_list("code", flat=True)[:MOST_CHANNELS]
        channels: Choices = [(code, code) for code in dict.fromkeys([*offered, *asked.getlist("through")]) if code]
        branches = list(self._field("branch", forms.ChoiceField).choices)[1:]
        for name, first, choices in (
            ("through", _("Any channel"), channels),
            ("type", _("Any type"), CommunityType.choices),
            ("motive", _("Any motivation"), Motivation.choices),
            ("in_branch", _("Any branch"), branches),
        ):
            self._field(name, Chosen).choices = [("", first), *choices]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        steps = cleaned.get("step", [])
        if len(steps) > MOST_STEPS:
            self.add_error("step", _("A funnel has at most %(most)d steps.") % {"most": MOST_STEPS})
        for name in STEP_CONDITIONS:
            cleaned[name] = [*cleaned.get(name, []), *[""] * len(steps)][: len(steps)]
        # A step that was taken away since takes no exclusion with it: what lay before it lies before the last one.
        exclusions = [
            (kind, max(1, min(int(after or 1), len(steps) - 1)), min(int(before or len(steps)), len(steps)))
            for kind, after, before in zip_longest(
                cleaned.get("exclude", []), cleaned.get("after", []), cleaned.get("before_step", []), fillvalue=""
            )
            if kind and len(steps) > 1
        ][:MOST_EXCLUSIONS]
        cleaned["exclude"] = [kind for kind, _after, _before in exclusions]
        cleaned["after"] = [str(after) for _kind, after, _before in exclusions]
        cleaned["before_step"] = [str(max(after + 1, before)) for _kind, after, before in exclusions]
        cleaned["at_step"] = str(min(int(cleaned.get("at_step") or 1), max(1, len(steps))))
        if cleaned.get("from") and cleaned.get("to") and not self.errors and not cleaned.get("entry"):
            # Shares of a few members a day jump about, so weeks begin early here.
            cleaned["entry"] = "day" if self.length <= 31 else "week" if self.length <= LONGEST_WEEKLY else "month"
        return cleaned

    def words_of(self, name: str) -> dict[str, str]:
        """What people read for each value of a condition."""
        return {str(value): str(label) for value, label in self._field(name, Chosen).choices}

    def _rows(self, *names: str) -> list[tuple[str, ...]]:
        """What was asked in lists of one length, as rows; the first list says how many there are."""
        assert isinstance(self.data, QueryDict)
        first, *others = (self.data.getlist(name) for name in names)
        return list(zip(first, *([*other, *[""] * len(first)] for other in others), strict=False))

    @property
    def step_rows(self) -> list[dict[str, Any]]:
        """The steps as the editor shows them."""
        rows = self._rows("step", *STEP_CONDITIONS)
        return [
            {
                "kind": kind,
                "conditions": [
                    {"name": name, "value": value, "choices": self._field(name, Chosen).choices}
                    for name, value in zip(STEP_CONDITIONS, values, strict=True)
                ],
                "is_open": any(values),
                "number": i + 1,
                "is_first": i == 0,
                "is_last": i == len(rows) - 1,
            }
            for i, (kind, *values) in enumerate(rows)
        ]

    @property
    def exclusion_rows(self) -> list[dict[str, str]]:
        """What must not happen in between, as the editor shows it."""
        last = str(len(self.step_rows))
        rows = self._rows("exclude", "after", "before_step")
        return [{"kind": kind, "after": after or "1", "before": before or last} for kind, after, before in rows if kind]

    @property
    def blank_exclusion(self) -> dict[str, str]:
        return {"kind": "left", "after": "1", "before": str(len(self.step_rows))}

    def question(self, **changes: Any) -> dict[str, Any]:
        asked = self.cleaned_data
        conditions = zip(*(asked[name] for name in STEP_CONDITIONS), strict=True)
        steps = [
            event(kind, dict(zip(STEP_CONDITIONS.values(), values, strict=True)))
            for kind, values in zip(asked["step"], conditions, strict=True)
        ]
        question = {
            **self.common(),
            "range": self.range(),
            "steps": steps,
            "window_seconds": asked["window"] * {"minute": 60, "hour": 3600, "day": 86_400}[asked["unit"]],
            "order": asked["order"],
            "series": {"interval": asked["entry"]},
            "exclusions": [
                {"kind": kind, "after_step": int(after), "before_step": int(before)}
                for kind, after, before in zip(asked["exclude"], asked["after"], asked["before_step"], strict=True)
            ],
        }
        if asked["by"]:
            question["breakdown"] = {"by": asked["by"], "attribution": asked["touch"], "step": int(asked["at_step"])}
        return {**question, **changes}
