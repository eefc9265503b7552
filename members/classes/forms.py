from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from community_ops.lib.forms import MarkedForm
from members.classes.policy import PromotionPolicy, TierPolicy


class TierForm(MarkedForm):
    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    first_time = forms.IntegerField(min_value=1, max_value=1000, label=gettext_lazy("First-time paying from"))
    senior = forms.IntegerField(min_value=1, max_value=1000, label=gettext_lazy("Senior paying from"))
    hardcore = forms.IntegerField(min_value=1, max_value=10000, label=gettext_lazy("Hardcore from"))
    hardcore_amount = forms.IntegerField(
        min_value=0,
        max_value=100_000_000,
        label=gettext_lazy("Or hardcore from this sum"),
        help_text=gettext_lazy("Paid in total, refunds taken off. 0: the number of orders alone decides."),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        steps = [cleaned.get(name) for name in ("first_time", "senior", "hardcore")]
        if None not in steps and not steps[0] < steps[1] < steps[2]:  # type: ignore[operator]
            self.add_error("senior", _("Each tier needs more orders than the one before."))
        return cleaned

    def policy(self) -> TierPolicy:
        return TierPolicy(**{name: value for name, value in self.cleaned_data.items() if name != "version"})


class PromotionForm(MarkedForm):
    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    on = forms.BooleanField(required=False, label=gettext_lazy("Move up by itself on this day"))
    month = forms.IntegerField(min_value=1, max_value=12, label=gettext_lazy("Month"))
    day = forms.IntegerField(min_value=1, max_value=31, label=gettext_lazy("Day"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["on"].widget.attrs["class"] = "form-check-input"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        days = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
        if cleaned.get("day") and cleaned["day"] > days.get(cleaned.get("month", 1), 31):
            self.add_error("day", _("This month has no such day."))
        return cleaned

    def policy(self) -> PromotionPolicy:
        return PromotionPolicy(**{name: value for name, value in self.cleaned_data.items() if name != "version"})
