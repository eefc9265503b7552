from __future__ import annotations

from dataclasses import fields
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from community_ops.lib.forms import MarkedForm
from groups.models import Group, GroupRole, Rule, RuleSet
from members.conduct.models import Every, MessageType
from members.conduct.policy import ConductPolicy
from members.models import Member, Membership


class NoteForm(MarkedForm):
    note = forms.CharField(label=_("Note"), max_length=500, required=False)


class AppealForm(MarkedForm):
    text = forms.CharField(
        label=_("Why it was no breach"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3}), required=True
    )


class DecisionForm(MarkedForm):
    reason = forms.CharField(label=_("Reason, which the member reads"), max_length=500)


class RecordForm(MarkedForm):
    """A violation that staff saw, in one group."""

    member = forms.ModelChoiceField(label=_("Member"), queryset=Member.objects.none())
    rule = forms.ModelChoiceField(label=_("Broken rule"), queryset=Rule.objects.none())
    at = forms.DateTimeField(
        label=_("Time"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    type = forms.ChoiceField(label=_("Type of message"), choices=MessageType.choices)
    text = forms.CharField(
        label=_("What was written or shown"),
        max_length=5000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Evidence: copy the message, or say what was seen."),
    )

    def __init__(self, *args: Any, group: Group, rules: QuerySet[Rule], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        present = Membership.objects.present().filter(group=group).values("member")
        for name, rows in (("member", Member.objects.filter(pk__in=present).order_by("name", "pk")), ("rule", rules)):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = rows


class ScheduleForm(MarkedForm):
    repost_every = forms.ChoiceField(label=_("Post the rules again"), choices=Every.choices, required=False)
    weekday = forms.TypedChoiceField(
        label=_("Weekday"),
        coerce=int,
        choices=[
            (0, _("Monday")),
            (1, _("Tuesday")),
            (2, _("Wednesday")),
            (3, _("Thursday")),
            (4, _("Friday")),
            (5, _("Saturday")),
            (6, _("Sunday")),
        ],
    )
    month_day = forms.IntegerField(label=_("Day of the month"), min_value=1, max_value=31)
    repost_hour = forms.IntegerField(label=_("Hour of the day"), min_value=0, max_value=23)
    reminds_in_channel = forms.BooleanField(
        label=_("Send reminders and warnings through the group's channel"),
        required=False,
        help_text=_("Otherwise staff get a task with the words to paste."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reminds_in_channel"].widget.attrs["class"] = "form-check-input"

    @property
    def day(self) -> int:
        by_week = self.cleaned_data["repost_every"] == Every.WEEK
        return int(self.cleaned_data["weekday" if by_week else "month_day"])


class AssignForm(MarkedForm):
    rule_set = forms.ModelChoiceField(
        label=_("Rules of this group"), queryset=RuleSet.objects.none(), required=False, empty_label=_("No rules")
    )

    def __init__(self, *args: Any, group: Group, **kwargs: Any) -> None:
        super().__init__(*args, initial={"rule_set": group.rule_set_id}, **kwargs)
        field = self.fields["rule_set"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = RuleSet.objects.fitting(group)


class DryRunForm(MarkedForm):
    """Groups whose kept messages are tried, or a file."""

    groups = forms.ModelMultipleChoiceField(
        label=_("Groups that keep messages"),
        queryset=Group.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    file = forms.FileField(
        label=_("Or a file"),
        required=False,
        help_text=_("CSV or XLSX with the columns occurred_at, group, member and text; type if there is one."),
    )

    def __init__(self, *args: Any, groups: QuerySet[Group], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["groups"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = groups
        field.widget.attrs["class"] = "form-check-input"
        self.fields["file"].widget.attrs["accept"] = ".csv,.gz,.xlsx,.txt,.tsv"

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not self.errors and not values.get("groups") and not values.get("file"):
            self.add_error("groups", _("Choose at least one group, or a file."))
        return values


class PolicyForm(MarkedForm):
    version = forms.IntegerField(widget=forms.HiddenInput)
    history_hours = forms.IntegerField(
        label=_("Messages older than (hours) are history"),
        min_value=1,
        max_value=720,
        help_text=_("What arrives later is counted and held against nobody."),
    )
    act_within_hours = forms.IntegerField(
        label=_("Staff act within (hours)"), min_value=1, max_value=168, help_text=_("The deadline of the tasks.")
    )
    unread_days = forms.IntegerField(label=_("Remind of unread rules after (days)"), min_value=1, max_value=90)
    keep_days = forms.IntegerField(
        label=_("Keep messages for (days)"),
        min_value=1,
        max_value=365,
        help_text=_("In groups that agreed to it."),
    )
    evidence_days = forms.IntegerField(
        label=_("Keep evidence for (days)"),
        min_value=30,
        max_value=1825,
        help_text=_("Afterwards the text is erased; that there was a violation stays."),
    )
    exempt_roles = forms.MultipleChoiceField(
        label=_("Not judged by rules"),
        choices=[(role.value, role.label) for role in GroupRole if role != GroupRole.MEMBER],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Members with one of these roles in the group."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["exempt_roles"].widget.attrs["class"] = "form-check-input"

    def values(self) -> ConductPolicy:
        return ConductPolicy(**{field.name: self.cleaned_data[field.name] for field in fields(ConductPolicy)})
