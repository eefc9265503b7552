"""The questions that the pages of reports ask, read from the address of the page.

A form fills what the address leaves out, and turns itself into the question that `analytics.queries` reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from django import forms
from django.db.models import Min
from django.http import QueryDict
from django.urls import reverse
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from activity.models import BuiltInKind, Event, EventKind
from analytics.queries.periods import BEYOND, FIRST_YEAR, LAST_YEAR
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
    ("latest", _("Last days with events")),
]
# As many days as a report shows by itself, up to the community's last event.
LATEST = "latest"
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


class DayField(forms.DateField):
    """A day of a year that questions know."""

    def __init__(self, *, label: Any) -> None:
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(required=False, label=label, widget=widget)

    def to_python(self, value: Any) -> date | None:
        day: date | None = super().to_python(value)
        if day and not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise forms.ValidationError(BEYOND % {"first": FIRST_YEAR, "last": LAST_YEAR})
        return day


class GroupsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Groups by their numbers. What no database takes for one names no group either."""

    def clean(self, value: Any) -> Any:
        for one in value or ():
            if not is_number(one):
                raise forms.ValidationError(self.error_messages["invalid_pk_value"], params={"pk": one})
        return super().clean(value)


def is_number(text: str) -> bool:
    """Whether an address names a row of a table by it."""
    return text.isascii() and text.isdigit() and len(text) < 19


class ReportForm(forms.Form):
    """What every report can be limited to. `now` decides what "last 30 days" means."""

    group = GroupsField(Group.objects.none(), required=False, label=_("Groups"))
    branch = forms.ChoiceField(required=False, label=_("Branch"))
    segment = forms.ModelChoiceField(
        Segment.objects.none(), required=False, label=_("Segment"), empty_label=_("All members")
    )

    defaults: dict[str, Any] = {}
    # The day of the last event, where a range that nobody chose was moved to it.
    moved_to: date | None = None

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

    @cached_property
    def last_event_day(self) -> date | None:
        """Of the whole community: one look at the end of an index, whoever asks."""
        at = Event.objects.order_by("-at").values_list("at", flat=True).first()
        return min(at.astimezone(self.zone).date(), self.today) if at else None

    def end_of_data(self, first: date) -> date:
        """Today; but the day of the last event where a range that begins on `first` would be empty."""
        last = self.last_event_day
        self.moved_to = last if last and last < first else None
        return self.moved_to or self.today

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
        added = {
            name: f"{name}={value}" if isinstance(value, int) else urlencode({name: value})
            for name, value in more.items()
            if value is not None
        }
        if added.keys().isdisjoint(self._asked):
            return "&".join(filter(None, [self._address, *added.values()]))
        return "&".join({**self._asked, **added}.values())

    @cached_property
    def people_page(self) -> str:
        """Where the members behind the numbers are."""
        return reverse("analytics:people")

    @cached_property
    def _address(self) -> str:
        return "&".join(self._asked.values())

    @cached_property
    def _asked(self) -> dict[str, str]:
        """What each field adds to an address, of which a page has hundreds."""
        found = {}
        for name in self.fields:
            value = self.cleaned_data.get(name)
            if name == "preset" or value in (None, "", False):
                continue
            if isinstance(value, Segment):
                told = [str(value.pk)]
            elif isinstance(value, (list, tuple)) or hasattr(value, "values_list"):
                told = [str(getattr(item, "pk", item)) for item in value]
            else:
                told = [value.isoformat() if isinstance(value, date) else str(value)]
            if told:
                found[name] = urlencode({name: told}, doseq=True)
        return found

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
        self.is_range_chosen = any(asked.get(name) for name in ("preset", "from", "to"))
        for name, label in (("from", _("First day")), ("to", _("Last day"))):
            self.fields[name] = DayField(label=label)

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
            if not self.is_range_chosen and self.end_of_data(first) < first:
                cleaned["preset"] = LATEST
                first, last = preset_days(LATEST, self.today, self)
        cleaned["from"], cleaned["to"] = first, last
        return cleaned

    @property
    def is_quiet(self) -> bool:
        """Whether the days that this report shows by itself hold no event of the community, and others do."""
        last = self.last_event_day
        return last is not None and last < preset_days(self.usual, self.today, self)[0]

    @property
    def usual(self) -> str:
        """The preset of a report of which nobody chose the range."""
        return str(self.defaults.get("preset", "30d"))

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


def preset_days(preset: str, today: date, form: RangeForm) -> tuple[date, date]:
    """The first and the last day of a named range."""
    if preset == LATEST:
        return preset_days(form.usual, form.last_event_day or today, form)
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
    what = forms.ChoiceField(
        choices=[("activity", _("Came back")), ("membership", _("Still there"))],
        label=pgettext_lazy("retention", "What"),
    )
    by = forms.ChoiceField(required=False, choices=BREAKDOWNS, label=_("Breakdown"))
    only = forms.CharField(required=False, max_length=200, label=_("Only"))
    since = DayField(label=_("Since"))

    defaults = {
        "period": "week",
        "intervals": "8",
        "mode": "first_time",
        "measure": "on",
        "start": ANY,
        "back": ANY,
        "least": "1",
        "what": "activity",
    }

    def __init__(self, asked: QueryDict, *, user: User, now: datetime, zone: ZoneInfo) -> None:
        super().__init__(asked, user=user, now=now, zone=zone)
        self._kinds(["start", "back"], first=ANY_KIND)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("what") == "membership" and cleaned.get("by") == "channel":
            message = _("Who is in a group came by many channels. Break it down by branch, group or type of community.")
            self.add_error("by", message)
        if "since" in cleaned and not cleaned["since"] and "intervals" in cleaned and "period" in cleaned:
            back = cleaned["intervals"] - 1
            step = {"day": relativedelta(days=back), "week": relativedelta(weeks=back)}
            span = step.get(cleaned["period"], relativedelta(months=back))
            cleaned["since"] = self.end_of_data(self.today - span) - span
        return cleaned

    @property
    def narrowed_to(self) -> str | None:
        """The one value of the breakdown that is looked at: `=hangzhou` in the address, `=` for the row of no value."""
        only: str = self.cleaned_data["only"]
        return only[1:] if self.cleaned_data["by"] and only.startswith("=") else None

    def question(self, **changes: Any) -> dict[str, Any]:
        asked = self.cleaned_data
        return {
            **self.common(),
            "range": {"from": asked["since"].isoformat()},
            "period": asked["period"],
            "total_intervals": asked["intervals"],
            "mode": asked["mode"],
            "measure": asked["measure"],
            "start_event": self.start_event(self.narrowed_to),
            "return_event": event(asked["back"]),
            "min_occurrences": asked["least"],
            **changes,
        }

    def start_event(self, value: str | None) -> dict[str, Any]:
        """What a cohort began with; with `value` only where the attribute of the breakdown has it."""
        begun = event(self.cleaned_data["start"])
        return begun if value is None else {**begun, "where": {self.cleaned_data["by"]: value}}


def event(kind: str, where: dict[str, str] | None = None) -> dict[str, Any]:
    met = {name: value for name, value in (where or {}).items() if value}
    return {**({} if kind == ANY else {"kind": kind}), **({"where": met} if met else {})}
