"""Questions and their answers for other systems."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
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
from accounts.models import User
from activity.services import event_key
from community_ops.lib.problems import FieldError, Problem, from_django
from groups.models import Group, Permission
from groups.roles.permissions import may
from members.models import Member
from members.questions.models import Answer, AskedBy, Question, QuestionState
from members.questions.services import answer_give, question_ask


class AnswerGivenOut(serializers.ModelSerializer[Answer]):
    member = serializers.CharField(
        source="member.external_id", allow_null=True, default=None, help_text="External id of the member who answered."
    )
    staff = serializers.CharField(
        source="author.username", allow_null=True, default=None, help_text="User name of who answered of the staff."
    )
    is_accepted = serializers.SerializerMethodField()

    class Meta:
        model = Answer
        fields = ["id", "member", "staff", "analysis", "plan", "resource", "at", "is_accepted"]
        read_only_fields = fields

    def get_is_accepted(self, answer: Answer) -> bool:
        return answer.accepted_at is not None


class AskedOut(serializers.ModelSerializer[Question]):
    member = serializers.CharField(source="member.external_id", help_text="External id of the member who asked.")
    group = serializers.CharField(source="group.external_id", help_text="External id of the group.")
    state = serializers.ChoiceField(choices=QuestionState.choices)
    source = serializers.ChoiceField(choices=AskedBy.choices)  # type: ignore[assignment]
    target_seconds = serializers.IntegerField(help_text="Seconds of service within which an answer is in time.")
    due_at = serializers.DateTimeField(allow_null=True, help_text="The last instant at which an answer is in time.")
    served_seconds = serializers.FloatField(allow_null=True, help_text="Seconds of service up to the first answer.")
    answers = AnswerGivenOut(many=True)

    class Meta:
        model = Question
        fields = [
            "id",
            "member",
            "group",
            "text",
            "asked_at",
            "source",
            "state",
            "target_seconds",
            "due_at",
            "first_answer_at",
            "served_seconds",
            "in_time",
            "answers",
        ]
        read_only_fields = fields


class AskedIn(serializers.Serializer[Any]):
    id = serializers.CharField(
        max_length=200,
        required=False,
        help_text="Your own id; sent again, or as an event of kind question, it is the same question.",
    )
    member = serializers.CharField(max_length=120, help_text="External id of the member who asks.")
    group = serializers.CharField(max_length=120, help_text="External id of the group.")
    text = serializers.CharField(max_length=2000)
    asked_at = serializers.DateTimeField(required=False, help_text="Now if missing; at most a day ago.")


class AnswerGivenIn(serializers.Serializer[Any]):
    member = serializers.CharField(
        max_length=120,
        required=False,
        allow_null=True,
        default=None,
        help_text="External id of the member who answers. Without it you answer as staff.",
    )
    analysis = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)
    plan = serializers.CharField(
        max_length=2000, required=False, default="", allow_blank=True, help_text="This or the analysis is needed."
    )
    resource = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


def _invalid(pointer: str, code: str, message: Any) -> Problem:
    detail = _("Some fields need to be corrected.")
    return Problem("invalid", detail, errors=[FieldError(pointer, code, str(message))])


def _refused(error: DjangoValidationError) -> Problem:
    return Problem("invalid", _("Some fields need to be corrected."), errors=from_django(error))


def _member(name: str, user: User) -> Member:
    member = Member.objects.visible_to(user).filter(external_id=name).first()
    if member is None:
        raise _invalid("/member", "unknown_member", _("No such member within reach."))
    return member


class QuestionsInReach(generics.GenericAPIView[Question]):
    serializer_class = AskedOut

    def get_queryset(self) -> QuerySet[Question]:
        if getattr(self, "swagger_fake_view", False):
            return Question.objects.none()
        rows = Question.objects.visible_to(token_of(self.request).user).select_related("member", "group__branch")
        return rows.prefetch_related("answers__member", "answers__author").order_by("pk")


class QuestionsAsked(QuestionsInReach, generics.ListAPIView[Question]):
    scopes = {"GET": Scope.MEMBERS_READ, "POST": Scope.MEMBERS_WRITE}

    def get_queryset(self) -> QuerySet[Question]:
        rows = super().get_queryset()
        asked = self.request.query_params
        for name, field in (("group", "group__external_id"), ("member", "member__external_id")):
            if (value := asked.get(name)) is not None:
                rows = rows.none() if "\x00" in value else rows.filter(**{field: value})
        if (state := asked.get("state")) is not None:
            rows = rows.filter(state=state) if state in QuestionState.values else rows.none()
        return rows

    @extend_schema(
        operation_id="questions_list",
        summary="List questions",
        parameters=[
            OpenApiParameter("group", str, description="External id of a group."),
            OpenApiParameter("member", str, description="External id of a member."),
            OpenApiParameter("state", str, enum=QuestionState.values),
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="questions_create",
        summary="Ask a question for a member",
        description="201 for a new question, 200 for one that is known.",
        request=AskedIn,
        responses={200: AskedOut, 201: AskedOut},
    )
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        form = AskedIn(data=request.data)
        form.is_valid(raise_exception=True)
        values, token, now = form.validated_data, token_of(request), timezone.now()
        group = (
            Group.objects.visible_to(token.user).select_related("branch").filter(external_id=values["group"]).first()
        )
        if group is None:
            raise _invalid("/group", "unknown_group", _("No such group within reach."))
        member = _member(values["member"], token.user)
        key = event_key(f"token:{token.pk}", values["id"]) if values.get("id") else None
        known = Question.objects.filter(event_key=key).exists() if key else False
        try:
            question = question_ask(
                by=token.user,
                now=now,
                member=member,
                group=group,
                text=values["text"],
                source=AskedBy.API,
                asked_at=values.get("asked_at"),
                event_key=key,
            )
        except DjangoValidationError as error:
            raise _refused(error) from error
        return Response(AskedOut(self.get_queryset().get(pk=question.pk)).data, status=200 if known else 201)


@extend_schema_view(get=extend_schema(operation_id="questions_retrieve", summary="Read a question with its answers"))
class QuestionAsked(QuestionsInReach, generics.RetrieveAPIView[Question]):
    scopes = {"GET": Scope.MEMBERS_READ}


class QuestionAnswers(QuestionsInReach):
    scopes = {"GET": Scope.MEMBERS_READ, "POST": Scope.MEMBERS_WRITE}

    @extend_schema(
        operation_id="answers_list",
        summary="List the answers to a question",
        responses={200: AnswerGivenOut(many=True)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(AnswerGivenOut(self.get_object().answers.all(), many=True).data)

    @extend_schema(
        operation_id="answers_create",
        summary="Answer a question",
        description="The first answer decides whether it was answered in time.",
        request=AnswerGivenIn,
        responses={201: AnswerGivenOut},
    )
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        question, user = self.get_object(), token_of(request).user
        if not may(user, Permission.ANSWER, question.group):
            raise PermissionDenied
        form = AnswerGivenIn(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        name = values.pop("member")
        who = {"member": _member(name, user)} if name else {"by": user}
        try:
            answer = answer_give(now=timezone.now(), question=question, **who, **values)
        except DjangoValidationError as error:
            raise _refused(error) from error
        return Response(AnswerGivenOut(answer).data, status=201)
