"""Who stands behind one number of a report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from analytics.columns import Ints
from analytics.forms import INTERVALS, METRICS, ActivityForm, ReportForm, RetentionForm
from analytics.funnel_form import FunnelForm
from analytics.habits.forms import LifecycleForm, StickinessForm
from analytics.habits.lifecycle import STATES, whole_of
from analytics.hour_form import MEASURES, BestHourForm
from analytics.hours import CELLS
from analytics.leavers import people_of, thing_names
from analytics.overview.forms import OverviewForm
from analytics.overview.people import members_behind
from analytics.overview.scope import Scope
from analytics.pages.activity import whole_range_of
from analytics.pages.best_hour import hour_name, hour_people
from analytics.pages.funnel import step_names
from analytics.pages.leavers import LeaversForm, leavers_of
from analytics.pages.membership_retention import Stayed
from analytics.pages.parts import Text, period_name
from analytics.pages.times import BARS
from analytics.queries.activity import ActivityQuery, Metric
from analytics.queries.base import Names, Source
from analytics.queries.funnel import FunnelQuery
from analytics.queries.periods import Periods, local
from analytics.queries.retention import RetentionQuery
from analytics.sources import value_labels, with_ids
from members.models import Member

PLACES = gettext_lazy("The number counts places in groups: who is in two groups takes two. Here everybody stands once.")
ORDERS = gettext_lazy("There may be more orders than members: here everybody who ordered stands once.")
EVENTS = gettext_lazy("The number counts how often. Here everybody who did it stands once.")
# What some figures of the overview and of activity count.
COUNTS = {"members": PLACES, "joined": PLACES, "left": PLACES, "orders": ORDERS, "revenue": ORDERS, "events": EVENTS}


@dataclass(frozen=True)
class Behind:
    """The members, or their numbers; in words what they have in common, and what the number counts if not members:
    it may be larger then than they are many."""

    ids: Ints | QuerySet[Member]
    words: list[str]
    counts: Text = ""

    def of(self, members: QuerySet[Member]) -> QuerySet[Member]:
        """Those of `members` who are behind the number."""
        if isinstance(self.ids, QuerySet):
            return members.filter(pk__in=self.ids.values("pk"))
        return with_ids(members, self.ids.tolist())


def behind(
    asked: QueryDict, form: ReportForm, source: Source, names: Names, *, zone: ZoneInfo, now: datetime
) -> Behind:
    """Raises ValueError, IndexError or KeyError when the address points at no number of the report."""
    if isinstance(form, ActivityForm):
        return _activity(asked, form, source, names, zone, now)
    if isinstance(form, LifecycleForm):
        return _lifecycle(asked, form, source, names, zone, now)
    if isinstance(form, StickinessForm):
        return _stickiness(asked, form, source, names, zone, now)
    if isinstance(form, OverviewForm):
        scope = Scope(form.viewer, form.range, now)
        figure = asked.get("figure", "")
        found, words = members_behind(form, scope, figure=figure, currency=asked.get("currency", ""))
        return Behind(found, words, COUNTS.get(figure, ""))
    if isinstance(form, RetentionForm):
        return _retention(asked, form, source, names, zone, now)
    if isinstance(form, LeaversForm):
        thing = asked.get("thing", "")
        ids = people_of(leavers_of(form, zone), thing)
        return Behind(ids, [pgettext("leavers", "Left"), thing_names([thing])[thing], _days(form)])
    if isinstance(form, BestHourForm):
        return _best_hour(asked, form, source, names, zone, now)
    assert isinstance(form, FunnelForm)
    return _funnel(asked, form, source, names, zone, now)


def _number(asked: QueryDict, name: str, least: int, below: int) -> int | None:
    text = asked.get(name)
    if text is None:
        return None
    number = int(text)
    if not least <= number < below:
        raise IndexError(name)
    return number


def _when(periods: Periods, index: int) -> str:
    return period_name(local(periods.bounds(index).start, periods.zone), periods.interval)


def _days(form: ReportForm) -> str:
    return f"{form.cleaned_data['from']:%Y-%m-%d} – {form.cleaned_data['to']:%Y-%m-%d}"


def _activity(
    asked: QueryDict, form: ActivityForm, source: Source, names: Names, zone: ZoneInfo, now: datetime
) -> Behind:
    figure = asked.get("figure")
    if figure:
        labels = {
            "active": _("Active members"),
            "new": _("New members"),
            "quiet": _("Gone quiet"),
            "events": _("Events"),
        }
        words = [labels[figure], _days(form)]
        if figure in ("active", "events"):
            question = form.question(metric="unique", interval="month", breakdown=None)
            ids = ActivityQuery.read(question, zone=zone, now=now).people(source, names)
            return Behind(ids, words, COUNTS.get(figure, ""))
        query = whole_range_of(form, zone, now)
        return Behind(query.people(source, names, period=0, state={"new": "new", "quiet": "dormant"}[figure]), words)
    query = ActivityQuery.read(form.question(), zone=zone, now=now)
    words = [str(dict(METRICS)[query.metric.value])]
    value = asked.get("value")
    period = _number(asked, "period", 0, len(query.periods))
    words.append(_days(form) if period is None else _when(query.periods, period))
    if value is not None and query.by:
        words.append(value_labels(query.by, [value])[value])
    ids = query.people(source, names, period=period, value=value)
    return Behind(ids, words, EVENTS if query.metric is Metric.TOTAL else "")


def _lifecycle(
    asked: QueryDict, form: LifecycleForm, source: Source, names: Names, zone: ZoneInfo, now: datetime
) -> Behind:
    labels = {key: str(label) for key, label, _colour in STATES}
    if figure := asked.get("figure"):
        ids = whole_of(form, 0, zone, now).people(source, names, period=0, state=figure)
        return Behind(ids, [labels[figure], _days(form)])
    query = ActivityQuery.read(form.question(), zone=zone, now=now)
    period, state = _number(asked, "period", 0, len(query.periods)), asked.get("state", "new")
    when = _days(form) if period is None else _when(query.periods, period)
    return Behind(query.people(source, names, period=period, state=state), [labels[state], when])


def _stickiness(
    asked: QueryDict, form: StickinessForm, source: Source, names: Names, zone: ZoneInfo, now: datetime
) -> Behind:
    query = ActivityQuery.read(form.question(), zone=zone, now=now)
    period = _number(asked, "period", 1, len(query.periods) + 1) or 1
    words = {"exactly": _("active in exactly %(number)d periods"), "least": _("active in at least %(number)d periods")}
    interval = str(dict(INTERVALS)[form.cleaned_data["interval"]])
    said = words[form.cleaned_data["reach"]] % {"number": period}
    return Behind(query.people(source, names, period=period), [said, interval, _days(form)])


def _retention(
    asked: QueryDict, form: RetentionForm, source: Source, names: Names, zone: ZoneInfo, now: datetime
) -> Behind:
    query = RetentionQuery.read(form.question(), zone=zone, now=now)
    size = len(query.periods)
    cohort = _number(asked, "cohort", 0, size) or 0
    after = _number(asked, "after", 0, size - cohort) or 0
    words = [_("Cohort of %(period)s") % {"period": _when(query.periods, cohort)}]
    if after:
        words.append(_("came back: %(period)s") % {"period": _when(query.periods, cohort + after)})
    if (value := form.narrowed_to) is not None:
        words.append(value_labels(form.cleaned_data["by"], [value])[value])
    if form.cleaned_data["what"] == "membership":
        if after:
            words[1] = _("still there: %(period)s") % {"period": _when(query.periods, cohort + after)}
        return Behind(Stayed(form, query.periods).people(cohort, after), words)
    return Behind(query.people(source, names, cohort=cohort, after=after), words)


def _best_hour(
    asked: QueryDict, form: BestHourForm, source: Source, names: Names, zone: ZoneInfo, now: datetime
) -> Behind:
    cell = _number(asked, "cell", 0, CELLS) or 0
    words = [str(dict(MEASURES)[form.cleaned_data["measure"]]), hour_name(cell), _days(form)]
    return Behind(hour_people(form, source, names, cell, zone=zone, now=now), words, EVENTS)


def _funnel(asked: QueryDict, form: FunnelForm, source: Source, names: Names, zone: ZoneInfo, now: datetime) -> Behind:
    query = FunnelQuery.read(form.question(), zone=zone, now=now)
    steps = step_names(form)
    reached = _number(asked, "reached", 1, len(steps) + 1) or 1
    assert query.series is not None
    period = _number(asked, "period", 0, len(query.series.periods))
    lost, value = asked.get("lost") == "1", asked.get("value")
    words = [(_("Went no further than: %(step)s") if lost else _("Reached: %(step)s")) % {"step": steps[reached - 1]}]
    words.append(_days(form) if period is None else _when(query.series.periods, period))
    if value is not None and query.breakdown:
        words.append(value_labels(query.breakdown.by, [value])[value])
    within = _number(asked, "within", 0, len(BARS))
    if within is not None:
        words.append(_("took %(time)s") % {"time": BARS[within]})
    ids = query.people(source, names, step=reached, lost=lost, value=value, period=period, within=within)
    return Behind(ids, words)
