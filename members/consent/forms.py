from __future__ import annotations

from typing import Any

from django import forms

from community_ops.lib.forms import MarkedForm
from members.consent.models import ConsentText


class TextForm(MarkedForm):
    """The draft of the next version; `revision` is that of the draft which was shown."""

    revision = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    body_zh = forms.CharField(
        label=ConsentText._meta.get_field("body_zh").verbose_name,
        max_length=8000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 18, "lang": "zh-Hans"}),
    )
    body_en = forms.CharField(
        label=ConsentText._meta.get_field("body_en").verbose_name,
        max_length=8000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 18, "lang": "en"}),
    )

    def __init__(self, data: Any = None, *, draft: ConsentText | None, start: ConsentText | None) -> None:
        shown = draft or start
        initial: dict[str, Any] = {"revision": draft.revision if draft else 0}
        if shown:
            initial |= {"body_zh": shown.body_zh, "body_en": shown.body_en}
        super().__init__(data, initial=initial)
