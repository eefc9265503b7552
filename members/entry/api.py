"""Applications, questions and titles for other systems."""

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
from community_ops.lib.problems import FieldError, Problem, from_django
from groups.models import Group, Permission
from groups.roles.permissions import may
from members.entry.models import Application, ApplicationState, EntryQuestion, QuestionKind
from members.entry.services import (
    Applicant,
    GroupFull,
    application_approve,
    application_make,
    application_reject,
    title_give,
)
from members.models import Member, Membership


class AnswerOut(serializers.Serializer[Any]):
    question = serializers.IntegerField(help_text="Id of the question; it may be gone by now.")
    text = serializers.CharField(help_text="The question as it was asked.")
    answer = serializers.CharField()
    wanted = serializers.BooleanField(required=False, help_text="Missing where any answer will do.")


class ApplicationOut(serializers.ModelSerializer[Application]):
    group = serializers.CharField(source="group.external_id", help_text="External id of the group.")
    member = serializers.CharField(
        source="member.external_id",
        allow_null=True,
        default=None,
        help_text="External id, once it is known.",
    )
    state = serializers.ChoiceField(choices=ApplicationState.choices)
    answers = AnswerOut(many=True)
    fits = serializers.BooleanField(help_text="Every answer is a wanted one.")
    page = serializers.SerializerMethodField(help_text="Address of the applicant's own page.")

    class Meta:
        model = Application
        fields = [
            "id", "group", "name", "contact", "external_id", "member", "referrer", "channel", "answers", "fits",
            "state", "reason", "created_at", "decided_at", "page",
        ]  # fmt: skip
        read_only_fields = fields

    def get_page(self, application: Application) -> str:
        return application.page_url


class ApplicationIn(serializers.Serializer[Any]):
    group = serializers.CharField(max_length=120, help_text="External id of a group that takes applications.")
    name = serializers.CharField(max_length=120)
    contact = serializers.CharField(
        max_length=60, required=False, default="", allow_blank=True, help_text="WeChat id of the applicant."
    )
    external_id = serializers.CharField(
        max_length=120,
        required=False,
        default="",
        allow_blank=True,
        help_text="Who this is in your system: a member with it is linked, or made with it on approval.",
    )
    referrer = serializers.CharField(
        max_length=120, required=False, default="", allow_blank=True, help_text="WeChat id or external id of a member."
    )
    channel = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
    answers = serializers.DictField(
        child=serializers.CharField(max_length=500, allow_blank=True),
        required=False,
        default=dict,
        help_text="Answer by question: its text, or its id.",
    )


class ApproveIn(serializers.Serializer[Any]):
    member = serializers.CharField(
        max_length=120,
        required=False,
        allow_null=True,
        default=None,
        help_text="External id of the member whom the applicant is known to be.",
    )


class RejectIn(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500, help_text="The applicant reads it.")


class QuestionOut(serializers.ModelSerializer[EntryQuestion]):
    group = serializers.CharField(source="group.external_id", help_text="External id of the group.")
    kind = serializers.ChoiceField(choices=QuestionKind.choices)
    choices = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = EntryQuestion
        fields = ["id", "group", "text", "kind", "choices", "required"]
        read_only_fields = fields


class MembershipOut(serializers.ModelSerializer[Membership]):
    group = serializers.CharField(source="group.external_id", help_text="External id of the group.")
    member = serializers.CharField(source="member.external_id", help_text="External id of the member.")
    is_present = serializers.BooleanField(help_text="Whether the member is in the group now.")

    class Meta:
        model = Membership
        fields = [
            "id", "group", "member", "is_present", "joined_at", "last_seen_at", "left_at", "introduced_at", "title",
        ]  # fmt: skip
        read_only_fields = fields


class TitleIn(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=20, allow_blank=True, help_text="One of the group's titles; empty: none.")


GROUP = OpenApiParameter("group", str, description="External id of a group.")
MEMBER = OpenApiParameter("member", str, description="External id of a member.")


def _named(rows: QuerySet[Any], asked: Any, **lookups: str) -> QuerySet[Any]:
    """The rows that the address asks for; a name that cannot exist matches nothing."""
    for name, lookup in lookups.items():
        if (value := asked.get(name)) is not None:
            rows = rows.none() if "\x00" in value else rows.filter(**{lookup: value})
    return rows


def _as_problem(error: DjangoValidationError) -> Problem:
    errors = [
        FieldError(item.pointer.replace("/question_", "/answers/"), item.code, item.message)
        for item in from_django(error)
    ]
    if errors[0].code == "not_open":
        return Problem("not_open", errors[0].message, http_status=409)
    return Problem("invalid", _("Some fields need to be corrected."), errors=errors)


class ApplicationsInReach(generics.GenericAPIView[Application]):
    serializer_class = ApplicationOut

    def get_queryset(self) -> QuerySet[Application]:
        if getattr(self, "swagger_fake_view", False):
            return Application.objects.none()
        visible = Application.objects.visible_to(token_of(self.request).user)
        return visible.select_related("group", "member").order_by("pk")


class ApplicationList(ApplicationsInReach, generics.ListAPIView[Application]):
    scopes = {"GET": Scope.MEMBERS_READ, "POST": Scope.MEMBERS_WRITE}

    def get_queryset(self) -> QuerySet[Application]:
        asked = self.request.query_params
        rows = _named(super().get_queryset(), asked, group="group__external_id", member="member__external_id")
        if (state := asked.get("state")) is not None:
            rows = rows.filter(state=state) if state in ApplicationState.values else rows.none()
        return rows

    @extend_schema(
        summary="List applications",
        parameters=[GROUP, MEMBER, OpenApiParameter("state", str, enum=ApplicationState.values)],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        summary="Apply for a group",
        description="With the answers that the group wants, and a free seat, it may be approved at once.",
        request=ApplicationIn,
        responses={201: ApplicationOut},
    )
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        form = ApplicationIn(data=request.data)
        form.is_valid(raise_exception=True)
        given, user = dict(form.validated_data), token_of(request).user
        group = Group.objects.visible_to(user).filter(external_id=given.pop("group")).first()
        if group is None:
            refused = FieldError("/group", "unknown_group", str(_("No such group within reach.")))
            raise Problem("unknown_group", _("Some fields need to be corrected."), errors=[refused])
        answers = _answers(given.pop("answers"), group)
        try:
            made = application_make(
                group=group, applicant=Applicant(**given, answers=answers), now=timezone.now(), by=user
            )
        except DjangoValidationError as error:
            raise _as_problem(error) from error
        return Response(ApplicationOut(made).data, status=201)


def _answers(given: dict[str, str], group: Group) -> dict[int, str]:
    questions = list(EntryQuestion.objects.filter(group=group))
    known = {question.text: question.pk for question in questions} | {str(row.pk): row.pk for row in questions}
    unknown = [
        FieldError(f"/answers/{name}", "unknown_question", str(_("The group does not ask this.")))
        for name in given
        if name not in known
    ]
    if unknown:
        raise Problem("invalid", _("Some fields need to be corrected."), errors=unknown)
    return {known[name]: answer for name, answer in given.items()}


@extend_schema_view(get=extend_schema(summary="Read an application"))
class ApplicationDetail(ApplicationsInReach, generics.RetrieveAPIView[Application]):
    scopes = {"GET": Scope.MEMBERS_READ}


class ApplicationAct(ApplicationsInReach):
    """A decision. Decided the same way already is as good as decided now; the other way is in conflict."""

    scopes = {"POST": Scope.MEMBERS_WRITE}
    done_when: ApplicationState

    def act(self, application: Application, request: Request) -> bool:
        raise NotImplementedError

    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        application = self.get_object()
        if not may(token_of(request).user, Permission.REVIEW, application.group):
            raise PermissionDenied
        try:
            done = self.act(application, request)
        except GroupFull as error:
            raise Problem("group_full", _("The group has no free seat."), http_status=409) from error
        except DjangoValidationError as error:
            raise _as_problem(error) from error
        application.refresh_from_db()
        if not done and application.state != self.done_when:
            raise Problem("decided_already", _("This application is decided already."), http_status=409)
        return Response(ApplicationOut(application).data)


@extend_schema_view(
    post=extend_schema(summary="Approve an application", request=ApproveIn, responses={200: ApplicationOut})
)
class ApplicationApprove(ApplicationAct):
    done_when = ApplicationState.APPROVED

    def act(self, application: Application, request: Request) -> bool:
        form = ApproveIn(data=request.data or {})
        form.is_valid(raise_exception=True)
        user, name = token_of(request).user, form.validated_data["member"]
        member = Member.objects.visible_to(user).current().filter(external_id=name).first() if name else None
        if name and member is None:
            refused = FieldError("/member", "unknown_member", str(_("No such member within reach.")))
            raise Problem("invalid", _("Some fields need to be corrected."), errors=[refused])
        return application_approve(by=user, now=timezone.now(), application=application, member=member)


@extend_schema_view(
    post=extend_schema(summary="Reject an application", request=RejectIn, responses={200: ApplicationOut})
)
class ApplicationReject(ApplicationAct):
    done_when = ApplicationState.REJECTED

    def act(self, application: Application, request: Request) -> bool:
        form = RejectIn(data=request.data)
        form.is_valid(raise_exception=True)
        return application_reject(
            by=token_of(request).user,
            now=timezone.now(),
            application=application,
            reason=form.validated_data["reason"],
        )


@extend_schema_view(get=extend_schema(summary="List the questions that groups ask", parameters=[GROUP]))
class QuestionList(generics.ListAPIView[EntryQuestion]):
    serializer_class = QuestionOut
    scopes = {"GET": Scope.GROUPS_READ}

    def get_queryset(self) -> QuerySet[EntryQuestion]:
        if getattr(self, "swagger_fake_view", False):
            return EntryQuestion.objects.none()
        groups = Group.objects.visible_to(token_of(self.request).user)
        rows = EntryQuestion.objects.filter(group__in=groups.order_by()).select_related("group").order_by("pk")
        return _named(rows, self.request.query_params, group="group__external_id")


def _memberships(user: User) -> QuerySet[Membership]:
    groups = Group.objects.visible_to(user).order_by()
    return Membership.objects.filter(group__in=groups).select_related("group", "member").order_by("pk")


@extend_schema_view(
    get=extend_schema(
        summary="List memberships",
        description="Who is, or was, in which group: since when, introduced when, with which title.",
        parameters=[GROUP, MEMBER],
    )
)
class MembershipList(generics.ListAPIView[Membership]):
    serializer_class = MembershipOut
    scopes = {"GET": Scope.MEMBERS_READ}

    def get_queryset(self) -> QuerySet[Membership]:
        if getattr(self, "swagger_fake_view", False):
            return Membership.objects.none()
        rows = _memberships(token_of(self.request).user)
        return _named(rows, self.request.query_params, group="group__external_id", member="member__external_id")


class MembershipDetail(generics.RetrieveAPIView[Membership]):
    serializer_class = MembershipOut
    scopes = {"GET": Scope.MEMBERS_READ, "PATCH": Scope.MEMBERS_WRITE}

    def get_queryset(self) -> QuerySet[Membership]:
        if getattr(self, "swagger_fake_view", False):
            return Membership.objects.none()
        return _memberships(token_of(self.request).user)

    @extend_schema(summary="Read a membership")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(summary="Give a title, or take it", request=TitleIn, responses={200: MembershipOut})
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        membership, user = self.get_object(), token_of(request).user
        if not may(user, Permission.REVIEW, membership.group):
            raise PermissionDenied
        form = TitleIn(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            title_give(by=user, group=membership.group, memberships=[membership], title=form.validated_data["title"])
        except DjangoValidationError as error:
            refused = FieldError("/title", "unknown_title", error.messages[0])
            raise Problem("invalid", _("Some fields need to be corrected."), errors=[refused]) from error
        membership.refresh_from_db()
        return Response(MembershipOut(membership).data)
