"""Activities and sign-ups for other systems."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, serializers

from accounts.api_auth import Scope, token_of
from campaigns.activities.models import Activity, ActivityKind, ActivityState, SignUp, SignUpState
from groups.models import Group


class ActivityRow(serializers.ModelSerializer[Activity]):
    kind = serializers.ChoiceField(choices=ActivityKind.choices, read_only=True)
    state = serializers.SerializerMethodField()
    groups = serializers.SerializerMethodField(help_text="External ids of the groups within reach.")
    taken = serializers.IntegerField(read_only=True, help_text="Places that are taken.")
    waiting = serializers.IntegerField(read_only=True, help_text="How many are on the waiting list.")
    came = serializers.IntegerField(read_only=True)
    missed = serializers.IntegerField(read_only=True)

    class Meta:
        model = Activity
        fields = [
            "id", "title", "text", "kind", "state", "place", "link", "groups", "timezone", "starts_at", "ends_at",
            "opens_at", "closes_at", "capacity", "taken", "waiting", "came", "missed", "questions", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_state(self, activity: Activity) -> str:
        return activity.state_at(timezone.now(), activity.taken).value  # type: ignore[attr-defined]

    def get_groups(self, activity: Activity) -> list[str]:
        return [group.external_id for group in activity.groups.all()]


class ActivitiesInReach(generics.GenericAPIView[Activity]):
    serializer_class = ActivityRow

    def get_queryset(self) -> QuerySet[Activity]:
        if getattr(self, "swagger_fake_view", False):
            return Activity.objects.none()
        user = token_of(self.request).user
        within_reach = Group.objects.visible_to(user).only("external_id").order_by("pk")
        rows = Activity.objects.visible_to(user).with_counts()
        return rows.prefetch_related(Prefetch("groups", queryset=within_reach)).order_by("pk")


@extend_schema_view(
    get=extend_schema(
        summary="List activities",
        parameters=[
            OpenApiParameter("state", str, enum=ActivityState.values),
            OpenApiParameter("group", str, description="External id of a group."),
        ],
    )
)
class ActivityList(ActivitiesInReach, generics.ListAPIView[Activity]):
    scopes = {"GET": Scope.CAMPAIGNS_READ}

    def get_queryset(self) -> QuerySet[Activity]:
        rows, asked = super().get_queryset(), self.request.query_params
        if (state := asked.get("state")) is not None:
            known = state in ActivityState.values
            rows = rows.in_state(state, timezone.now()) if known else rows.none()  # type: ignore[attr-defined]
        if (group := asked.get("group")) is not None:
            named = Group.objects.visible_to(token_of(self.request).user).filter(external_id=group)
            rows = rows.none() if "\x00" in group else rows.of_groups(named)  # type: ignore[attr-defined]
        return rows


@extend_schema_view(get=extend_schema(summary="One activity"))
class ActivityDetail(ActivitiesInReach, generics.RetrieveAPIView[Activity]):
    scopes = {"GET": Scope.CAMPAIGNS_READ}


class SignUpOut(serializers.ModelSerializer[SignUp]):
    activity = serializers.IntegerField(source="activity_id", read_only=True)
    member = serializers.CharField(source="member.external_id", read_only=True, help_text="External id of the member.")
    group = serializers.CharField(
        source="group.external_id", allow_null=True, read_only=True, help_text="The group they signed up through."
    )
    state = serializers.ChoiceField(choices=SignUpState.choices, read_only=True)

    class Meta:
        model = SignUp
        fields = [
            "id", "activity", "member", "group", "state", "signed_at", "moved_up_at", "attended_at", "answers",
            "is_walk_in",
        ]  # fmt: skip
        read_only_fields = fields


@extend_schema_view(
    get=extend_schema(
        summary="List sign-ups for activities",
        parameters=[
            OpenApiParameter("activity", int, description="Id of an activity."),
            OpenApiParameter("state", str, enum=SignUpState.values),
        ],
    )
)
class SignUpList(generics.ListAPIView[SignUp]):
    scopes = {"GET": Scope.CAMPAIGNS_READ}
    serializer_class = SignUpOut

    def get_queryset(self) -> QuerySet[SignUp]:
        if getattr(self, "swagger_fake_view", False):
            return SignUp.objects.none()
        asked = self.request.query_params
        rows = SignUp.objects.visible_to(token_of(self.request).user).select_related("member", "group").order_by("pk")
        if (activity := asked.get("activity")) is not None:
            known = activity.isascii() and activity.isdigit() and len(activity) < 19
            rows = rows.filter(activity=int(activity)) if known else rows.none()
        if (state := asked.get("state")) is not None:
            rows = rows.filter(state=state) if state in SignUpState.values else rows.none()
        return rows
