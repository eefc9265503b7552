from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Branch, User
from groups.models import CommunityType, Group, GroupState, Motivation, RuleSet, Tier
from groups.services import AUDIENCE, POSITIONING, WHOLE_POSITIONING


@dataclass(frozen=True)
class Section:
    """A step of the form with what it is about."""

    key: str
    head: Promise
    text: Promise
    fields: list[BoundField]

    @property
    def is_filled(self) -> bool:
        """Whether nothing is missing here that must be written down before the group opens."""
        needed = [field for field in self.fields if field.name in (*WHOLE_POSITIONING, "name")]
        return bool(needed) and all(field.value() for field in needed)

    @property
    def has_errors(self) -> bool:
        return any(field.errors for field in self.fields)


SECTIONS: tuple[tuple[str, Promise, Promise, tuple[str, ...]], ...] = (
    (
        "group",
        _("The group"),
        _("How staff and other systems find it."),
        ("name", "external_id", "branch", "capacity"),
    ),
    (
        "whom",
        _("For whom it is"),
        _("Members of one class understand each other. Leave open what does not matter."),
        ("community_type", *AUDIENCE),
    ),
    (
        "why",
        _("Why it is run"),
        _("The motivation decides which rules, plan and content the group starts with. A group without one dies."),
        ("motivation", "use_preset"),
    ),
    (
        "what",
        _("What the group is for"),
        _("Write it down before members come: what the group removes, for whom, in which situation it is opened."),
        ("pain_point", "purpose", "usage_scene"),
    ),
    (
        "words",
        _("What members meet"),
        _("Promise and slogan are shown to members, the internal slogan to staff only."),
        ("promise", "slogan", "internal_slogan"),
    ),
    (
        "run",
        _("How it is run"),
        _("Can be changed at any time."),
        ("rule_set", "tags", "keeps_messages"),
    ),
)


if TYPE_CHECKING:
    GroupModelForm = forms.ModelForm[Group]
else:
    GroupModelForm = forms.ModelForm


class GroupForm(GroupModelForm):
    """The fields of a group. It only checks: saving is done by the services, which need the group untouched.

    `group` empty: a new one. `version` is what the group looked like when the form was opened. Sent by the button
    "open", it asks for the whole positioning.
    """

    version = forms.CharField(required=False, widget=forms.HiddenInput)
    tags = forms.CharField(
        required=False,
        max_length=400,
        label=_("Tags"),
        help_text=_("Words to find the group again, separated by commas. New ones are made."),
    )
    use_preset = forms.BooleanField(
        required=False,
        initial=True,
        label=_("Start with the preset"),
        help_text=_("When the group opens it takes over the plan, content mix and rules, where it has none."),
    )

    class Meta:
        model = Group
        fields = ("name", "external_id", "branch", "capacity", *POSITIONING, *AUDIENCE, "rule_set", "keeps_messages")
        labels = {
            "external_id": _("Id in other systems"),
            "keeps_messages": _("Keep what members write"),
        }
        help_texts = {
            "external_id": _("As WeChat or your other systems call it. Left empty, one is made; it cannot be changed."),
            "branch": _("Operators of a branch see its groups only."),
            "capacity": _("How many members fit. A WeChat group holds 500."),
            "community_type": _("What holds the members together."),
            "audience_tier": _("By what they bought so far. Members whose tier no longer fits are listed."),
            "audience_identity": _("For example: parents, teachers, shop owners."),
            "audience_grade": _("Groups with a grade are renamed by the yearly promotion."),
            "purpose": _(
                "One sentence that anybody in the group could repeat. "
                "For example: help parents read with their child for 20 minutes a day."
            ),
            "pain_point": _(
                "Which trouble of the members gets smaller? "
                "For example: the child does not like books, and reading together ends after three days."
            ),
            "usage_scene": _(
                "When does a member open the group? "
                "For example: at breakfast for the book of the day, at eight in the evening to check in."
            ),
            "promise": _(
                "What a member gets for staying, and how often. "
                "For example: a teacher answers every question the same day."
            ),
            "slogan": _("Shown at the head of the member page. For example: 20 minutes a day, a reader for life."),
            "internal_slogan": _("Reminds the team of what counts. For example: habits first, courses later."),
            "rule_set": _("What members must keep to."),
            "keeps_messages": _("Otherwise a text is kept only as evidence of a broken rule."),
        }
        widgets = {
            **{name: forms.Textarea(attrs={"rows": 3}) for name in ("purpose", "pain_point", "usage_scene", "promise")},
            "motivation": forms.Select,
            "community_type": forms.Select,
            "audience_tier": forms.Select,
        }

    def __init__(self, data: Any = None, *, user: User, group: Group | None = None, version: str = "") -> None:
        self.group = group
        initial = {name: getattr(group, name) for name in self._meta.fields or ()} if group else {}
        if group:
            initial["tags"] = ", ".join(tag.name for tag in group.tags.all())
        super().__init__(data, initial={**initial, "version": version})
        if group:
            del self.fields["external_id"]
        else:
            self.fields["external_id"].required = False
        if group and group.state != GroupState.FORMING:
            del self.fields["use_preset"]
        branch, rules = self.fields["branch"], self.fields["rule_set"]
        assert isinstance(branch, forms.ModelChoiceField)
        assert isinstance(rules, forms.ModelChoiceField)
        branch.queryset = Branch.objects.visible_to(user)
        branch.widget.attrs["translate"] = "no"
        if user.branch_id is None:
            branch.empty_label = _("Headquarters")
        else:
            # Staff of a branch make groups of their branch.
            del self.fields["branch"]
        rules.queryset = RuleSet.objects.visible_to(user).in_use()
        rules.empty_label = _("No rules yet")
        for name, label, choices in (
            ("motivation", _("Not decided yet"), Motivation.choices),
            ("community_type", _("Not decided yet"), CommunityType.choices),
            ("audience_tier", _("Every tier"), Tier.choices),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", label), *choices]
        grade = self.fields["audience_grade"]
        assert isinstance(grade, forms.ModelChoiceField)
        grade.empty_label = _("Every grade")
        for name in ("audience_grade", "rule_set", "tags", "audience_identity"):
            self.fields[name].widget.attrs["translate"] = "no"
        for bound in self.visible_fields():
            widget = bound.field.widget
            if isinstance(widget, forms.CheckboxInput):
                widget.attrs["class"] = "form-check-input"
                continue
            css = "form-select" if isinstance(widget, forms.Select) else "form-control"
            widget.attrs["class"] = f"{css} is-invalid" if self.is_bound and bound.errors else css

    @property
    def opens(self) -> bool:
        """Whether the form was sent to open the group."""
        return self.is_bound and "open" in self.data

    def clean_external_id(self) -> str:
        return self.cleaned_data["external_id"] or f"g-{secrets.token_hex(5)}"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.opens:
            for name in WHOLE_POSITIONING:
                if not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, _("This must be written down before the group opens."))
        return cleaned

    def sections(self) -> list[Section]:
        found = []
        for key, head, text, names in SECTIONS:
            fields = [self[name] for name in names if name in self.fields]
            found.append(Section(key, head, text, fields))
        return found

    def missing(self) -> list[BoundField]:
        """The questions that must still be answered before the group opens."""
        return [self[name] for name in WHOLE_POSITIONING if not self[name].value()]

    def values(self) -> dict[str, Any]:
        """What the services take."""
        return {
            name: value for name, value in self.cleaned_data.items() if name not in ("version", "tags", "use_preset")
        }

    def tag_names(self) -> list[str]:
        text = self.cleaned_data["tags"].replace("，", ",").replace("、", ",")
        return [name.strip() for name in text.split(",") if name.strip()]
