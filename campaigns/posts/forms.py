from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from campaigns.posts.models import Post
from campaigns.posts.recurrence import WEEKDAYS
from campaigns.posts.schedules import Schedule
from campaigns.posts.services import LONGEST_BODY, LONGEST_GRACE
from campaigns.posts.words import Repeat, choices_of, schedule_from
from community_ops.lib.forms import MarkedForm
from delivery.models import Missed
from groups.models import Group, Permission

WEEKDAY_CHOICES = [(name, WEEKDAYS_ABBR[number]) for number, name in enumerate(WEEKDAYS)]


class ScheduleForm(MarkedForm):
    """When a post goes out, in the words people use. `schedule` holds the result when the form is valid."""

    repeat = forms.ChoiceField(label=_("How often"), choices=Repeat.choices, initial=Repeat.ONCE)
    day = forms.DateField(label=_("Date"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    clock = forms.TimeField(label=_("Time"), widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}))
    weekdays = forms.MultipleChoiceField(
        label=_("Weekdays"), choices=WEEKDAY_CHOICES, required=False, widget=forms.CheckboxSelectMultiple
    )
    until = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text=_("Empty: until somebody stops it."),
    )

    def __init__(
        self, data: Any = None, *, now: datetime, post: Post | None = None, initial: dict[str, Any] | None = None
    ) -> None:
        self.now = now
        self.post = post
        self.zone = post.timezone if post else settings.TIME_ZONE
        self.schedule: Schedule | None = None
        chosen = choices_of(post) if post else {}
        self.rule = chosen.pop("rule", "")
        super().__init__(data, initial={**chosen, **(initial or {})})
        if chosen.get("repeat") != Repeat.CUSTOM:
            repeat = self.fields["repeat"]
            assert isinstance(repeat, forms.ChoiceField)
            repeat.choices = [choice for choice in Repeat.choices if choice[0] != Repeat.CUSTOM]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not {"repeat", "day", "clock"} <= data.keys() or self.errors.keys() & {"weekdays", "until"}:
            return data
        if data["repeat"] == Repeat.WEEKLY and not data["weekdays"]:
            self.add_error("weekdays", ValidationError(_("Choose at least one weekday."), code="required"))
            return data
        schedule = schedule_from(
            repeat=data["repeat"],
            day=data["day"],
            clock=data["clock"],
            weekdays=data["weekdays"],
            until=data["until"],
            zone=self.zone,
            rule=self.rule,
        )
        unchanged = self.post is not None and self.post.at == schedule.at
        try:
            schedule.checked()
        except ValidationError as error:
            name = "until" if data["until"] else "day"
            self.add_error(name, [message for messages in error.message_dict.values() for message in messages])
            return data
        if schedule.at is not None and schedule.at <= self.now and not unchanged:
            self.add_error("clock", ValidationError(_("This time has passed."), code="past"))
        elif schedule.at is None and next(iter(schedule.times(self.now)), None) is None:
            self.add_error("until", ValidationError(_("No time is left up to this day."), code="past"))
        else:
            self.schedule = schedule
        return data


class PostForm(ScheduleForm):
    """A post as it is written and planned. Saving is done by the services."""

    title = forms.CharField(label=_("Title"), max_length=200)
    body = forms.CharField(
        label=_("Text"),
        max_length=LONGEST_BODY,
        widget=forms.Textarea(attrs={"rows": 7, "data-counter": "body-count", "translate": "no"}),
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("Groups"),
        queryset=Group.objects.none(),
        error_messages={
            "required": _("Choose at least one group."),
            "invalid_choice": _("One of the groups cannot be posted to any more."),
        },
    )
    missed = forms.ChoiceField(
        label=_("When its time was missed"),
        choices=Missed.choices,
        initial=Missed.LATE,
        help_text=_("If nothing could be sent at its time, because a machine was off for example."),
    )
    late_minutes = forms.IntegerField(
        label=_("Grace period in minutes"),
        min_value=0,
        max_value=LONGEST_GRACE,
        initial=30,
        help_text=_("How late it may still go out. Later than that it is skipped."),
    )

    field_order = ("title", "body", "groups", "repeat", "day", "clock", "weekdays", "until", "missed", "late_minutes")

    def __init__(
        self,
        data: Any = None,
        *,
        user: User,
        now: datetime,
        post: Post | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        initial = initial or {}
        if post:
            initial = {
                "title": post.title,
                "body": post.body,
                "missed": post.missed,
                "late_minutes": post.late_minutes,
                **initial,
            }
        super().__init__(data, now=now, post=post, initial=initial)
        self.postable = Group.objects.visible_to(user).postable().permitted(user, Permission.POST)
        if post:
            del self.fields["groups"]
        else:
            groups = self.fields["groups"]
            assert isinstance(groups, forms.ModelMultipleChoiceField)
            groups.queryset = self.postable

    def chosen_groups(self) -> list[Group]:
        """The groups that are ticked as the form stands, to draw them."""
        if "groups" not in self.fields:
            return []
        asked = dict(self.data.lists()).get("groups", []) if isinstance(self.data, QueryDict) else []
        if not self.is_bound:
            asked = [str(pk) for pk in self.initial.get("groups", [])]
        ids = [int(pk) for pk in asked if pk.isascii() and pk.isdigit() and len(pk) < 19]
        return list(self.postable.filter(pk__in=ids).order_by("name", "pk"))
