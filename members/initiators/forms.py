from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.lib.forms import MarkedForm
from members.initiators.models import InitiatorProgramme, KitSort
from members.initiators.services import FIELDS


class ProgrammeForm(MarkedForm):
    """What a group offers its initiators, and when somebody is proposed."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    offer = forms.CharField(
        label=_("What initiators get"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The title, first access, a gift: what makes it worth their while."),
    )
    asks = forms.CharField(
        label=_("What is asked of them"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Short enough to be said in a chat."),
    )
    min_invited = forms.IntegerField(label=_("Members invited"), min_value=0, max_value=1000)
    min_active_days = forms.IntegerField(label=_("Active days"), min_value=0, max_value=366)
    min_messages = forms.IntegerField(label=_("Messages"), min_value=0, max_value=10_000)
    min_answers = forms.IntegerField(label=_("Answers given"), min_value=0, max_value=10_000)
    window_days = forms.IntegerField(label=_("Days looked at"), min_value=1, max_value=366)

    def __init__(self, data: Any = None, *, programme: InitiatorProgramme | None) -> None:
        known = programme or InitiatorProgramme()
        initial = {name: getattr(known, name) for name in FIELDS}
        super().__init__(data, initial={**initial, "version": programme.version if programme else 0})

    def conditions(self) -> list[forms.BoundField]:
        return [self[name] for name in FIELDS[2:]]

    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in FIELDS}


class KitForm(MarkedForm):
    """A piece of material."""

    prefix = "kit"
    sort = forms.ChoiceField(label=pgettext_lazy("material", "Kind"), choices=KitSort.choices)
    title = forms.CharField(label=_("Title"), max_length=80)
    url = forms.URLField(
        label=_("Address"),
        required=False,
        max_length=500,
        assume_scheme="https",
        help_text=_("Of a link or a picture."),
    )
    text = forms.CharField(
        label=_("Text"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Words to pass on, or what the link is about."),
    )
