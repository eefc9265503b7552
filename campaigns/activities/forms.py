from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import User
from campaigns.activities.models import Activity, ActivityKind
from campaigns.activities.services import ActivityContent
from campaigns.activities.services.writing import MOST_PLACES, MOST_POINTS
from campaigns.posts.recurrence import localize
from community_ops.lib.forms import MarkedForm
from community_ops.lib.images import ACCEPTED
from community_ops.lib.zones import zone_named
from delivery.models import Picture
from groups.models import Group, Permission
from members.work.forms import staff_for

REMINDERS = ("reminds_day_before", "reminds_hour_before", "reminds_groups")
BOXES = ("has_waiting_list", "walk_ins", *REMINDERS, "picture_remove")
PLAIN = (
    "title", "text", "kind", "link", "place", "directions", "timezone", "capacity", "has_waiting_list", "walk_ins",
    "reminds_day_before", "reminds_hour_before", "reminds_groups", "reminder", "points", "organiser",
)  # fmt: skip
MOMENTS = ("starts", "ends", "opens", "closes")


def _day(label: Any, *, required: bool = False) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=required, widget=widget)


def _clock(label: Any) -> forms.TimeField:
    return forms.TimeField(label=label, required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))


class TimesForm(MarkedForm):
    """When it is, on its own clock. What is half written counts as a mistake, nothing as not fixed yet."""

    timezone = forms.CharField(label=gettext_lazy("Time zone"), max_length=60)
    starts_day = _day(gettext_lazy("Begins on"))
    starts_clock = _clock(gettext_lazy("at"))
    ends_day = _day(gettext_lazy("Ends on"))
    ends_clock = _clock(gettext_lazy("at"))
    opens_day = _day(gettext_lazy("Sign-up from"))
    opens_clock = _clock(gettext_lazy("at"))
    closes_day = _day(gettext_lazy("Sign-up until"))
    closes_clock = _clock(gettext_lazy("at"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.moments: dict[str, datetime | None] = dict.fromkeys(MOMENTS)
        self.fields["timezone"].widget.attrs["translate"] = "no"
        for name in MOMENTS:
            self.fields[f"{name}_clock"].widget.attrs["aria-label"] = _("Time of day")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        try:
            zone = zone_named(data.get("timezone", ""))
        except ValidationError as error:
            if "timezone" not in self.errors:
                self.add_error("timezone", error)
            return data
        for name in MOMENTS:
            self.moments[name] = self._moment(data, name, zone)
        return data

    def _moment(self, data: dict[str, Any], name: str, zone: ZoneInfo) -> datetime | None:
        day: date | None = data.get(f"{name}_day")
        clock: time | None = data.get(f"{name}_clock")
        if name == "ends" and day is None and clock is not None:
            day = data.get("starts_day")
        if day is None and clock is None:
            return None
        if day is None or clock is None:
            missing = "day" if day is None else "clock"
            if f"{name}_{missing}" not in self.errors:
                self.add_error(f"{name}_{missing}", _("Write both the day and the time."))
            return None
        if not 2000 <= day.year <= 2199:
            self.add_error(f"{name}_day", _("This day is too far away."))
            return None
        return localize(datetime.combine(day, clock), zone)


class ActivityForm(TimesForm):
    """An activity as staff write it. An uploaded picture is taken in before the rest is right, so that it is not lost:
    `picture_token` names it then."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    title = forms.CharField(
        label=gettext_lazy("Title"), max_length=200, widget=forms.TextInput(attrs={"translate": "no"})
    )
    text = forms.CharField(
        label=gettext_lazy("What it is about"),
        max_length=5000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "translate": "no"}),
    )
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=ActivityKind.choices)
    groups = forms.ModelMultipleChoiceField(
        queryset=Group.objects.none(),
        error_messages={
            "required": gettext_lazy("Choose at least one group."),
            "invalid_choice": gettext_lazy("One of the groups cannot be posted to any more."),
        },
    )
    place = forms.CharField(
        label=pgettext_lazy("activity", "Place"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"translate": "no"}),
        help_text=gettext_lazy("Address, or name of the room. Leave it empty for what is online."),
    )
    directions = forms.CharField(
        label=gettext_lazy("How to get there"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"translate": "no"}),
    )
    link = forms.CharField(
        label=gettext_lazy("Link to join online"),
        max_length=500,
        required=False,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text=gettext_lazy("Members see it once they have a place."),
    )
    capacity = forms.IntegerField(
        label=gettext_lazy("Places"),
        required=False,
        min_value=1,
        max_value=MOST_PLACES,
        help_text=gettext_lazy("Empty: everybody who wants to has a place."),
    )
    has_waiting_list = forms.BooleanField(label=gettext_lazy("Waiting list when all places are taken"), required=False)
    walk_ins = forms.BooleanField(
        label=gettext_lazy("Members without a place may come in while places are free"), required=False
    )
    questions = forms.CharField(
        label=gettext_lazy("Questions at sign-up"),
        max_length=400,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "translate": "no"}),
        help_text=gettext_lazy("One a line, three at most. Members answer in a few words if they like."),
    )
    reminds_day_before = forms.BooleanField(label=gettext_lazy("The day before"), required=False)
    reminds_hour_before = forms.BooleanField(label=gettext_lazy("An hour before"), required=False)
    reminds_groups = forms.BooleanField(label=gettext_lazy("Also as a post in the groups"), required=False)
    reminder = forms.CharField(
        label=gettext_lazy("Text of the post"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "translate": "no"}),
    )
    points = forms.IntegerField(
        label=gettext_lazy("Points for coming"), required=False, min_value=0, max_value=MOST_POINTS
    )
    organiser = forms.ModelChoiceField(
        label=pgettext_lazy("activity", "Organised by"),
        queryset=User.objects.none(),
        required=False,
        empty_label=gettext_lazy("Whoever runs the group"),
        help_text=gettext_lazy("Is asked to take attendance, and for a review afterwards."),
    )
    picture = forms.FileField(
        label=gettext_lazy("Picture"),
        required=False,
        help_text=gettext_lazy(
            "JPEG, PNG, WebP or GIF, at most 10 MB. It is kept without what it tells of place and camera."
        ),
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
    )
    picture_token = forms.CharField(required=False, max_length=22, widget=forms.HiddenInput)
    picture_remove = forms.BooleanField(label=gettext_lazy("Without the picture"), required=False)

    def __init__(self, *args: Any, user: User, activity: Activity | None = None, **kwargs: Any) -> None:
        initial = {**_initial(activity, user), **(kwargs.pop("initial", None) or {})}
        super().__init__(*args, initial=initial, **kwargs)
        self.activity = activity
        for box in BOXES:
            self.fields[box].widget.attrs["class"] = "form-check-input"
        postable = Group.objects.visible_to(user).postable().permitted(user, Permission.POST)
        if activity is not None:
            postable = postable | Group.objects.visible_to(user).filter(activities=activity)
        groups, organiser = self.fields["groups"], self.fields["organiser"]
        assert isinstance(groups, forms.ModelMultipleChoiceField)
        assert isinstance(organiser, forms.ModelChoiceField)
        groups.queryset = postable.distinct()
        organiser.queryset = staff_for(user)

    def chosen(self) -> list[Group]:
        """The groups that are ticked as the form stands, to draw them."""
        field = self.fields["groups"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        assert field.queryset is not None
        asked = self["groups"].value() or []
        numbers = [int(value) for value in asked if str(value).isascii() and str(value).isdigit()]
        return list(field.queryset.filter(pk__in=[number for number in numbers if number < 2**63]).order_by("name"))

    @property
    def shown_picture(self) -> Picture | None:
        """The picture that was chosen already."""
        token = str(self["picture_token"].value() or "")
        return Picture.objects.filter(token=token).first() if token and "\x00" not in token else None

    def content(self) -> ActivityContent:
        """A valid form, as the services take it."""
        data = self.cleaned_data
        asked = [line.strip() for line in data["questions"].splitlines()]
        return ActivityContent(
            **{name: data[name] for name in PLAIN if name != "points"},
            points=data["points"] or 0,
            picture=None if data["picture_remove"] else self.shown_picture,
            questions=tuple(line for line in asked if line),
            starts_at=self.moments["starts"],
            ends_at=self.moments["ends"],
            opens_at=self.moments["opens"],
            closes_at=self.moments["closes"],
        )


def _initial(activity: Activity | None, user: User) -> dict[str, Any]:
    if activity is None:
        return {
            "timezone": settings.TIME_ZONE,
            "kind": ActivityKind.LECTURE,
            "has_waiting_list": True,
            "reminds_day_before": True,
            "reminds_hour_before": True,
            "reminds_groups": True,
            "points": 0,
            "organiser": user.pk,
        }
    values: dict[str, Any] = {name: getattr(activity, name) for name in PLAIN}
    values |= {
        "version": activity.version,
        "groups": list(activity.groups.values_list("pk", flat=True)),
        "questions": "\n".join(activity.questions),
        "picture_token": activity.picture.token if activity.picture else "",
        "organiser": activity.organiser_id,
    }
    moments = (activity.starts_at, activity.ends_at, activity.opens_at, activity.closes_at)
    for name, at in zip(MOMENTS, moments, strict=True):
        if at is not None:
            local = at.astimezone(activity.zone)
            values |= {f"{name}_day": local.date(), f"{name}_clock": local.time()}
    return values


class CancelForm(MarkedForm):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        required=False,
        widget=forms.TextInput(attrs={"translate": "no"}),
        help_text=gettext_lazy("Members read it on their pages and in the groups."),
    )


class TakeOffForm(MarkedForm):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"translate": "no"}),
        help_text=gettext_lazy("Only the team reads it, in the audit."),
    )
