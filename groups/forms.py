from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Branch, User
from groups.models import CommunityType, Group, Motivation
from groups.services import POSITIONING


@dataclass(frozen=True)
class Section:
    """A part of the form with what it is about."""

    head: Promise
    text: Promise
    fields: list[BoundField]


SECTIONS: tuple[tuple[Promise, Promise, tuple[str, ...]], ...] = (
    (
        _("The group"),
        _("How staff and other systems find it."),
        ("name", "external_id", "branch", "capacity"),
    ),
    (
        _("Why it is run"),
        _("The motivation picks sensible defaults later on. A group without one dies."),
        ("motivation", "community_type"),
    ),
    (
        _("What the group is for"),
        _("Write it down before members come: what the group removes, for whom, in which situation it is opened."),
        ("purpose", "pain_point", "usage_scene"),
    ),
    (
        _("What members meet"),
        _("Promise and slogan are shown to members, the internal slogan to staff only."),
        ("promise", "slogan", "internal_slogan"),
    ),
)


if TYPE_CHECKING:
    GroupModelForm = forms.ModelForm[Group]
else:
    GroupModelForm = forms.ModelForm


class GroupForm(GroupModelForm):
    """The fields of a group. It only checks: saving is done by the services, which need the group untouched.

    `group` empty: a new one. `version` is what the group looked like when the form was opened.
    """

    version = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Group
        fields = ("name", "external_id", "branch", "capacity", *POSITIONING)
        labels = {"external_id": _("Id in other systems")}
        help_texts = {
            "external_id": _("As WeChat or your other systems call it. Left empty, one is made; it cannot be changed."),
            "branch": _("Operators of a branch see its groups only."),
            "capacity": _("How many members fit. A WeChat group holds 500."),
            "purpose": _("One sentence that anybody in the group could repeat."),
            "pain_point": _("Which trouble of the members gets smaller?"),
            "usage_scene": _("When does a member open the group: on the way to school, after dinner, before an exam?"),
            "promise": _("What a member gets for staying, and how often."),
            "slogan": _("Shown at the head of the member page."),
            "internal_slogan": _("Reminds the team of what counts."),
        }
        widgets = {
            **{name: forms.Textarea(attrs={"rows": 3}) for name in ("purpose", "pain_point", "usage_scene", "promise")},
            "motivation": forms.Select,
            "community_type": forms.Select,
        }

    def __init__(self, data: Any = None, *, user: User, group: Group | None = None, version: str = "") -> None:
        self.group = group
        initial = {name: getattr(group, name) for name in self._meta.fields or ()} if group else {}
        super().__init__(data, initial={**initial, "version": version})
        if group:
            del self.fields["external_id"]
        else:
            self.fields["external_id"].required = False
        branch = self.fields["branch"]
        assert isinstance(branch, forms.ModelChoiceField)
        branch.queryset = Branch.objects.visible_to(user)
        branch.widget.attrs["translate"] = "no"
        if user.branch_id is None:
            branch.empty_label = _("Headquarters")
        else:
            # Staff of a branch make groups of their branch.
            del self.fields["branch"]
        for name, choices in (("motivation", Motivation.choices), ("community_type", CommunityType.choices)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", _("Not decided yet")), *choices]
        for bound in self.visible_fields():
            widget = bound.field.widget
            css = "form-select" if isinstance(widget, forms.Select) else "form-control"
            widget.attrs["class"] = f"{css} is-invalid" if self.is_bound and bound.errors else css

    def clean_external_id(self) -> str:
        return self.cleaned_data["external_id"] or f"g-{secrets.token_hex(5)}"

    def sections(self) -> list[Section]:
        found = []
        for head, text, names in SECTIONS:
            fields = [self[name] for name in names if name in self.fields]
            found.append(Section(head, text, fields))
        return found

    def values(self) -> dict[str, Any]:
        """What the services take."""
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}
