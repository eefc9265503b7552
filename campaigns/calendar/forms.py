from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.content.marking import MarksVariables
from campaigns.posts.services import LONGEST_BODY


class WordsForm(MarksVariables):
    """The words of one occurrence."""

    title = forms.CharField(label=_("Title"), max_length=200)
    text = forms.CharField(
        label=_("Text"), max_length=LONGEST_BODY, widget=forms.Textarea(attrs={"rows": 8}), strip=False
    )
    link = forms.CharField(
        label=_("Link"), max_length=500, required=False, widget=forms.URLInput(attrs={"placeholder": "https://"})
    )
    link_title = forms.CharField(label=_("Words of the link"), max_length=100, required=False)
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def clean_title(self) -> str:
        return self.mark_unknown("title", self.cleaned_data["title"])

    def clean_text(self) -> str:
        return self.mark_unknown("text", self.cleaned_data["text"].replace("\r\n", "\n"))
