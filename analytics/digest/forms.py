from __future__ import annotations

from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from analytics.digest.models import Digest
from community_ops.lib.forms import MarkedForm


class DigestForm(MarkedForm):
    is_on = forms.BooleanField(label=_("Send me the week by e-mail"), required=False)
    address = forms.EmailField(
        label=_("E-mail address"), required=False, widget=forms.EmailInput(attrs={"translate": "no"})
    )
    weekday = forms.TypedChoiceField(
        label=pgettext_lazy("of the week", "Day"), choices=list(WEEKDAYS.items()), coerce=int
    )
    hour = forms.TypedChoiceField(label=_("Time"), choices=[(hour, f"{hour:02}:00") for hour in range(24)], coerce=int)

    def __init__(self, *args: Any, digest: Digest, **kwargs: Any) -> None:
        names = ("is_on", "address", "weekday", "hour")
        super().__init__(*args, initial={name: getattr(digest, name) for name in names}, **kwargs)
        self.fields["is_on"].widget.attrs["class"] = "form-check-input"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("is_on") and not cleaned.get("address") and "address" not in self.errors:
            self.add_error("address", _("Say where to send it."))
        return cleaned
