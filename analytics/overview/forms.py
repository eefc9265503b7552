"""The question of the overview: so many whole days, up to yesterday, of a branch or of all."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts.models import Branch, User
from analytics.forms import Choices, ReportForm
from analytics.health.days import Days
from analytics.sources import Selection
from members.segments.filters import viewer_of

RANGES: Choices = [("7", _("7 days")), ("30", _("30 days")), ("90", _("90 days"))]
FIRST_DAY = date(1971, 1, 1)


class OverviewForm(ReportForm):
    """`until` is the last day; left out, it is yesterday: today is not over and would always look like a fall."""

    days = forms.ChoiceField(choices=RANGES, label=_("Range"))
    until = forms.DateField(required=False, label=_("Last day"))

    defaults = {"days": "30"}

    def __init__(self, asked: QueryDict, *, user: User, now: datetime, zone: ZoneInfo) -> None:
        super().__init__(asked, user=user, now=now, zone=zone)
        del self.fields["group"], self.fields["segment"]

    def clean_until(self) -> date:
        until = self.cleaned_data["until"] or self._last_day()
        if not FIRST_DAY < until <= self.today:
            raise forms.ValidationError(_("Choose a day that is not in the future."))
        return until

    def _last_day(self) -> date:
        yesterday = self.today - timedelta(days=1)
        days = int(self.cleaned_data.get("days") or self.defaults["days"])
        return min(self.end_of_data(yesterday - timedelta(days=days - 1)), yesterday)

    @property
    def range(self) -> Days:
        last = self.cleaned_data["until"]
        return Days(last - timedelta(days=int(self.cleaned_data["days"]) - 1), last)

    @property
    def viewer(self) -> User:
        """Whose view is shown: limited to a branch, what somebody of that branch sees."""
        code = self.cleaned_data["branch"]
        return viewer_of(Branch.objects.get(code=code)) if code else self.user

    def selection(self) -> Selection:
        return Selection(self.viewer)
