from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from analytics.channels.forms import SpanForm
from analytics.ranking.columns import COLUMNS, FILTERS


class RankingForm(SpanForm):
    """Beside the range what the list is narrowed to and sorted by, so that a saved ranking keeps it."""

    sort = forms.ChoiceField(label=gettext_lazy("Sorted by"))
    q = forms.CharField(
        required=False, max_length=200, label=gettext_lazy("Group"), widget=forms.TextInput(attrs={"type": "search"})
    )

    defaults = {"preset": "90d", "sort": "active_change"}

    def __init__(self, asked: QueryDict, *, user: User, now: datetime, zone: ZoneInfo) -> None:
        super().__init__(asked, user=user, now=now, zone=zone)
        sorts = [column for column in COLUMNS if column.order]
        self._field("sort", forms.ChoiceField).choices = [
            *((column.key, _("%(column)s, ascending") % {"column": column.label}) for column in sorts),
            *((f"-{column.key}", _("%(column)s, descending") % {"column": column.label}) for column in sorts),
        ]
        for item in FILTERS:
            self.fields[item.name] = forms.ChoiceField(
                required=False, choices=[("", _("All")), *item.choices], label=str(item.label)
            )
