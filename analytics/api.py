"""Reports for other systems.

What may be asked is read and checked by `analytics.queries`; the serializers here describe it to people and to tools.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api_auth import Scope, token_of
from analytics.index.source import source_of
from analytics.queries.activity import ActivityQuery, Metric
from analytics.queries.base import ATTRIBUTES
from analytics.queries.fields import BadQuery, Fields
from analytics.queries.funnel import Attribution, FunnelQuery, Order
from analytics.queries.periods import Interval, WeekStart
from analytics.queries.retention import Measure, Mode, RetentionQuery
from analytics.sources import Selection, SqlNames
from community_ops.lib.problems import Problem
from members.api import segment_named
from members.segments.selectors import segment_member_ids

MOST_NAMES = 10_000
MOST_SEGMENT = 2**62


INTERVALS = [interval.value for interval in Interval]


class ReportView(APIView):
    """Asks a query of what the token's owner may see, limited to the groups and members named."""

    scopes = {"POST": Scope.REPORTS_READ}
    query: type[FunnelQuery | RetentionQuery | ActivityQuery]

    def post(self, request: Request) -> Response:
        now = timezone.now()
        try:
            fields = Fields(request.data)
            groups, members = fields.texts("groups", MOST_NAMES), fields.texts("members", MOST_NAMES)
            segment = fields.whole("segment", 0, 1, MOST_SEGMENT) if fields.has("segment") else None
            fields.done()
            query = self.query.read(request.data, zone=ZoneInfo(settings.TIME_ZONE), now=now)
        except BadQuery as bad:
            raise Problem(
                "invalid_query", _("The question cannot be answered as it is."), errors=list(bad.errors)
            ) from bad
        user = token_of(request).user
        inside = None
        if segment:
            inside = segment_member_ids(segment_named(str(segment), user), user=user, now=now)
        source = source_of(Selection.of(user, groups=groups, members=members, segment=inside))
        return Response(query.compute(source, SqlNames(), now=now).as_dict())


# What follows describes questions and answers.

ANSWER_TIME = "When the question was answered; every event acknowledged before is in it."
SECONDS = "Seconds since the step before; null for the first step and where nobody went."


def _names(help_text: str) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(), required=False, max_length=MOST_NAMES, help_text=help_text
    )


class WhereIn(serializers.Serializer[Any]):
    """Conditions on an event; each is a value or a list of allowed values, "" stands for none."""

    channel = serializers.CharField(required=False)
    group = serializers.CharField(required=False, help_text="External id.")
    branch = serializers.CharField(required=False, help_text="Code of the branch of the event's group.")
    community_type = serializers.CharField(required=False)
    motivation = serializers.CharField(required=False)


class EventSpecIn(serializers.Serializer[Any]):
    kind = serializers.CharField(required=False, help_text="Any kind when missing.")
    where = WhereIn(required=False)


class ExclusionIn(EventSpecIn):
    kind = serializers.CharField()
    after_step = serializers.IntegerField(required=False, default=1, help_text="Counted from 1.")
    before_step = serializers.IntegerField(required=False, help_text="The last step when missing.")


class RangeIn(serializers.Serializer[Any]):
    """A plain date is a local day, whole; an instant is included."""

    to = serializers.CharField(required=False, help_text="Now when missing.")

    def get_fields(self) -> dict[str, Any]:
        # "from" cannot be the name of an attribute.
        return {"from": serializers.CharField(), **super().get_fields()}


class RangeOut(serializers.Serializer[Any]):
    to = serializers.DateTimeField(help_text="The last millisecond that counts.")

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class ReportIn(serializers.Serializer[Any]):
    timezone = serializers.CharField(required=False, help_text="IANA name; the installation's zone when missing.")
    range = RangeIn()
    week_start = serializers.ChoiceField(choices=[day.value for day in WeekStart], required=False)
    filter = WhereIn(required=False, help_text="Applies to every event before anything else.")
    groups = _names("External ids: only events in these groups.")
    members = _names("External ids: only these members.")
    segment = serializers.IntegerField(
        required=False, min_value=1, help_text="Number of a segment: only members who are in it now."
    )


class ReportOut(serializers.Serializer[Any]):
    as_of = serializers.DateTimeField(help_text=ANSWER_TIME)
    timezone = serializers.CharField()
    range = RangeOut()


class BreakdownIn(serializers.Serializer[Any]):
    by = serializers.ChoiceField(choices=ATTRIBUTES)


class FunnelBreakdownIn(BreakdownIn):
    attribution = serializers.ChoiceField(choices=[item.value for item in Attribution], required=False)
    step = serializers.IntegerField(required=False, help_text="For attribution by step.")


class SeriesIn(serializers.Serializer[Any]):
    interval = serializers.ChoiceField(choices=INTERVALS)
    from_step = serializers.IntegerField(required=False)
    to_step = serializers.IntegerField(required=False)


class FunnelIn(ReportIn):
    steps = EventSpecIn(many=True)
    order = serializers.ChoiceField(choices=[order.value for order in Order], required=False)
    window_seconds = serializers.IntegerField(required=False, help_text="From the first step on, end included.")
    exclusions = ExclusionIn(many=True, required=False)
    breakdown = FunnelBreakdownIn(required=False)
    series = SeriesIn(required=False)
    conversions_after_range = serializers.BooleanField(
        required=False, help_text="Only the first step must lie in the range."
    )
    include = serializers.ListField(child=serializers.ChoiceField(choices=["members"]), required=False)


class FiguresOut(serializers.Serializer[Any]):
    counts = serializers.ListField(child=serializers.IntegerField(), help_text="Members who reached each step.")
    avg_seconds = serializers.ListField(child=serializers.FloatField(allow_null=True), help_text=SECONDS)
    median_seconds = serializers.ListField(child=serializers.FloatField(allow_null=True), help_text=SECONDS)


class SeriesOut(serializers.Serializer[Any]):
    entered = serializers.ListField(child=serializers.IntegerField())
    converted = serializers.ListField(child=serializers.IntegerField())


class FunnelOut(ReportOut, FiguresOut):
    window_seconds = serializers.IntegerField()
    order = serializers.CharField()
    breakdown = serializers.DictField(child=FiguresOut(), required=False)
    periods = serializers.ListField(child=serializers.DateTimeField(), required=False)
    series = SeriesOut(required=False)
    members = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="External ids of the first 1,000 members of each step.",
    )


class RetentionIn(ReportIn):
    period = serializers.ChoiceField(choices=INTERVALS, required=False)
    total_intervals = serializers.IntegerField(
        required=False, help_text="How many periods, from the one that holds the start of the range."
    )
    mode = serializers.ChoiceField(choices=[mode.value for mode in Mode], required=False)
    measure = serializers.ChoiceField(choices=[measure.value for measure in Measure], required=False)
    start_event = EventSpecIn(required=False)
    return_event = EventSpecIn(required=False)
    min_occurrences = serializers.IntegerField(required=False)


class RetentionOut(ReportOut):
    period = serializers.CharField()
    total_intervals = serializers.IntegerField()
    mode = serializers.CharField()
    measure = serializers.CharField()
    min_occurrences = serializers.IntegerField()
    periods = serializers.ListField(child=serializers.DateTimeField())
    matrix = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()),
        help_text="Row i is the cohort of period i: its size, then who came back 1, 2, ... periods later.",
    )


class ActivityIn(ReportIn):
    metric = serializers.ChoiceField(choices=[metric.value for metric in Metric])
    interval = serializers.ChoiceField(choices=INTERVALS, required=False)
    event = EventSpecIn(required=False)
    window_days = serializers.IntegerField(required=False, help_text="For rolling_unique; 7 when missing.")
    cumulative = serializers.BooleanField(required=False)
    breakdown = BreakdownIn(required=False)


class ActivityFiguresOut(serializers.Serializer[Any]):
    data = serializers.ListField(  # type: ignore[assignment]  # a field of the answer, not DRF's property
        child=serializers.IntegerField(), required=False, help_text="By period."
    )
    sum = serializers.IntegerField(required=False, help_text="Of total: events of the range.")
    overall = serializers.IntegerField(required=False, help_text="Of unique: members of the range.")
    at_end = serializers.IntegerField(required=False, help_text="Of rolling_unique: the value of the last period.")


class ActivityOut(ReportOut, ActivityFiguresOut):
    metric = serializers.CharField()
    interval = serializers.CharField()
    periods = serializers.ListField(child=serializers.DateTimeField())
    members = serializers.IntegerField(required=False, help_text="Of stickiness: members of the range.")
    new = serializers.ListField(child=serializers.IntegerField(), required=False)
    returning = serializers.ListField(child=serializers.IntegerField(), required=False)
    resurrecting = serializers.ListField(child=serializers.IntegerField(), required=False)
    dormant = serializers.ListField(child=serializers.IntegerField(), required=False, help_text="Negative numbers.")
    breakdown = serializers.DictField(child=ActivityFiguresOut(), required=False)


RANGE = {"from": "2026-03-01", "to": "2026-03-31"}


class FunnelView(ReportView):
    query = FunnelQuery

    @extend_schema(
        summary="How many members go through a series of steps",
        request=FunnelIn,
        responses=FunnelOut,
        examples=[
            OpenApiExample(
                "From joining to the first order",
                value={
                    "range": RANGE,
                    "window_seconds": 1_209_600,
                    "steps": [{"kind": "joined"}, {"kind": "message"}, {"kind": "ordered"}],
                    "breakdown": {"by": "channel"},
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        return super().post(request)


class RetentionView(ReportView):
    query = RetentionQuery

    @extend_schema(
        summary="How many members of a cohort come back",
        request=RetentionIn,
        responses=RetentionOut,
        examples=[
            OpenApiExample(
                "Who of each week's newcomers writes again",
                value={
                    "range": {"from": "2026-03-02"},
                    "period": "week",
                    "total_intervals": 8,
                    "mode": "first_time",
                    "start_event": {"kind": "message"},
                    "return_event": {"kind": "message"},
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        return super().post(request)


class ActivityView(ReportView):
    query = ActivityQuery

    @extend_schema(
        summary="How much happens, and by how many members",
        request=ActivityIn,
        responses=ActivityOut,
        examples=[
            OpenApiExample(
                "Members active in 7 days, day by day",
                value={"range": RANGE, "metric": "rolling_unique", "interval": "day", "window_days": 7},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        return super().post(request)
