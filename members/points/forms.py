from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from community_ops.lib.forms import MarkedForm
from members.points.policy import PointsPolicy

MOST = 100_000


class BookForm(MarkedForm):
    """`once` is made with the page: pressed twice, points move once."""

    once = forms.RegexField(r"^[0-9a-f]{32}\Z", widget=forms.HiddenInput)
    points = forms.IntegerField(
        label=pgettext_lazy("ledger", "Points"),
        min_value=-MOST,
        max_value=MOST,
        help_text=gettext_lazy("With a minus they are taken. Nobody falls below zero."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        widget=forms.TextInput(attrs={"translate": "no"}),
        help_text=gettext_lazy("The member reads it. Points are for taking part, never for forwarding or inviting."),
    )

    def clean_points(self) -> int:
        points: int = self.cleaned_data["points"]
        if not points:
            raise ValidationError(_("At least one point."))
        return points


class CeilingForm(MarkedForm):
    version = forms.IntegerField(widget=forms.HiddenInput)
    most_at_once = forms.IntegerField(
        label=gettext_lazy("At once"),
        min_value=0,
        max_value=MOST,
        help_text=gettext_lazy("The most points that one booking may give or take."),
    )
    most_a_day = forms.IntegerField(
        label=gettext_lazy("On one day"),
        min_value=0,
        max_value=MOST,
        help_text=gettext_lazy("What one person may give and take in a day, added up."),
    )

    def clean(self) -> None:
        super().clean()
        at_once, a_day = self.cleaned_data.get("most_at_once"), self.cleaned_data.get("most_a_day")
        if at_once and a_day and at_once > a_day:
            self.add_error("most_at_once", _("This is more than on one day."))

    def values(self) -> PointsPolicy:
        return PointsPolicy(most_at_once=self.cleaned_data["most_at_once"], most_a_day=self.cleaned_data["most_a_day"])
