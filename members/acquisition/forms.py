from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from community_ops.lib.forms import MarkedForm
from members.acquisition.models import ChannelSpend
from members.acquisition.services import spend_mistakes
from members.imports.values import RowError, read_amount, read_currency
from members.ingestion.reading import MAX_CHANNEL

DAY = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})


class SpendForm(MarkedForm):
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    channel = forms.CharField(
        label=_("Channel"),
        max_length=MAX_CHANNEL,
        widget=forms.TextInput(attrs={"translate": "no", "list": "channels", "autocomplete": "off"}),
        help_text=_("The code that events carry, as poster7."),
    )
    amount = forms.CharField(
        label=_("Amount"),
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    currency = forms.CharField(
        label=_("Currency"), max_length=3, initial="CNY", widget=forms.TextInput(attrs={"translate": "no"})
    )
    first_day = forms.DateField(label=_("First day"), widget=DAY)
    last_day = forms.DateField(
        label=_("Last day"),
        widget=DAY,
        required=False,
        help_text=_("The amount is spread evenly over the days. Left empty: it was spent on the first day."),
    )
    branch = forms.ModelChoiceField(
        Branch.objects.none(), label=_("Branch"), required=False, empty_label=_("The whole brand")
    )
    note = forms.CharField(
        label=pgettext_lazy("spend", "Note"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"translate": "no"}),
    )

    def __init__(self, *args: Any, user: User, now: datetime, spend: ChannelSpend | None = None, **kwargs: Any) -> None:
        self.now = now
        if spend:
            names = ("version", "amount", "currency", "first_day", "last_day", "branch", "note")
            kwargs["initial"] = {"channel": spend.channel.code, **{name: getattr(spend, name) for name in names}}
        super().__init__(*args, **kwargs)
        if user.is_headquarters:
            self.fields["branch"].queryset = Branch.objects.visible_to(user)  # type: ignore[attr-defined]
        else:
            del self.fields["branch"]

    def clean_currency(self) -> str:
        try:
            return read_currency(self.cleaned_data["currency"])
        except RowError as error:
            raise forms.ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "amount" in cleaned:
            try:
                label = str(self.fields["amount"].label)
                cleaned["amount"] = read_amount(cleaned["amount"], label, cleaned.get("currency"))
            except RowError as error:
                self.add_error("amount", str(error))
        read = {name: cleaned.get(name) for name in ("first_day", "last_day", "amount", "currency")}
        for name, mistake in spend_mistakes(now=self.now, **read).items():
            self.add_error(name, mistake)
        return cleaned

    def values(self) -> dict[str, Any]:
        data = {name: value for name, value in self.cleaned_data.items() if name != "version"}
        data["last_day"] = data["last_day"] or data["first_day"]
        return data
