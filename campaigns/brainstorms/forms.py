"""Plans of brainstorms as they are written. Saving is done by the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from campaigns.brainstorms.models import LONGEST_QUESTION, BrainstormPlan
from campaigns.brainstorms.words import as_post
from campaigns.content.models import Level
from campaigns.posts.forms import WEEKDAY_CHOICES
from campaigns.posts.schedules import Schedule
from campaigns.posts.words import Repeat, choices_of, schedule_from
from community_ops.lib.forms import MarkedForm
from groups.models import Group, Permission

REPEATS = (Repeat.ONCE, Repeat.DAILY, Repeat.WORKDAYS, Repeat.WEEKLY)
USUAL_CLOCK = "14:00"
DATE = {"type": "date"}


class PlanForm(MarkedForm):
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    name = forms.CharField(
        label=_("Name"),
        max_length=60,
        widget=forms.TextInput(attrs={"translate": "no"}),
        help_text=_("For the staff: members read the question."),
    )
    question = forms.CharField(
        label=_("Question"),
        max_length=LONGEST_QUESTION,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "translate": "no"}),
        help_text=_("Empty: each time the question bank gives one that did not come in the last 30 days."),
    )
    level = forms.ChoiceField(
        label=_("Level of the questions drawn"),
        required=False,
        choices=[("", pgettext_lazy("level of a question", "Any level")), *Level.choices],
    )
    repeat = forms.ChoiceField(
        label=_("How often"), choices=[(one.value, one.label) for one in REPEATS], initial=Repeat.DAILY
    )
    weekdays = forms.MultipleChoiceField(
        label=_("Weekdays"), choices=WEEKDAY_CHOICES, required=False, widget=forms.CheckboxSelectMultiple
    )
    day = forms.DateField(label=_("First day"), widget=forms.DateInput(format="%Y-%m-%d", attrs=DATE))
    clock = forms.TimeField(
        label=_("Opens at"), initial=USUAL_CLOCK, widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"})
    )
    minutes = forms.IntegerField(label=_("Open for, in minutes"), initial=60, min_value=5, max_value=24 * 60)
    until = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs=DATE),
        help_text=_("Empty: until somebody stops it."),
    )
    announces = forms.BooleanField(
        label=_("Announce it in the group by a post when it opens"), required=False, initial=True
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("Groups"),
        queryset=Group.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one group.")},
    )

    def __init__(self, *args: Any, user: User, plan: BrainstormPlan | None = None, **kwargs: Any) -> None:
        initial: dict[str, Any] = {"day": timezone.localdate(), **kwargs.pop("initial", {})}
        kept = Q(pk__in=[])
        if plan is not None:
            chosen = choices_of(as_post(plan))
            initial |= {key: chosen[key] for key in ("repeat", "day", "clock", "weekdays", "until") if key in chosen}
            initial |= {key: getattr(plan, key) for key in ("version", "name", "question", "level", "minutes")}
            initial |= {"announces": plan.announces, "groups": list(plan.groups.values_list("pk", flat=True))}
            kept = Q(brainstorm_plans=plan)
        super().__init__(*args, initial=initial, **kwargs)
        self.zone = plan.timezone if plan else settings.TIME_ZONE
        self.schedule: Schedule | None = None
        self.fields["announces"].widget.attrs["class"] = "form-check-input"
        groups = self.fields["groups"]
        assert isinstance(groups, forms.ModelMultipleChoiceField)
        permitted = Group.objects.visible_to(user).permitted(user, Permission.POST).postable()
        groups.queryset = Group.objects.filter(Q(pk__in=permitted.values("pk")) | kept).distinct().order_by("name")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("repeat") == Repeat.WEEKLY and not data.get("weekdays") and "weekdays" not in self.errors:
            self.add_error("weekdays", ValidationError(_("Choose at least one weekday."), code="required"))
        if {"repeat", "day", "clock"} <= data.keys() and not self.errors.keys() & {"weekdays", "until"}:
            self.schedule = schedule_from(
                repeat=data["repeat"],
                day=data["day"],
                clock=data["clock"],
                weekdays=data.get("weekdays") or [],
                until=data.get("until"),
                zone=self.zone,
            )
        return data

    def values(self) -> dict[str, Any]:
        """What the services take."""
        names = ("name", "question", "level", "minutes", "announces")
        values = {name: self.cleaned_data[name] for name in names}
        return {**values, "groups": list(self.cleaned_data["groups"]), "schedule": self.schedule}


class QuestionForm(MarkedForm):
    version = forms.IntegerField(widget=forms.HiddenInput)
    question = forms.CharField(
        label=_("Question"),
        max_length=LONGEST_QUESTION,
        widget=forms.Textarea(attrs={"rows": 3, "translate": "no"}),
    )
