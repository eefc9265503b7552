"""The questions about habits of members: by day, week or month, about anything that they did or about one thing."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from analytics.forms import ANY, ANY_KIND, INTERVALS, Choices, RangeForm, event

REACHES: Choices = [("exactly", _("exactly so many")), ("least", _("at least so many"))]


class HabitForm(RangeForm):
    metric = ""
    interval = forms.ChoiceField(choices=INTERVALS[1:], label=_("Interval"))
    kind = forms.ChoiceField(label=_("What members did"))

    def __init__(self, asked: QueryDict, *, user: User, now: datetime, zone: ZoneInfo) -> None:
        super().__init__(asked, user=user, now=now, zone=zone)
        self._kinds(["kind"], first=ANY_KIND)

    def question(self, **changes: Any) -> dict[str, Any]:
        asked = self.cleaned_data
        question = {
            **self.common(),
            "range": self.range(),
            "metric": self.metric,
            "interval": asked["interval"],
            "event": event(asked["kind"]),
            **changes,
        }
        return {name: value for name, value in question.items() if value is not None}


class LifecycleForm(HabitForm):
    metric = "lifecycle"
    defaults = {"preset": "30d", "interval": "day", "kind": ANY}


class StickinessForm(HabitForm):
    metric = "stickiness"
    reach = forms.ChoiceField(choices=REACHES, label=_("Active in"))

    defaults = {"preset": "30d", "interval": "day", "kind": ANY, "reach": "exactly"}

    def question(self, **changes: Any) -> dict[str, Any]:
        return super().question(cumulative=self.cleaned_data["reach"] == "least", **changes)
