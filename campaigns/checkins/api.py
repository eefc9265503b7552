"""Programmes and check-ins for other systems to read. They tell check-ins as events of the kind `check_in`."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, serializers

from accounts.api_auth import Scope, token_of
from campaigns.checkins.models import CheckIn, CheckInProgramme, CheckInState, ProgrammeState, Source
from community_ops.lib.lists import day_of
from community_ops.lib.problems import FieldError, Problem


class ProgrammeOut(serializers.ModelSerializer[CheckInProgramme]):
    branch = serializers.CharField(
        source="branch.code", allow_null=True, read_only=True, help_text="Empty: headquarters'."
    )
    state = serializers.ChoiceField(choices=ProgrammeState.choices, read_only=True)
    groups = serializers.SerializerMethodField(help_text="External ids of its groups within reach.")
    weekdays = serializers.SerializerMethodField(help_text="As it holds now or from the next change on; 0 is Monday.")
    opens = serializers.SerializerMethodField(help_text="Local time at which a day opens.")
    closes = serializers.SerializerMethodField(help_text="Local time at which it closes; at or before opens: next day.")

    class Meta:
        model = CheckInProgramme
        fields = [
            "id", "name", "text", "branch", "state", "groups", "first_day", "last_day", "timezone", "weekdays", "opens",
            "closes", "by_page", "keyword", "proof", "is_reviewed", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_groups(self, programme: CheckInProgramme) -> list[str]:
        user = token_of(self.context["request"]).user
        return [
            place.group.external_id
            for place in programme.places.all()
            if place.until_day is None and (user.branch_id is None or place.group.branch_id == user.branch_id)
        ]

    def get_weekdays(self, programme: CheckInProgramme) -> list[int]:
        return sorted(programme.calendar.terms[-1].weekdays)

    def get_opens(self, programme: CheckInProgramme) -> str:
        return f"{programme.calendar.terms[-1].opens:%H:%M}"

    def get_closes(self, programme: CheckInProgramme) -> str:
        return f"{programme.calendar.terms[-1].closes:%H:%M}"


class CheckInOut(serializers.ModelSerializer[CheckIn]):
    member = serializers.CharField(source="member.external_id", read_only=True)
    group = serializers.CharField(source="group.external_id", read_only=True)
    way = serializers.ChoiceField(source="source", choices=Source.choices, read_only=True)
    state = serializers.ChoiceField(choices=CheckInState.choices, read_only=True)

    class Meta:
        model = CheckIn
        fields = ["id", "programme", "member", "group", "day", "at", "way", "state", "text", "reason"]
        read_only_fields = fields


@extend_schema_view(
    get=extend_schema(
        operation_id="check_in_programmes_list",
        summary="List check-in programmes",
        description=(
            "To check a member in, send an event of the kind `check_in` with the group and, where more than one "
            'programme is open in it, `properties: {"programme": id}`. It counts for the day of its `at`; a day counts '
            "once, however it is told, and a second event for it is a duplicate."
        ),
    )
)
class ProgrammeList(generics.ListAPIView[CheckInProgramme]):
    scopes = {"GET": Scope.CAMPAIGNS_READ}
    serializer_class = ProgrammeOut

    def get_queryset(self) -> QuerySet[CheckInProgramme]:
        if getattr(self, "swagger_fake_view", False):
            return CheckInProgramme.objects.none()
        rows = CheckInProgramme.objects.visible_to(token_of(self.request).user)
        return rows.select_related("branch").prefetch_related("places__group").order_by("pk")


@extend_schema_view(
    get=extend_schema(
        operation_id="check_ins_list",
        summary="List check-ins",
        parameters=[
            OpenApiParameter("programme", int, description="Only those of one programme."),
            OpenApiParameter("day", str, description="Only those of one local day, like 2026-03-02."),
        ],
    )
)
class CheckInList(generics.ListAPIView[CheckIn]):
    scopes = {"GET": Scope.CAMPAIGNS_READ}
    serializer_class = CheckInOut

    def get_queryset(self) -> QuerySet[CheckIn]:
        if getattr(self, "swagger_fake_view", False):
            return CheckIn.objects.none()
        rows = CheckIn.objects.visible_to(token_of(self.request).user)
        asked: dict[str, Any] = {}
        programme, day = (self.request.query_params.get(name, "") for name in ("programme", "day"))
        if programme:
            if not (programme.isascii() and programme.isdigit() and len(programme) < 19):
                raise _wrong("programme", _("Give the number of a programme."))
            asked["programme_id"] = int(programme)
        if day:
            if day_of(day) is None:
                raise _wrong("day", _("Give a day like 2026-03-02."))
            asked["day"] = day_of(day)
        return rows.filter(**asked).select_related("member", "group").order_by("pk")


def _wrong(name: str, message: Any) -> Problem:
    errors = [FieldError(f"/{name}", "invalid", message)]
    return Problem("invalid", _("Some fields need to be corrected."), errors=errors)
