from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from analytics.carriers.selectors import Span
from analytics.channels.forms import SpanForm
from analytics.forms import Choices

BOARDS: Choices = [
    ("messages", _("Messages")),
    ("answers", _("Answers")),
    ("check_ins", _("Check-ins")),
    ("invited", _("Invited")),
    ("brought", _("Orders brought")),
]


class CarriersForm(SpanForm):
    figure = forms.ChoiceField(choices=BOARDS, label=pgettext_lazy("leaderboard", "Who did most"))
    q = forms.CharField(
        required=False, max_length=200, label=_("Member"), widget=forms.TextInput(attrs={"type": "search"})
    )

    defaults = {"preset": "90d", "figure": "messages"}
    left_out = ("segment",)

    def asked(self) -> Span:
        return Span(self.scope(), self.span(), self.groups)
