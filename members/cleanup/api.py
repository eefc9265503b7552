"""Clean-ups for other systems: what was decided, and what became of each person."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, serializers

from accounts.api_auth import Scope, token_of
from members.cleanup.models import CleanupItem, CleanupRun, ItemState, RunState


class CleanupItemOut(serializers.ModelSerializer[CleanupItem]):
    run = serializers.IntegerField(source="run_id")
    member = serializers.CharField(source="membership.member.external_id", help_text="External id of the member.")
    group = serializers.CharField(source="membership.group.external_id", help_text="External id of the group.")
    why = serializers.SerializerMethodField(help_text="Figure by reason: silent and shy in days, strikes.")
    state = serializers.ChoiceField(choices=ItemState.choices)
    settled_by = serializers.CharField(source="settled_by.username", allow_null=True, default=None)

    class Meta:
        model = CleanupItem
        fields = ["id", "run", "member", "group", "why", "state", "settled_at", "settled_by", "note"]
        read_only_fields = fields

    def get_why(self, item: CleanupItem) -> dict[str, int]:
        return dict(item.why)


class CleanupRunOut(serializers.ModelSerializer[CleanupRun]):
    state = serializers.ChoiceField(choices=RunState.choices)
    conditions = serializers.DictField()
    started_by = serializers.CharField(source="started_by.username", allow_null=True, default=None)
    listed = serializers.IntegerField(help_text="People on it so far.")
    open = serializers.IntegerField(help_text="Still to be removed.")
    removed = serializers.IntegerField()

    class Meta:
        model = CleanupRun
        fields = ["id", "reason", "state", "conditions", "started_by", "started_at", "listed", "open", "removed"]
        read_only_fields = fields


@extend_schema_view(get=extend_schema(summary="List clean-ups"))
class CleanupRunList(generics.ListAPIView[CleanupRun]):
    serializer_class = CleanupRunOut
    scopes = {"GET": Scope.MEMBERS_READ}

    def get_queryset(self) -> QuerySet[CleanupRun]:
        if getattr(self, "swagger_fake_view", False):
            return CleanupRun.objects.none()
        runs = CleanupRun.objects.visible_to(token_of(self.request).user).select_related("started_by")
        return runs.annotate(
            listed=Count("items"),
            open=Count("items", filter=Q(items__state=ItemState.OPEN)),
            removed=Count("items", filter=Q(items__state=ItemState.REMOVED)),
        ).order_by("pk")


@extend_schema_view(
    get=extend_schema(
        summary="List the people on clean-ups",
        parameters=[
            OpenApiParameter("run", int, description="Id of a clean-up."),
            OpenApiParameter("state", str, enum=ItemState.values),
        ],
    )
)
class CleanupItemList(generics.ListAPIView[CleanupItem]):
    serializer_class = CleanupItemOut
    scopes = {"GET": Scope.MEMBERS_READ}

    def get_queryset(self) -> QuerySet[CleanupItem]:
        if getattr(self, "swagger_fake_view", False):
            return CleanupItem.objects.none()
        rows = CleanupItem.objects.visible_to(token_of(self.request).user).order_by("pk")
        rows = rows.select_related("membership__member", "membership__group", "settled_by")
        asked: Any = self.request.query_params
        if (run := asked.get("run")) is not None:
            rows = rows.filter(run=int(run)) if run.isascii() and run.isdigit() and len(run) < 19 else rows.none()
        if (state := asked.get("state")) is not None:
            rows = rows.filter(state=state) if state in ItemState.values else rows.none()
        return rows
