from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import QueryDict

from accounts.models import Branch, User
from analytics.channels.scope import Scope
from analytics.forms import RangeForm
from analytics.health.days import Days


class SpanForm(RangeForm):
    """A range of days, for headquarters also of one branch: what a page asks that is counted in the database."""

    defaults = {"preset": "90d"}
    left_out: tuple[str, ...] = ("group", "segment")

    def __init__(self, asked: QueryDict, *, user: User, now: datetime, zone: ZoneInfo) -> None:
        super().__init__(asked, user=user, now=now, zone=zone)
        for name in self.left_out:
            del self.fields[name]

    def span(self) -> Days:
        return Days(*self.days)

    def scope(self) -> Scope:
        code = self.cleaned_data["branch"]
        return Scope(self.user, Branch.objects.visible_to(self.user).get(code=code) if code else None)
