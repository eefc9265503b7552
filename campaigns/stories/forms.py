from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.stories.models import Benchmark
from community_ops.lib.forms import MarkedForm
from community_ops.lib.images import ACCEPTED


class StoryForm(MarkedForm):
    version = forms.IntegerField(widget=forms.HiddenInput)
    title = forms.CharField(label=_("Title"), max_length=200, widget=forms.TextInput(attrs={"translate": "no"}))
    story = forms.CharField(
        label=_("Story"),
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 9, "translate": "no"}),
        help_text=_("In the member's own words: where they stood, what they did, what came of it."),
    )
    consent = forms.CharField(
        label=_("Consent"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"translate": "no"}),
        help_text=_("How and when the member agreed that this is told. Without it nothing can be scheduled."),
    )
    picture = forms.FileField(
        label=_("Picture"),
        required=False,
        help_text=_("JPEG, PNG, WebP or GIF, at most 10 MB. It is kept without what it tells of place and camera."),
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
    )
    picture_remove = forms.BooleanField(label=_("Without the picture"), required=False)

    def __init__(self, *args: Any, benchmark: Benchmark, **kwargs: Any) -> None:
        names = ("version", "title", "story", "consent")
        super().__init__(*args, initial={name: getattr(benchmark, name) for name in names}, **kwargs)
        self.fields["picture_remove"].widget.attrs["class"] = "form-check-input"


class WhenForm(MarkedForm):
    day = forms.DateField(label=_("Date"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    clock = forms.TimeField(label=_("Time"), widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}))
