"""Decisions about proposals as they are written. Saving is done by the services."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.proposals.models import LONGEST_ANSWER
from community_ops.lib.forms import MarkedForm


class DecisionForm(MarkedForm):
    version = forms.IntegerField(widget=forms.HiddenInput)
    answer = forms.CharField(
        label=_("Answer to its member"),
        max_length=LONGEST_ANSWER,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "translate": "no"}),
        help_text=_("Needed where it is declined. The member reads it on their page."),
    )
