"""The health of groups for other systems."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_auth import Scope, token_of
from accounts.policies import policy_get
from analytics.health.mistakes import NAMES, VERDICTS, Mistake, mistakes_of
from analytics.health.models import Alarm, GroupHealth
from analytics.health.policy import HealthPolicy
from analytics.health.reasons import WORDS, reason_words
from analytics.health.selectors import health_visible_to, judged_day, latest_of
from groups.models import Group, HealthStage

ALARMS = {Alarm.NONE: "none", Alarm.LOOK: "look", Alarm.ACT: "act"}


class ReasonOut(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=list(WORDS))
    figures = serializers.DictField(child=serializers.FloatField(), help_text="What the sentence is about.")
    text = serializers.CharField(help_text="In the language of the request.")


class MistakeOut(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=list(NAMES))
    verdict = serializers.ChoiceField(choices=list(VERDICTS))
    figures = serializers.DictField(help_text="What the verdict is drawn from.")
    text = serializers.CharField()


class HealthOut(serializers.ModelSerializer[GroupHealth]):
    group = serializers.CharField(source="group.external_id", read_only=True)
    day = serializers.DateField(read_only=True, help_text="The last local day that is counted.")
    stage = serializers.ChoiceField(choices=HealthStage.values, read_only=True)
    since = serializers.DateField(read_only=True)
    warning = serializers.SerializerMethodField()
    noise = serializers.FloatField(read_only=True, help_text="Messages a day for each member present.")
    reasons = serializers.SerializerMethodField()
    mistakes = serializers.SerializerMethodField()

    class Meta:
        model = GroupHealth
        fields = ["group", "day", "stage", "since", "warning", "noise", "reasons", "mistakes"]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=list(ALARMS.values())))
    def get_warning(self, row: GroupHealth) -> str:
        return ALARMS[Alarm(row.warning)]

    @extend_schema_field(ReasonOut(many=True))
    def get_reasons(self, row: GroupHealth) -> list[dict[str, Any]]:
        return [
            {
                "code": reason["code"],
                "figures": {name: value for name, value in reason.items() if name != "code"},
                "text": reason_words(reason),
            }
            for reason in row.reasons
        ]

    @extend_schema_field(MistakeOut(many=True))
    def get_mistakes(self, row: GroupHealth) -> list[dict[str, Any]]:
        found: list[Mistake] = self.context["mistakes"][row.group_id]
        return [
            {"code": item.code, "verdict": item.verdict, "figures": item.figures, "text": item.words} for item in found
        ]


def _with_mistakes(rows: list[GroupHealth]) -> dict[int, list[Mistake]]:
    """Of rows of one day."""
    if not rows:
        return {}
    groups = [row.group for row in rows]
    return mistakes_of(groups, day=max(row.day for row in rows), policy=policy_get(HealthPolicy))


class HealthList(generics.GenericAPIView[GroupHealth]):
    """Every open group within reach as of the last judged day."""

    serializer_class = HealthOut
    scopes = {"GET": Scope.REPORTS_READ}

    def get_queryset(self) -> QuerySet[GroupHealth]:
        day = None if getattr(self, "swagger_fake_view", False) else judged_day()
        if day is None:
            return GroupHealth.objects.none()
        rows = health_visible_to(token_of(self.request).user, day).order_by("pk")
        stage = self.request.query_params.get("stage")
        if stage is not None:
            rows = rows.filter(stage=stage) if stage in HealthStage.values else rows.none()
        return rows

    @extend_schema(
        summary="List the health of groups", parameters=[OpenApiParameter("stage", str, enum=HealthStage.values)]
    )
    def get(self, request: Request) -> Response:
        rows = self.paginate_queryset(self.get_queryset()) or []
        context = {**self.get_serializer_context(), "mistakes": _with_mistakes(list(rows))}
        return self.get_paginated_response(HealthOut(rows, many=True, context=context).data)


class GroupHealthDetail(generics.GenericAPIView[Any]):
    """How one group stands, archived or not; 404 before its first night."""

    serializer_class = HealthOut
    scopes = {"GET": Scope.REPORTS_READ}

    def get_queryset(self) -> QuerySet[Group]:
        if getattr(self, "swagger_fake_view", False):
            return Group.objects.none()
        return Group.objects.visible_to(token_of(self.request).user)

    @extend_schema(
        summary="Read the health of a group",
        parameters=[OpenApiParameter("id", OpenApiTypes.INT, OpenApiParameter.PATH)],
        responses=HealthOut,
    )
    def get(self, request: Request, pk: int) -> Response:
        group = self.get_object()
        row = latest_of([group]).get(group.pk)
        if row is None:
            raise NotFound
        row.group = group
        context = {**self.get_serializer_context(), "mistakes": _with_mistakes([row])}
        return Response(HealthOut(row, context=context).data)
