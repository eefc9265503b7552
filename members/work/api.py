"""Tasks of staff for other systems."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_auth import Scope, token_of
from accounts.idempotency import idempotent
from community_ops.lib.problems import FieldError, Problem
from members.work.kinds import kind_of
from members.work.models import StaffTask, TaskState
from members.work.selectors import with_names
from members.work.services import task_settle

SKIP = "skip"


class TaskOut(serializers.ModelSerializer[StaffTask]):
    text = serializers.SerializerMethodField(help_text="What is to be done, in words.")
    group = serializers.CharField(
        source="group.external_id", allow_null=True, read_only=True, help_text="External id of the group."
    )
    member = serializers.CharField(
        source="member.external_id", allow_null=True, read_only=True, help_text="External id of the member."
    )
    assignee = serializers.CharField(source="assignee.username", allow_null=True, read_only=True)
    outcomes = serializers.SerializerMethodField(help_text="How it may end.")
    state = serializers.ChoiceField(choices=TaskState.values, read_only=True)

    class Meta:
        model = StaffTask
        fields = [
            "id", "kind", "text", "group", "member", "assignee", "due_at", "created_at", "state", "outcomes", "outcome",
            "note", "settled_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_text(self, task: StaffTask) -> str:
        return str(kind_of(task).sentence(task))

    def get_outcomes(self, task: StaffTask) -> list[str]:
        return [choice.slug for choice in kind_of(task).outcomes]


class TaskSettleIn(serializers.Serializer[Any]):
    outcome = serializers.CharField(
        max_length=40, default="done", help_text="One of the task's outcomes, or `skip` when it is not needed."
    )
    note = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class TasksInReach(generics.GenericAPIView[StaffTask]):
    serializer_class = TaskOut

    def get_queryset(self) -> QuerySet[StaffTask]:
        if getattr(self, "swagger_fake_view", False):
            return StaffTask.objects.none()
        return with_names(StaffTask.objects.visible_to(token_of(self.request).user)).order_by("pk")


@extend_schema_view(
    get=extend_schema(
        summary="List tasks of staff",
        parameters=[
            OpenApiParameter("state", str, enum=TaskState.values, description="Open tasks when missing."),
            OpenApiParameter("kind", str),
            OpenApiParameter("group", str, description="External id of a group."),
            OpenApiParameter("member", str, description="External id of a member."),
        ],
    )
)
class TaskList(TasksInReach, generics.ListAPIView[StaffTask]):
    scopes = {"GET": Scope.MEMBERS_READ}

    def get_queryset(self) -> QuerySet[StaffTask]:
        tasks, asked = super().get_queryset(), self.request.query_params
        state = asked.get("state", TaskState.OPEN)
        tasks = tasks.filter(state=state) if state in TaskState.values else tasks.none()
        for name, lookup in (("kind", "kind"), ("group", "group__external_id"), ("member", "member__external_id")):
            if (value := asked.get(name)) is not None:
                tasks = tasks.none() if "\x00" in value else tasks.filter(**{lookup: value})
        return tasks


class TaskSettle(TasksInReach):
    scopes = {"POST": Scope.MEMBERS_WRITE}

    @extend_schema(summary="Settle a task", request=TaskSettleIn, responses={200: TaskOut})
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        task = self.get_object()
        form = TaskSettleIn(data=request.data)
        form.is_valid(raise_exception=True)
        asked, note = form.validated_data["outcome"], form.validated_data["note"]
        outcome = next((choice for choice in kind_of(task).outcomes if choice.slug == asked), None)
        if outcome is None and asked != SKIP:
            raise _refused("outcome", "unknown_outcome", _("This task cannot end so."))
        if outcome and outcome.asks_note and not note:
            raise _refused("note", "required", _("This outcome wants a note."))
        try:
            done = task_settle(
                by=token_of(request).user,
                now=timezone.now(),
                task=task,
                outcome=asked,
                note=note,
                state=TaskState.DONE if outcome else TaskState.SKIPPED,
            )
        except DjangoValidationError as error:
            raise Problem("refused", " ".join(error.messages), http_status=409) from error
        if not done:
            raise Problem("task_settled", _("This task was settled before."), http_status=409)
        return Response(TaskOut(task).data)


def _refused(field: str, code: str, text: Any) -> Problem:
    return Problem("invalid", _("Some fields need to be corrected."), errors=[FieldError(f"/{field}", code, str(text))])
