from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from community_ops.lib.forms import MarkedForm
from groups.models import Group
from members.models import Member, Membership
from members.questions.models import CloseReason, Knowledge, Question, StepTo, Visibility
from members.questions.service import PERCENT
from members.questions.services.deciding import LONGEST_TARGET, MOST_STEPS, SECONDS

WEEKDAYS = (
    _("Monday"),
    _("Tuesday"),
    _("Wednesday"),
    _("Thursday"),
    _("Friday"),
    _("Saturday"),
    _("Sunday"),
)
WINDOW = re.compile(r"(\d{1,2})[:：](\d{2})\s*(?:-|–|—|~|～|至|到)\s*(\d{1,2})[:：](\d{2})")


def windows_read(text: str) -> list[list[int]]:
    """ "9:00-12:00, 13:30-18:00" as minutes after midnight. Raises ValidationError."""
    rest, found = text, []
    for match in WINDOW.finditer(text):
        first, minute, last, other = (int(part) for part in match.groups())
        if minute > 59 or other > 59:
            raise ValidationError(_("Write times as 9:00-12:00, several with a comma between them."))
        found.append([first * 60 + minute, last * 60 + other])
        rest = rest.replace(match.group(), "", 1)
    if rest.strip(" ,，;；、\t"):
        raise ValidationError(_("Write times as 9:00-12:00, several with a comma between them."))
    return found


def windows_written(windows: list[list[int]]) -> str:
    return ", ".join(f"{clock(start)}-{clock(end)}" for start, end in windows)


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


class AnswerForm(MarkedForm):
    """An answer in three parts."""

    analysis = forms.CharField(
        label=_("What the matter is"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "translate": "no"}),
    )
    plan = forms.CharField(
        label=pgettext_lazy("answer", "What to do"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "translate": "no"}),
    )
    resource = forms.CharField(
        label=_("Where to find more"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"translate": "no"}),
        help_text=_("A link, a file in the group, a person."),
    )
    knowledge = forms.ModelChoiceField(
        queryset=Knowledge.objects.all(), required=False, widget=forms.HiddenInput, label=_("Knowledge")
    )


class CloseForm(MarkedForm):
    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=[(reason.value, reason.label) for reason in CloseReason if reason != CloseReason.MERGED],
    )
    note = forms.CharField(label=_("Note"), max_length=300, required=False)


class MergeForm(MarkedForm):
    into = forms.ModelChoiceField(label=_("Asked before as"), queryset=Question.objects.none())

    def __init__(self, *args: Any, question: Question, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["into"]
        assert isinstance(field, forms.ModelChoiceField)
        same = Question.objects.filter(group=question.group_id, state__in=["open", "answered", "accepted"])
        newest = list(same.exclude(pk=question.pk).order_by("-asked_at").values_list("pk", flat=True)[:100])
        field.queryset = Question.objects.filter(pk__in=newest).order_by("-asked_at")


class NoteQuestionForm(MarkedForm):
    """Staff write down what was asked in the group."""

    member = forms.ModelChoiceField(label=_("Who asked"), queryset=Member.objects.none())
    text = forms.CharField(
        label=_("Question"), max_length=2000, widget=forms.Textarea(attrs={"rows": 4, "translate": "no"})
    )
    asked_at = forms.DateTimeField(
        label=_("When it was asked"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("The time to the answer counts from here."),
    )

    def __init__(self, *args: Any, group: Group, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        present = Membership.objects.present().filter(group=group).values("member")
        field = self.fields["member"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Member.objects.filter(pk__in=present).order_by("name", "pk")


class KnowledgeForm(MarkedForm):
    version = forms.IntegerField(widget=forms.HiddenInput)
    title = forms.CharField(label=_("Title"), max_length=120, widget=forms.TextInput(attrs={"translate": "no"}))
    tags = forms.CharField(
        label=_("Tags"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"translate": "no"}),
        help_text=_("Words by which it is found, with spaces between them."),
    )
    analysis = AnswerForm.base_fields["analysis"]
    plan = AnswerForm.base_fields["plan"]
    resource = AnswerForm.base_fields["resource"]
    visibility = forms.ChoiceField(label=_("Who finds it"), choices=Visibility.choices)

    def __init__(self, *args: Any, knowledge: Knowledge, user: User, **kwargs: Any) -> None:
        names = ("version", "title", "tags", "analysis", "plan", "resource", "visibility")
        super().__init__(*args, initial={name: getattr(knowledge, name) for name in names}, **kwargs)
        if not user.is_headquarters and knowledge.visibility != Visibility.ALL:
            field = self.fields["visibility"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [choice for choice in Visibility.choices if choice[0] != Visibility.ALL]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not self.errors and not values.get("analysis") and not values.get("plan"):
            self.add_error("plan", _("Say what the matter is, or what to do: one of the two is needed."))
        return values


class HoursForm(MarkedForm):
    """Hours of seven days, target and ladder of one scope."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    timezone = forms.CharField(label=_("Time zone"), max_length=60, widget=forms.TextInput(attrs={"translate": "no"}))
    target_seconds = forms.IntegerField(
        label=_("Answered within (seconds)"),
        min_value=1,
        max_value=LONGEST_TARGET,
        help_text=_("Only time within service hours counts. 60 is a minute."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number, name in enumerate(WEEKDAYS):
            self.fields[f"day_{number}"] = forms.CharField(
                label=name, required=False, max_length=120, widget=forms.TextInput(attrs={"class": "form-control"})
            )
        for number in range(MOST_STEPS):
            position = {"number": number + 1}
            self.fields[f"after_{number}"] = forms.IntegerField(
                label=_("Step %(number)d: after") % position,
                required=False,
                min_value=1,
                max_value=10**6,
                widget=forms.NumberInput(attrs={"class": "form-control"}),
            )
            self.fields[f"unit_{number}"] = forms.ChoiceField(
                label=_("Step %(number)d: of what") % position,
                required=False,
                choices=[
                    (PERCENT, pgettext_lazy("step", "% of the target")),
                    (SECONDS, pgettext_lazy("step", "seconds of service")),
                ],
                widget=forms.Select(attrs={"class": "form-select"}),
            )
            self.fields[f"to_{number}"] = forms.ChoiceField(
                label=_("Step %(number)d: who is told") % position,
                required=False,
                choices=StepTo.choices,
                widget=forms.Select(attrs={"class": "form-select"}),
            )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        windows = []
        for number in range(7):
            try:
                windows.append(windows_read(values.get(f"day_{number}", "")))
            except ValidationError as error:
                self.add_error(f"day_{number}", error)
        values["windows"] = windows
        values["ladder"] = [
            {"after": values[f"after_{number}"], "unit": values[f"unit_{number}"], "to": values[f"to_{number}"]}
            for number in range(MOST_STEPS)
            if values.get(f"after_{number}")
        ]
        return values

    @property
    def days(self) -> list[Any]:
        return [self[f"day_{number}"] for number in range(7)]

    @property
    def steps(self) -> list[tuple[Any, Any, Any]]:
        return [(self[f"after_{number}"], self[f"unit_{number}"], self[f"to_{number}"]) for number in range(MOST_STEPS)]


class ClosedDaysForm(MarkedForm):
    days = forms.CharField(
        label=_("Days"),
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4, "translate": "no", "placeholder": "2026-10-01 国庆节"}),
        help_text=_("One a line, as 2026-10-01 and a name. A table can be pasted."),
    )


class DutyForm(MarkedForm):
    user = forms.ModelChoiceField(label=pgettext_lazy("duty", "Who"), queryset=User.objects.none())
    weekdays = forms.TypedMultipleChoiceField(
        label=_("Weekdays"), coerce=int, choices=list(enumerate(WEEKDAYS)), widget=forms.CheckboxSelectMultiple
    )
    start = forms.TimeField(
        label=pgettext_lazy("duty", "From"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    end = forms.TimeField(
        label=pgettext_lazy("duty", "To"),
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=_("00:00 is the end of the day."),
    )

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["user"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = people
        self.fields["weekdays"].widget.attrs["class"] = "form-check-input"

    def minutes(self) -> tuple[int, int]:
        start, end = self.cleaned_data["start"], self.cleaned_data["end"]
        last = end.hour * 60 + end.minute
        return start.hour * 60 + start.minute, last or 24 * 60


class SwapForm(MarkedForm):
    day = forms.DateField(label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    absent = forms.ModelChoiceField(label=_("Who is away"), queryset=User.objects.none())
    substitute = forms.ModelChoiceField(
        label=_("Who stands in"), queryset=User.objects.none(), required=False, empty_label=_("Nobody")
    )

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("absent", "substitute"):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = people


def at_minute(at: datetime) -> datetime:
    """What a field for day and time shows."""
    return at.replace(second=0, microsecond=0)
