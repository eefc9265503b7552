from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Branch, User
from community_ops.lib.forms import MarkedForm
from groups.models import Grade
from members.fields.models import FieldDefinition, FieldKind
from members.imports.importers import importer_choices
from members.models import Member
from members.privacy.retention import LONGEST, Period

OWN = "own_"


class MemberForm(MarkedForm):
    """What people change of a member; own fields are called own_<key>. `member` empty: a new one."""

    version = forms.CharField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=120)
    external_id = forms.CharField(
        label=_("Id in other systems"),
        max_length=120,
        help_text=_("By this id other systems and files mean this member. It cannot be changed."),
    )
    contact = forms.CharField(label=_("WeChat id"), max_length=60, required=False)
    identity = forms.CharField(
        label=_("Identity"), max_length=60, required=False, help_text=_("As parent, teacher, agent.")
    )
    grade = forms.ModelChoiceField(Grade.objects.all(), label=_("Grade"), required=False, empty_label="–")
    no_marketing = forms.BooleanField(
        label=_("No marketing"),
        required=False,
        help_text=_("The member does not want advertising. A post to a group still reaches everybody in the group."),
    )

    def __init__(
        self, data: Any = None, *, definitions: list[FieldDefinition], member: Member | None = None, version: str = ""
    ) -> None:
        initial: dict[str, Any] = {"version": version}
        if member:
            names = ("name", "contact", "identity", "grade", "no_marketing")
            initial |= {name: getattr(member, name) for name in names}
            initial |= {f"{OWN}{item.key}": own_initial(item, member.fields.get(item.key)) for item in definitions}
        super().__init__(data, initial=initial)
        if member:
            del self.fields["external_id"]
        self.definitions = definitions
        for definition in definitions:
            field = own_field(definition)
            css = "form-select" if isinstance(field.widget, forms.Select) else "form-control"
            field.widget.attrs["class"] = css
            self.fields[f"{OWN}{definition.key}"] = field
        self.fields["no_marketing"].widget.attrs["class"] = "form-check-input"

    def own_bound(self) -> list[forms.BoundField]:
        return [self[f"{OWN}{definition.key}"] for definition in self.definitions]

    def own_values(self) -> dict[str, Any]:
        return {item.key: self.cleaned_data.get(f"{OWN}{item.key}") for item in self.definitions}

    def changes(self) -> dict[str, Any]:
        values = self.cleaned_data
        return {
            **{name: values[name].strip() for name in ("name", "contact", "identity")},
            "grade_id": values["grade"].pk if values["grade"] else None,
            "no_marketing": values["no_marketing"],
        }


def own_initial(definition: FieldDefinition, value: Any) -> Any:
    if definition.kind == FieldKind.YES_NO and value is not None:
        return "yes" if value else "no"
    return value


def own_field(definition: FieldDefinition) -> forms.CharField | forms.ChoiceField:
    """Plain fields: members.fields.values checks what they hold."""
    if definition.kind in (FieldKind.CHOICE, FieldKind.YES_NO):
        choices: list[Any] = [(choice, choice) for choice in definition.choices]
        if definition.kind == FieldKind.YES_NO:
            choices = [("yes", _("Yes")), ("no", _("No"))]
        return forms.ChoiceField(label=definition.label, choices=[("", "–"), *choices], required=definition.required)
    kinds = {FieldKind.DATE: "date", FieldKind.NUMBER: "text"}
    attrs = {"type": kinds.get(FieldKind(definition.kind), "text")}
    if definition.kind == FieldKind.NUMBER:
        attrs["inputmode"] = "decimal"
    return forms.CharField(
        label=definition.label, max_length=500, required=definition.required, widget=forms.TextInput(attrs=attrs)
    )


class NoteForm(MarkedForm):
    text = forms.CharField(
        label=_("Note"), max_length=2000, widget=forms.Textarea(attrs={"rows": 3, "translate": "no"})
    )


class FieldForm(MarkedForm):
    label = forms.CharField(label=_("Name"), max_length=60)
    key = forms.CharField(
        label=_("Key"),
        max_length=40,
        required=False,
        help_text=_("What other systems call it: small letters, digits, underscores. Left empty, one is made."),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=FieldKind.choices)
    choices = forms.CharField(
        label=_("Choices"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "translate": "no"}),
        help_text=_("One a line; only for the kind Choice."),
    )
    required = forms.BooleanField(label=_("Must be filled in"), required=False)
    in_list = forms.BooleanField(label=_("Shown in the list of members"), required=False)
    headquarters_only = forms.BooleanField(
        label=_("Headquarters only"), required=False, help_text=_("Staff of branches do not see it anywhere.")
    )
    member_edits = forms.BooleanField(
        label=_("Members see and correct it themselves"), required=False, help_text=_("On their page “My data”.")
    )
    position = forms.IntegerField(label=_("Position"), min_value=0, max_value=1000, initial=0)

    def __init__(self, data: Any = None, *, definition: FieldDefinition | None = None) -> None:
        names = ("label", "required", "in_list", "headquarters_only", "member_edits", "position")
        initial = {name: getattr(definition, name) for name in names} if definition else {}
        if definition:
            initial["choices"] = "\n".join(definition.choices)
        super().__init__(data, initial=initial)
        if definition:
            del self.fields["key"], self.fields["kind"]
            if definition.kind != FieldKind.CHOICE:
                del self.fields["choices"]
        for name in ("required", "in_list", "headquarters_only", "member_edits"):
            self.fields[name].widget.attrs["class"] = "form-check-input"

    def values(self) -> dict[str, Any]:
        values = dict(self.cleaned_data)
        if "choices" in values:
            values["choices"] = [line.strip() for line in values["choices"].splitlines() if line.strip()]
        return values


class NamedForm(MarkedForm):
    """A name, and for headquarters the branch that a segment or tag belongs to."""

    name = forms.CharField(label=_("Name"), max_length=60, widget=forms.TextInput(attrs={"translate": "no"}))
    branch = forms.ModelChoiceField(
        Branch.objects.all(), label=_("Branch"), required=False, empty_label=_("Shared by all branches")
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, user: User, is_new: bool, longest: int = 60, **initial: Any) -> None:
        super().__init__(data, initial=initial)
        name = self.fields["name"]
        assert isinstance(name, forms.CharField)
        name.max_length = longest
        name.widget.attrs["maxlength"] = str(longest)
        self.fields["branch"].widget.attrs["translate"] = "no"
        if not is_new or user.branch_id is not None:
            del self.fields["branch"]


class RetentionForm(MarkedForm):
    """Days by kind of data."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, periods: list[Period], version: int) -> None:
        super().__init__(data, initial={"version": version})
        for period in periods:
            if not period.kind.fixed:
                self.fields[period.kind.slug] = forms.IntegerField(
                    label=str(period.kind.label),
                    min_value=period.kind.least,
                    max_value=LONGEST,
                    initial=period.days,
                    widget=forms.NumberInput(attrs={"class": "form-control"}),
                )

    def days(self) -> dict[str, int]:
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}


class UploadForm(MarkedForm):
    kind = forms.ChoiceField(label=_("What is in the file"))
    file = forms.FileField(label=_("File"), help_text=_("CSV, gzip or XLSX, at most 256 MB"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = importer_choices()  # type: ignore[attr-defined]
        self.fields["file"].widget.attrs["accept"] = ".csv,.gz,.xlsx,.txt,.tsv"
