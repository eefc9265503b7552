from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import Branch, User
from campaigns.prizes.models import Prize
from community_ops.lib.forms import MarkedForm
from community_ops.lib.images import ACCEPTED

MOST = 1_000_000
PLAIN = {"translate": "no"}


class PrizeForm(MarkedForm):
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    title = forms.CharField(label=gettext_lazy("Title"), max_length=100, widget=forms.TextInput(attrs=PLAIN))
    text = forms.CharField(
        label=gettext_lazy("Description"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, **PLAIN}),
        help_text=gettext_lazy("What fits the community: a book, a signed copy, a seat in a course."),
    )
    stock = forms.IntegerField(
        label=gettext_lazy("How many there are"),
        min_value=0,
        max_value=MOST,
        required=False,
        help_text=gettext_lazy("Empty: as many as are wanted."),
    )
    points_price = forms.IntegerField(
        label=gettext_lazy("Price in points"),
        min_value=1,
        max_value=MOST,
        required=False,
        help_text=gettext_lazy("Empty: it cannot be had for points, only be given as a reward."),
    )
    branch = forms.ModelChoiceField(
        label=gettext_lazy("Branch"),
        queryset=Branch.objects.none(),
        required=False,
        empty_label=gettext_lazy("All branches"),
    )
    needs_address = forms.BooleanField(
        label=gettext_lazy("It is sent by mail: the member is asked for an address"), required=False
    )
    is_open = forms.BooleanField(label=gettext_lazy("On offer"), required=False, initial=True)
    picture = forms.FileField(
        label=gettext_lazy("Picture"),
        required=False,
        help_text=gettext_lazy(
            "JPEG, PNG, WebP or GIF, at most 10 MB. It is kept without what it tells of place and camera."
        ),
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
    )
    picture_remove = forms.BooleanField(label=gettext_lazy("Without the picture"), required=False)

    def __init__(self, *args: Any, user: User, prize: Prize | None = None, **kwargs: Any) -> None:
        names = ("version", "title", "text", "points_price", "needs_address", "is_open")
        initial = {name: getattr(prize, name) for name in names} if prize else {}
        super().__init__(*args, initial=initial, **kwargs)
        for name in ("needs_address", "is_open", "picture_remove"):
            self.fields[name].widget.attrs["class"] = "form-check-input"
        if prize is not None or not user.is_headquarters:
            # Whose it is stays; a branch makes prizes of its own.
            del self.fields["branch"]
        else:
            branch = self.fields["branch"]
            assert isinstance(branch, forms.ModelChoiceField)
            branch.queryset = Branch.objects.all()
        if prize is not None:
            del self.fields["stock"]


class StockForm(MarkedForm):
    how = forms.ChoiceField(
        label=gettext_lazy("What to do"),
        choices=[
            ("add", pgettext_lazy("stock", "Add to what is left")),
            ("set", pgettext_lazy("stock", "Set what is left")),
            ("free", pgettext_lazy("stock", "No limit any more")),
        ],
    )
    number = forms.IntegerField(
        label=gettext_lazy("Number"),
        min_value=-MOST,
        max_value=MOST,
        required=False,
        help_text=gettext_lazy("With a minus they are taken out."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, required=False, widget=forms.TextInput(attrs=PLAIN)
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        how, number = data.get("how"), data.get("number")
        if how != "free" and number is None and "number" not in self.errors:
            self.add_error("number", ValidationError(_("Fill this in."), code="required"))
        elif how == "set" and number is not None and number < 0:
            self.add_error("number", ValidationError(_("Nothing below zero can be left."), code="invalid"))
        return data


class CancelForm(MarkedForm):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, widget=forms.TextInput(attrs=PLAIN))


class AddressForm(forms.Form):
    """What a member fills in on the phone."""

    recipient = forms.CharField(
        label=gettext_lazy("Name of the recipient"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "name", **PLAIN}),
    )
    phone = forms.CharField(
        label=gettext_lazy("Phone"),
        max_length=30,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel", **PLAIN}),
    )
    address = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "street-address", **PLAIN}),
    )

    def clean_phone(self) -> str:
        phone: str = self.cleaned_data["phone"]
        if not re.fullmatch(r"[+]?[0-9][0-9 ()-]{4,28}", phone):
            raise ValidationError(_("Write it with digits, as 138 0000 1111."))
        return phone
