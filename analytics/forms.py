"""The questions that the pages of reports ask, read from the address of the page.

A form fills what the address leaves out, and turns itself into the question that `analytics.queries` reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from django import forms
from django.db.models import Min
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from activity.models import BuiltInKind, Channel, EventKind
from analytics.queries.funnel import MOST_STEPS
from analytics.sources import Selection
from groups.models import Group
from members.models import Segment
from members.segments.selectors import segment_member_ids

Choices = list[tuple[str, str | Promise]]

PRESETS: Choices = [
    ("7d", _("Last 7 days")),
    ("30d", _("Last 30 days")),
    ("90d", _("Last 90 days")),
    ("month", _("This month")),
    ("last_month", _("Last month")),
    ("12m", _("Last 12 months")),
    ("all", _("All time")),
]
INTERVALS: Choices = [
    ("hour", pgettext_lazy("interval", "Hour")),
    ("day", pgettext_lazy("interval", "Day")),
    ("week", pgettext_lazy("interval", "Week")),
    ("month", pgettext_lazy("interval", "Month")),
]
BREAKDOWNS: Choices = [
    ("", _("No breakdown")),
    ("channel", _("Channel")),
    ("group", _("Group")),
    ("branch", _("Branch")),
    ("community_type", _("Community type")),
    ("motivation", _("Motivation")),
]
METRICS: Choices = [
    ("unique", _("Active members")),
    ("total", _("Events")),
    ("rolling_unique", _("Rolling active members")),
]
WINDOWS: Choices = [("7", _("7 days")), ("30", _("30 days"))]
ANY = "*"
ANY_KIND = (ANY, _("Anything"))
LONGEST_HOURLY, LONGEST_DAILY, LONGEST_WEEKLY = 2, 92, 730  # days of range up to which an interval is chosen by itself


class ReportForm(forms.Form):
    """What every report can be limited to. `now` decides what "last 30 days" means."""

    group = forms.ModelMultipleChoiceField(Group.objects.none(), required=False, label=_("Groups"))
    branch = forms.ChoiceField(required=False, label=_("Branch"))
    segment = forms.ModelChoiceField(
        Segment.objects.none(), required=False, label=_("Segment"), empty_label=_("All members")
    )

    defaults: dict[str, Any] = {}

    def __init__(self, asked: QueryDict, *, user: User, now: datetime, zone: ZoneInfo) -> None:
        self.user, self.now, self.zone = user, now, zone
        data = asked.copy()
        for name, value in self.defaults.items():
            if name not in data:
                data.setlist(name, value if isinstance(value, list) else [value])
        super().__init__(data)
        self._field("group", forms.ModelMultipleChoiceField).queryset = Group.objects.visible_to(user)
        branches: Choices = [(branch.code, branch.name) for branch in Branch.objects.visible_to(user)]
        self._field("branch", forms.ChoiceField).choices = [("", _("All branches")), *branches]
        self.fields["branch"].widget.attrs["translate"] = "no"
        self._field("segment", forms.ModelChoiceField).queryset = Segment.objects.visible_to(user)
        self.fields["segment"].widget.attrs["translate"] = "no"

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    @property
    def groups(self) -> list[Group]:
        return list(self.cleaned_data.get("group") or [])

    def selection(self) -> Selection:
        chosen = frozenset(group.pk for group in self.groups)
        segment = self.cleaned_data.get("segment")
        members = segment_member_ids(segment, user=self.user, now=self.now) if segment else None
        return Selection(self.user, group_ids=chosen or None, member_ids=members)

    def common(self) -> dict[str, Any]:
        branch = self.cleaned_data["branch"]
        return {"timezone": self.zone.key, "filter": {"branch": branch} if branch else {}}

    def address(self, **more: Any) -> str:
        """This question in an address, with dates instead of "last 30 days", so that it stays what it is."""
        query = QueryDict(mutable=True)
        for name in self.fields:
            value = self.cleaned_data.get(name)
            if isinstance(value, Segment):
                query[name] = str(value.pk)
            elif isinstance(value, (list, tuple)) or hasattr(value, "values_list"):
                query.setlist(name, [str(getattr(item, "pk", item)) for item in value or ()])
            elif isinstance(value, date):
                query[name] = value.isoformat()
            elif value not in (None, "", False):
                query[name] = str(value)
        query.pop("preset", None)
        for name, value in more.items():
            if value is not None:
                query[name] = str(value)
        return query.urlencode()

    def _field(self, name: str, kind: type[Any]) -> Any:
        field = self.fields[name]
        assert isinstance(field, kind)
        return field

    def _kinds(self, names: Iterable[str], *, first: tuple[str, str | Promise] | None) -> None:
        more = EventKind.objects.exclude(slug__in=BuiltInKind.values).order_by("slug")
        choices: Choices = [*BuiltInKind.choices, *((kind.slug, kind.label) for kind in more)]
        for name in names:
            self._field(name, forms.ChoiceField).choices = [*([first] if first else []), *choices]


class RangeForm(ReportForm):
    """A report over a range of days: a preset, or a first and a last day."""

    preset = forms.ChoiceField(required=False, choices=[("", ""), *PRESETS], label=_("Range"))

    def __init__(self, asked: QueryDict, *, user: User, now: datetime, zone: ZoneInfo) -> None:
        super().__init__(asked, user=user, now=now, zone=zone)
        for name, label in (("from", _("First day")), ("to", _("Last day"))):
            self.fields[name] = forms.DateField(
                required=False, label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("from"), cleaned.get("to")
        # Dates that somebody typed win over the preset that was in the address before.
        if first or last:
            last = last or self.today
            first = first or min(last, self.today) - timedelta(days=29)
            cleaned["preset"] = ""
            if first > last:
                self.add_error("to", _("The range ends before it begins."))
        elif "from" in cleaned and "to" in cleaned:
            cleaned["preset"] = cleaned.get("preset") or "30d"
            first, last = preset_days(cleaned["preset"], self.today, self)
        cleaned["from"], cleaned["to"] = first, last
        return cleaned

    @property
    def days(self) -> tuple[date, date]:
        return self.cleaned_data["from"], self.cleaned_data["to"]

    @property
    def length(self) -> int:
        first, last = self.days
        return (last - first).days + 1

    def range(self) -> dict[str, str]:
        first, last = self.days
        return {"from": first.isoformat(), "to": last.isoformat()}

    def before(self) -> dict[str, str]:
        """The range of the same length just before."""
        first, _last = self.days
        return {
            "from": (first - timedelta(days=self.length)).isoformat(),
            "to": (first - timedelta(days=1)).isoformat(),
        }


def preset_days(preset: str, today: date, form: ReportForm) -> tuple[date, date]:
    """The first and the last day of a named range."""
    if preset == "month":
        return today.replace(day=1), today
    if preset == "last_month":
        last = today.replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last
    if preset == "12m":
        return today - relativedelta(months=12) + timedelta(days=1), today
    if preset == "all":
        first = form.selection().events().aggregate(first=Min("at"))["first"]
        return (min(first.astimezone(form.zone).date(), today) if first else today - timedelta(days=29)), today
    days = {"7d": 7, "30d": 30, "90d": 90}[preset]
    return today - timedelta(days=days - 1), today


class ActivityForm(RangeForm):
    metric = forms.ChoiceField(choices=METRICS, label=_("Figure"))
    interval = forms.ChoiceField(required=False, choices=[("", _("Automatic")), *INTERVALS], label=_("Interval"))
    kind = forms.ChoiceField(label=_("What members did"))
    window = forms.ChoiceField(choices=WINDOWS, label=_("Window"))
    by = forms.ChoiceField(required=False, choices=BREAKDOWNS, label=_("Breakdown"))

    defaults = {"metric": "unique", "kind": ANY, "window": "7", "preset": "30d"}

    def __init__(self, asked: QueryDict, *, user: User, now: datetime, zone: ZoneInfo) -> None:
        super().__init__(asked, user=user, now=now, zone=zone)
        self._kinds(["kind"], first=ANY_KIND)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("from") and cleaned.get("to") and not self.errors and not cleaned.get("interval"):
            cleaned["interval"] = suited_interval(self.length)
        return cleaned

    def question(self, **changes: Any) -> dict[str, Any]:
        asked = self.cleaned_data
        question = {
            **self.common(),
            "range": self.range(),
            "metric": asked["metric"],
            "interval": asked["interval"],
            "event": event(asked["kind"]),
            "window_days": int(asked["window"]),
            **changes,
        }
        if asked["by"] and "breakdown" not in changes:
            question["breakdown"] = {"by": asked["by"]}
        return {name: value for name, value in question.items() if value is not None}


def suited_interval(days: int) -> str:
    if days <= LONGEST_HOURLY:
        return "hour"
    if days <= LONGEST_DAILY:
        return "day"
    return "week" if days <= LONGEST_WEEKLY else "month"


def event(kind: str, channel: str = "") -> dict[str, Any]:
    return {
        **({} if kind == ANY else {"kind": kind}),
        **({"where": {"channel": channel}} if channel else {}),
    }


class RetentionForm(ReportForm):
    period = forms.ChoiceField(choices=INTERVALS[1:], label=_("Cohorts by"))
    intervals = forms.IntegerField(min_value=2, max_value=36, label=_("How many"))
    mode = forms.ChoiceField(
        choices=[("first_time", _("First time")), ("recurring", _("Every time"))], label=_("Cohort")
    )
    measure = forms.ChoiceField(
        choices=[("on", _("In that period")), ("on_or_after", _("In that period or later"))], label=_("Came back")
    )
    start = forms.ChoiceField(label=_("Began with"))
    back = forms.ChoiceField(label=_("Came back with"))
    least = forms.IntegerField(min_value=1, max_value=1000, label=_("At least (times)"))
    since = forms.DateField(
        required=False, label=_("Since"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    defaults = {
        "period": "week",
        "intervals": "8",
        "mode": "first_time",
        "measure": "on",
        "start": ANY,
        "back": ANY,
        "least": "1",
    }

    def __init__(self, asked: QueryDict, *, user: User, now: datetime, zone: ZoneInfo) -> None:
        super().__init__(asked, user=user, now=now, zone=zone)
        self._kinds(["start", "back"], first=ANY_KIND)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "since" in cleaned and not cleaned["since"] and "intervals" in cleaned and "period" in cleaned:
            back = cleaned["intervals"] - 1
            step = {"day": relativedelta(days=back), "week": relativedelta(weeks=back)}
            cleaned["since"] = self.today - step.get(cleaned["period"], relativedelta(months=back))
        return cleaned

    def question(self) -> dict[str, Any]:
        asked = self.cleaned_data
        return {
            **self.common(),
            "range": {"from": asked["since"].isoformat()},
            "period": asked["period"],
            "total_intervals": asked["intervals"],
            "mode": asked["mode"],
            "measure": asked["measure"],
            "start_event": event(asked["start"]),
            "return_event": event(asked["back"]),
            "min_occurrences": asked["least"],
        }


class Chosen(forms.MultipleChoiceField):
    """Several choices in an order that matters, repeats allowed."""

    def validate(self, value: list[str]) -> None:
        for item in value:
            if not self.valid_value(item):
                raise forms.ValidationError(_("There is no such choice: %(value)s"), params={"value": item})


class FunnelForm(RangeForm):
    """`step` and `through` are lists of one length: the kinds of event, and the channel that each must have come by."""

    step = Chosen(label=_("Steps"))
    through = Chosen(label=_("Channel"), required=False)
    window = forms.IntegerField(min_value=1, max_value=3650, label=_("Within"))
    unit = forms.ChoiceField(
        choices=[("minute", _("minutes")), ("hour", _("hours")), ("day", _("days"))], label=_("Unit")
    )
    order = forms.ChoiceField(
        choices=[
            ("ordered", _("In this order")),
            ("strict", _("Directly one after the other")),
            ("unordered", _("In any order")),
        ],
        label=_("Order of the steps"),
    )
    exclude = forms.ChoiceField(required=False, label=_("Leave out who meanwhile"))
    by = forms.ChoiceField(required=False, choices=BREAKDOWNS, label=_("Breakdown"))
    touch = forms.ChoiceField(
        choices=[("first_touch", _("First touch")), ("last_touch", _("Last touch")), ("step", _("At the first step"))],
        label=_("Counted by"),
    )
    entry = forms.ChoiceField(required=False, choices=[("", _("Automatic")), *INTERVALS[1:]], label=_("Entries by"))

    defaults = {
        "preset": "90d",
        "step": ["joined", "message", "ordered"],
        "window": "14",
        "unit": "day",
        "order": "ordered",
        "touch": "first_touch",
    }

    def __init__(self, asked: QueryDict, *, user: User, now: datetime, zone: ZoneInfo) -> None:
        super().__init__(asked, user=user, now=now, zone=zone)
        self._kinds(["step"], first=ANY_KIND)
        self._kinds(["exclude"], first=("", _("Nobody")))
        channels: Choices = [(code, code) for code in Channel.objects.values_list("code", flat=True)[:1000]]
        self._field("through", Chosen).choices = [("", _("Any channel")), *channels]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        steps, through = cleaned.get("step", []), cleaned.get("through", [])
        if len(steps) > MOST_STEPS:
            self.add_error("step", _("A funnel has at most %(most)d steps.") % {"most": MOST_STEPS})
        cleaned["through"] = [*through, *[""] * len(steps)][: len(steps)]
        if cleaned.get("from") and cleaned.get("to") and not self.errors and not cleaned.get("entry"):
            # Shares of a few members a day jump about, so weeks begin early here.
            cleaned["entry"] = "day" if self.length <= 31 else "week" if self.length <= LONGEST_WEEKLY else "month"
        return cleaned

    @property
    def step_rows(self) -> list[dict[str, Any]]:
        """The steps as the editor shows them."""
        assert isinstance(self.data, QueryDict)
        kinds = self.data.getlist("step")
        through = [*self.data.getlist("through"), *[""] * len(kinds)]
        return [
            {"kind": kind, "channel": channel, "number": i + 1, "is_first": i == 0, "is_last": i == len(kinds) - 1}
            for i, (kind, channel) in enumerate(zip(kinds, through, strict=False))
        ]

    def question(self) -> dict[str, Any]:
        asked = self.cleaned_data
        steps = [event(*step) for step in zip(asked["step"], asked["through"], strict=True)]
        question = {
            **self.common(),
            "range": self.range(),
            "steps": steps,
            "window_seconds": asked["window"] * {"minute": 60, "hour": 3600, "day": 86_400}[asked["unit"]],
            "order": asked["order"],
            "series": {"interval": asked["entry"]},
        }
        if asked["by"]:
            question["breakdown"] = {"by": asked["by"], "attribution": asked["touch"]}
        if asked["exclude"] and len(steps) > 1:
            question["exclusions"] = [{"kind": asked["exclude"]}]
        return question


def change_steps(asked: QueryDict) -> None:
    """Carries out `act` of an address: add, or remove, up or down with the number of a step (`up:1`)."""
    act, _colon, place = asked.pop("act")[-1].partition(":")
    kinds = asked.getlist("step") or list(FunnelForm.defaults["step"])
    through = [*asked.getlist("through"), *[""] * len(kinds)][: len(kinds)]
    steps = list(zip(kinds, through, strict=True))
    at = int(place) if place.isdecimal() else -1
    if act == "add" and len(steps) < MOST_STEPS:
        steps.append((ANY, ""))
    elif act == "remove" and 0 <= at < len(steps) > 1:
        del steps[at]
    elif act == "up" and 0 < at < len(steps):
        steps[at - 1 : at + 1] = [steps[at], steps[at - 1]]
    elif act == "down" and 0 <= at < len(steps) - 1:
        steps[at : at + 2] = [steps[at + 1], steps[at]]
    asked.setlist("step", [kind for kind, _channel in steps])
    asked.setlist("through", [channel for _kind, channel in steps])
