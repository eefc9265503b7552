"""Posts as they are written and planned. Saving is done by the services."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import QueryDict
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from campaigns.content.marking import MarksVariables
from campaigns.content.models import Piece, Series
from campaigns.posts.audience import CONDITIONS, NUMBERS, audience_checked, audience_groups
from campaigns.posts.models import Holidays, Post
from campaigns.posts.recurrence import WEEKDAYS
from campaigns.posts.scenes import scenes_known
from campaigns.posts.schedules import FURTHEST_OFF, Schedule
from campaigns.posts.services import LONGEST_BODY, LONGEST_GRACE, Source
from campaigns.posts.words import Repeat, choices_of, schedule_from
from community_ops.lib.images import ACCEPTED
from delivery.models import Missed, Picture, Value
from groups.models import Group, Permission

WEEKDAY_CHOICES = [(name, WEEKDAYS_ABBR[number]) for number, name in enumerate(WEEKDAYS)]
ZONES = (
    "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Singapore", "Asia/Tokyo", "Asia/Urumqi", "Asia/Bangkok",
    "Australia/Sydney", "Europe/London", "Europe/Paris", "America/New_York", "America/Los_Angeles", "UTC",
)  # fmt: skip
PIECES_OFFERED = 300
RECURRING = ("daily", "workdays", "weekly", "monthly", "custom")


class ScheduleForm(MarksVariables):
    """When a post goes out, in the words people use. `schedule` holds the result when the form is valid."""

    repeat = forms.ChoiceField(label=_("How often"), choices=Repeat.choices, initial=Repeat.ONCE)
    scene = forms.ChoiceField(label=_("Festival"), required=False)
    scene_days = forms.IntegerField(
        label=_("Days after it"),
        required=False,
        min_value=-FURTHEST_OFF,
        max_value=FURTHEST_OFF,
        help_text=_("-3: three days before. Empty: on the day."),
    )
    day = forms.DateField(label=_("Date"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    clock = forms.TimeField(label=_("Time"), widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}))
    more = forms.CharField(
        label=_("Further times of the day"),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"placeholder": "14:00, 21:00", "inputmode": "numeric", "translate": "no"}),
    )
    weekdays = forms.MultipleChoiceField(
        label=_("Weekdays"), choices=WEEKDAY_CHOICES, required=False, widget=forms.CheckboxSelectMultiple
    )
    until = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text=_("Empty: until somebody stops it."),
    )
    holidays = forms.ChoiceField(
        label=_("On days off"), choices=Holidays.choices, initial=Holidays.SEND, required=False
    )
    zone = forms.ChoiceField(label=_("Time zone"), required=False, widget=forms.Select(attrs={"translate": "no"}))

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        now: datetime,
        user: User,
        post: Post | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        self.now = now
        self.user = user
        self.post = post
        self.zone_name = post.timezone if post else settings.TIME_ZONE
        self.schedule: Schedule | None = None
        chosen = choices_of(post) if post else {}
        self.rule = chosen.pop("rule", "")
        super().__init__(data, files, initial={"zone": self.zone_name, **chosen, **(initial or {})})
        self._offer("zone", [(name, name) for name in dict.fromkeys([self.zone_name, *ZONES])])
        scenes = [(scene.slug, scene.name) for scene in scenes_known(user.branch_id)]
        kept = [(post.scene, post.scene)] if post and post.scene not in dict(scenes) and post.scene else []
        self._offer("scene", [*scenes, *kept])
        if chosen.get("repeat") != Repeat.CUSTOM:
            self._offer("repeat", [choice for choice in Repeat.choices if choice[0] != Repeat.CUSTOM])

    def _offer(self, name: str, choices: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean_more(self) -> list[time]:
        """The times that were typed, however they are parted."""
        found = []
        for word in re.split(r"[\s,，、;；]+", self.cleaned_data["more"].replace("：", ":")):
            if not word:
                continue
            if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", word):
                raise ValidationError(_("Write times like 14:00, separated by commas."), code="invalid")
            found.append(time.fromisoformat(word.zfill(5)))
        return found

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        needed = {"repeat", "day", "clock", "more", "scene", "scene_days", "zone"}
        if not needed <= data.keys() or self.errors.keys() & {"weekdays", "until"}:
            return data
        if data["repeat"] == Repeat.WEEKLY and not data["weekdays"]:
            self.add_error("weekdays", ValidationError(_("Choose at least one weekday."), code="required"))
            return data
        self.zone_name = data["zone"] or self.zone_name
        schedule = schedule_from(
            repeat=data["repeat"],
            day=data["day"],
            clock=data["clock"],
            weekdays=data["weekdays"],
            until=data["until"],
            zone=self.zone_name,
            rule=self.rule,
            more=data["more"] if data["repeat"] != Repeat.ONCE else (),
            scene=data["scene"],
            scene_days=data["scene_days"] or 0,
            holidays=data.get("holidays") or Holidays.SEND,
        )
        unchanged = self.post is not None and self.post.at == schedule.at
        try:
            schedule.checked()
        except ValidationError as error:
            found = error.message_dict
            name = next((name for name in ("scene", "scene_days", "holidays") if name in found), "")
            name = name or ("more" if "slots" in found else "until" if data["until"] else "day")
            self.add_error(name, [message for messages in found.values() for message in messages])
            return data
        if schedule.at is not None and schedule.at <= self.now and not unchanged:
            self.add_error("clock", ValidationError(_("This time has passed."), code="past"))
        elif schedule.at is None and next(iter(schedule.times(self.now)), None) is None:
            self.add_error("until", ValidationError(_("No time is left up to this day."), code="past"))
        else:
            self.schedule = schedule
        return data


SOURCES = [
    ("own", pgettext_lazy("what is said", "Own text")),
    ("piece", pgettext_lazy("what is said", "A piece of the library")),
    ("series", pgettext_lazy("what is said", "The next piece of a series")),
]
RECIPIENTS = [
    ("groups", pgettext_lazy("recipients", "Chosen groups")),
    ("audience", pgettext_lazy("recipients", "All groups that match")),
]


class PostForm(ScheduleForm):
    """A post as it is written and planned."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    source = forms.ChoiceField(
        label=_("What is said"), choices=SOURCES, initial="own", required=False, widget=forms.RadioSelect
    )
    title = forms.CharField(label=_("Title"), max_length=200, required=False)
    body = forms.CharField(
        label=_("Text"),
        max_length=LONGEST_BODY,
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 7, "translate": "no"}),
    )
    link = forms.CharField(
        label=_("Link"),
        max_length=500,
        required=False,
        widget=forms.URLInput(attrs={"translate": "no", "placeholder": "https://"}),
    )
    link_title = forms.CharField(label=_("Words of the link"), max_length=100, required=False)
    picture = forms.FileField(label=_("Picture"), required=False, widget=forms.FileInput(attrs={"accept": ACCEPTED}))
    picture_token = forms.CharField(required=False, max_length=22, widget=forms.HiddenInput)
    picture_remove = forms.BooleanField(label=_("Without the picture"), required=False)
    value = forms.ChoiceField(label=_("Value"), choices=[("", "–"), *Value.choices], required=False)
    piece = forms.ModelChoiceField(Piece.objects.none(), label=_("Piece"), required=False)
    series = forms.ModelChoiceField(Series.objects.none(), label=_("Series"), required=False)
    recipients = forms.ChoiceField(
        label=_("Who gets it"), choices=RECIPIENTS, initial="groups", required=False, widget=forms.RadioSelect
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("Groups"),
        queryset=Group.objects.none(),
        required=False,
        error_messages={"invalid_choice": _("One of the groups cannot be posted to any more.")},
    )
    without = forms.ModelMultipleChoiceField(
        label=_("All but these groups"), queryset=Group.objects.none(), required=False
    )
    members_from = forms.IntegerField(label=_("Members, at least"), required=False, min_value=0)
    members_to = forms.IntegerField(label=_("Members, at most"), required=False, min_value=0)
    name = forms.CharField(label=_("Name contains"), required=False, max_length=120)
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
    keeps_limits = forms.BooleanField(label=_("Keep quiet hours and the daily limit"), required=False, initial=True)

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        user: User,
        now: datetime,
        post: Post | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        self.audience: dict[str, Any] | None = None
        super().__init__(data, files, now=now, user=user, post=post, initial={**held_by(post), **(initial or {})})
        for box in ("source", "recipients", "picture_remove", "keeps_limits"):
            self.fields[box].widget.attrs["class"] = "form-check-input"
        self._rows("piece", Piece.objects.visible_to(user).filter(Q(state="ready") | Q(posts=post)).distinct())
        self._rows("series", Series.objects.visible_to(user).filter(Q(retired_at=None) | Q(posts=post)).distinct())
        pieces = [("", "–"), *self._piece_choices()]
        self._offer("piece", pieces)
        for condition in CONDITIONS:
            if choices := condition.choices(user):
                self.fields[condition.key] = forms.MultipleChoiceField(
                    label=str(condition.label), choices=choices, required=False, widget=forms.CheckboxSelectMultiple
                )
        if not user.is_admin:
            del self.fields["keeps_limits"]
        self.postable = Group.objects.visible_to(user).postable().permitted(user, Permission.POST)
        if post:
            del self.fields["recipients"]
            del self.fields["groups" if self.by_audience else "without"]
        for name in self.fields.keys() & {"groups", "without"}:
            self._rows(name, self.postable)

    def _rows(self, name: str, rows: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = rows

    def _piece_choices(self) -> list[tuple[str, str]]:
        """Some hundred of the latest, and always the one that is chosen: the library may hold thousands."""
        field = self.fields["piece"]
        assert isinstance(field, forms.ModelChoiceField)
        assert field.queryset is not None
        rows = list(field.queryset.order_by("-updated_at", "-pk").values_list("pk", "title")[:PIECES_OFFERED])
        chosen = str(self["piece"].value() or "")
        if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 and int(chosen) not in dict(rows):
            rows += list(field.queryset.filter(pk=int(chosen)).values_list("pk", "title"))
        return [(str(pk), title) for pk, title in rows]

    @property
    def conditions(self) -> list[Any]:
        """The fields of the audience that have something to choose."""
        return [self[condition.key] for condition in CONDITIONS if condition.key in self.fields]

    @property
    def by_audience(self) -> bool:
        if self.post is not None:
            return self.post.audience is not None
        return str(self["recipients"].value() or "") == "audience"

    def clean_title(self) -> str:
        title: str = self.cleaned_data["title"]
        return self.mark_unknown("title", title) if self._says_own_words else title

    def clean_body(self) -> str:
        text: str = self.cleaned_data["body"].replace("\r\n", "\n")
        return self.mark_unknown("body", text) if self._says_own_words else text

    @property
    def _says_own_words(self) -> bool:
        return self.cleaned_data.get("source") in ("", None, "own")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        source = data.get("source") or "own"
        needed = {"own": ("title", "body"), "piece": ("piece",), "series": ("series",)}[source]
        for name in needed:
            if name not in self.errors and not (str(data.get(name) or "").strip()):
                self.add_error(name, ValidationError(self.fields[name].error_messages["required"], code="required"))
        if self.by_audience:
            self._clean_audience(data)
        elif "groups" not in self.errors and not data.get("groups"):
            self.add_error("groups", ValidationError(_("Choose at least one group."), code="required"))
        return data

    def _clean_audience(self, data: dict[str, Any]) -> None:
        asked: dict[str, Any] = {
            condition.key: data[condition.key] for condition in CONDITIONS if data.get(condition.key)
        }
        asked |= {key: data[key] for key in (*NUMBERS, "name") if data.get(key) not in (None, "")}
        asked["except"] = [group.external_id for group in data.get("without") or ()]
        if self.post is not None and self.post.audience:
            # Exceptions that could not be shown stay: groups that are closed, or of other branches.
            excepted = self.post.audience.get("except", [])
            shown = set(self.postable.filter(external_id__in=excepted).values_list("external_id", flat=True))
            asked["except"] += [ref for ref in excepted if ref not in shown]
        try:
            self.audience = audience_checked(asked, self.user)
        except ValidationError as error:
            self.add_error(None, [message for messages in error.message_dict.values() for message in messages])

    def said(self) -> Source:
        """What is said beside title and text, once the form is valid."""
        data = self.cleaned_data
        if data["source"] == "piece":
            return Source(piece=data["piece"])
        if data["source"] == "series":
            return Source(series=data["series"])
        return Source(link=data["link"], link_title=data["link_title"], value=data["value"], picture=self.shown_picture)

    @property
    def shown_picture(self) -> Picture | None:
        """The picture that was chosen already, within reach of the person."""
        if self.is_bound and self.data.get("picture_remove"):
            return None
        token = str(self["picture_token"].value() or "")
        pictures = Picture.objects.filter(token=token) if token and "\x00" not in token else Picture.objects.none()
        if self.user.branch_id is not None:
            held = Q(pk=self.post.picture_id) if self.post and self.post.picture_id else Q(pk__in=())
            pictures = pictures.filter(Q(branch_id=None) | Q(branch_id=self.user.branch_id) | held)
        return pictures.first()

    def goes_to(self) -> list[Group]:
        """The groups of a valid form: those that are ticked, and those of the post that are closed by now, which
        nobody can tick."""
        ticked = list(self.cleaned_data["groups"])
        if self.post is None:
            return ticked
        closed = Group.objects.filter(posts=self.post).exclude(pk__in=self.postable.values("pk"))
        return ticked + list(closed)

    def chosen(self, name: str) -> list[Group]:
        """The groups that are ticked in a field as the form stands, to draw them."""
        if name not in self.fields:
            return []
        asked = dict(self.data.lists()).get(name, []) if isinstance(self.data, QueryDict) else []
        if not self.is_bound:
            asked = [str(pk) for pk in self.initial.get(name, [])]
        ids = [int(pk) for pk in asked if pk.isascii() and pk.isdigit() and len(pk) < 19]
        return list(self.postable.filter(pk__in=ids).order_by("name", "pk"))

    def reached(self) -> list[Group]:
        """The groups that get it as the form stands."""
        if self.by_audience:
            if self.audience is None:
                return []
            return list(audience_groups(self.audience, self.user).order_by("name", "pk"))
        return self.chosen("groups")


def held_by(post: Post | None) -> dict[str, Any]:
    """What the form shows of a post, beside its times and groups."""
    if post is None:
        return {}
    names = ("title", "body", "link", "link_title", "value", "missed", "late_minutes", "keeps_limits", "version")
    excepted = (post.audience or {}).get("except", [])
    return {
        **{name: getattr(post, name) for name in names},
        "source": "piece" if post.piece_id else "series" if post.series_id else "own",
        "piece": post.piece_id,
        "series": post.series_id,
        "picture_token": post.picture.token if post.picture else "",
        "recipients": "groups" if post.audience is None else "audience",
        "groups": [] if post.audience is not None else list(post.groups.values_list("pk", flat=True)),
        "without": list(Group.objects.filter(external_id__in=excepted).values_list("pk", flat=True)),
        **(post.audience or {}),
    }
