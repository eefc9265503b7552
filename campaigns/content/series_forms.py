from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from campaigns.content.forms import names_in
from campaigns.content.headers import PALETTE, HeaderStyle
from campaigns.content.models import DrawOrder, Level, PieceKind, Series
from community_ops.lib.forms import MarkedForm
from delivery.models import Value

FIELDS = (
    "name", "order", "no_repeat_days", "kind", "value", "level", "header_style", "header_line", "header_color",
)  # fmt: skip
ANY = [("", pgettext_lazy("condition of a series", "Any"))]


class SeriesForm(MarkedForm):
    """A series as it is set up. Saving is done by the services."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=40, widget=forms.TextInput(attrs={"translate": "no"}))
    branch = forms.ModelChoiceField(
        Branch.objects.all(), label=_("Branch"), required=False, empty_label=_("Shared by all branches")
    )
    order = forms.ChoiceField(label=_("Order"), choices=DrawOrder.choices, initial=DrawOrder.LISTED)
    no_repeat_days = forms.IntegerField(
        label=_("Days without repeats"),
        min_value=0,
        max_value=3650,
        initial=30,
        help_text=_("So long no piece comes again, as long as there are others."),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=[*ANY, *PieceKind.choices], required=False)
    value = forms.ChoiceField(label=pgettext_lazy("content", "Value"), choices=[*ANY, *Value.choices], required=False)
    level = forms.ChoiceField(label=_("Level"), choices=[*ANY, *Level.choices], required=False)
    tags = forms.CharField(
        label=_("With one of these tags"),
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"translate": "no", "list": "known-tags", "autocomplete": "off"}),
    )
    header_style = forms.ChoiceField(
        label=_("Look"),
        choices=[("", pgettext_lazy("header of a series", "No picture")), *HeaderStyle.choices],
        required=False,
        initial=HeaderStyle.BAR,
    )
    header_line = forms.CharField(
        label=_("Line below the name"),
        max_length=60,
        required=False,
        help_text=_("Short: about twenty characters are easy to read on a phone."),
        widget=forms.TextInput(attrs={"translate": "no"}),
    )
    header_color = forms.ChoiceField(
        label=_("Colour"), choices=list(PALETTE.items()), required=False, initial=next(iter(PALETTE))
    )

    def __init__(self, data: Any = None, *, user: User, series: Series | None = None) -> None:
        held = {name: getattr(series, name) for name in (*FIELDS, "version")} if series else {}
        if series:
            held["tags"] = ", ".join(tag.name for tag in series.with_tags.all())
        super().__init__(data, initial=held)
        if user.branch_id is not None or series is not None:
            del self.fields["branch"]

    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in FIELDS}

    def tag_names(self) -> list[str]:
        return names_in(self.cleaned_data["tags"])
