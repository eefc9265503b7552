"""The question of the page of best hours, read from its address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from analytics.forms import Choices, RangeForm

MEASURES: Choices = [
    ("reading", pgettext_lazy("best hour", "Reading")),
    ("conversion", pgettext_lazy("best hour", "Orders after a click")),
    ("activity", pgettext_lazy("best hour", "Activity")),
]


class BestHourForm(RangeForm):
    measure = forms.ChoiceField(choices=MEASURES, label=_("What counts"))

    defaults: dict[str, Any] = {"preset": "90d", "measure": "reading"}
