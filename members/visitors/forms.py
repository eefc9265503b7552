from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from members.forms import OWN, own_field, own_initial
from members.models import FieldDefinition, Member


class OwnDataForm(forms.Form):
    """What a member corrects of themself; own fields are called own_<key>. `version` notices a change meanwhile."""

    version = forms.CharField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=120)
    contact = forms.CharField(label=_("WeChat id"), max_length=60, required=False)

    def __init__(
        self, data: Any = None, *, member: Member, definitions: list[FieldDefinition], version: str = ""
    ) -> None:
        initial = {"name": member.name, "contact": member.contact, "version": version}
        initial |= {f"{OWN}{item.key}": own_initial(item, member.fields.get(item.key)) for item in definitions}
        super().__init__(data, initial=initial)
        self.definitions = definitions
        for definition in definitions:
            self.fields[f"{OWN}{definition.key}"] = own_field(definition)

    def own_bound(self) -> list[forms.BoundField]:
        return [self[f"{OWN}{definition.key}"] for definition in self.definitions]

    def changes(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name].strip() for name in ("name", "contact")}

    def own_values(self) -> dict[str, Any]:
        return {item.key: self.cleaned_data.get(f"{OWN}{item.key}") for item in self.definitions}
