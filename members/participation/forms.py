from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from community_ops.lib.forms import MarkedForm
from members.participation.policy import ParticipationPolicy

MOST = 1000


def _points(label: Any, help_text: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, help_text=help_text, min_value=0, max_value=MOST)


class ParticipationForm(MarkedForm):
    version = forms.IntegerField(widget=forms.HiddenInput)
    answer = _points(_("For an answer in a brainstorm"), _("Once a session, however often somebody answers."))
    need = _points(_("For saying what they need"), _("Once a day."))
    proposal = _points(_("For a proposal"), _("Once a day."))

    def values(self) -> ParticipationPolicy:
        data = self.cleaned_data
        return ParticipationPolicy(answer=data["answer"], need=data["need"], proposal=data["proposal"])
