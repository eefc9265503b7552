"""Violations and acknowledgements for other systems."""

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
from rest_framework.views import APIView

from accounts.api_auth import Scope, token_of
from accounts.idempotency import idempotent
from accounts.models import User
from community_ops.lib.problems import FieldError, Problem, from_django
from groups.models import Group, Permission, Rule
from groups.roles.permissions import may
from members.conduct.acknowledgements import rules_acknowledge, version_in_force
from members.conduct.judging import MAX_TEXT
from members.conduct.models import AcknowledgedBy, MessageType, Source, Violation, ViolationState
from members.conduct.services import (
    SamePerson,
    appeal_decide,
    appeal_make,
    violation_confirm,
    violation_dismiss,
    violation_record,
)
from members.models import Member, Membership


class ViolationHitOut(serializers.Serializer[Any]):
    rule = serializers.CharField(help_text="Code of the rule.")
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    detail = serializers.CharField(help_text="By what: the keyword, the domain, ...")


class AppealOut(serializers.Serializer[Any]):
    text = serializers.CharField()
    at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()


class ViolationOut(serializers.ModelSerializer[Violation]):
    member = serializers.CharField(source="member.external_id", help_text="External id of the member.")
    group = serializers.CharField(source="group.external_id", help_text="External id of the group.")
    rule = serializers.CharField(source="rule.code", help_text="Code of the rule that leads.")
    rule_text = serializers.CharField(source="rule.text")
    reporter = serializers.CharField(
        source="reporter.external_id", allow_null=True, default=None, help_text="External id of who reported it."
    )
    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]
    state = serializers.ChoiceField(choices=ViolationState.choices)
    action = serializers.CharField(help_text="What is due: remind, warn, mute, remove; empty when nothing is.")
    text = serializers.CharField(help_text="The evidence; empty once it is erased.")
    hits = ViolationHitOut(many=True)
    appeal = AppealOut(allow_null=True, default=None)

    class Meta:
        model = Violation
        fields = [
            "id",
            "member",
            "group",
            "rule",
            "rule_text",
            "source",
            "reporter",
            "state",
            "action",
            "strikes",
            "strike_until",
            "at",
            "text",
            "hits",
            "decided_at",
            "note",
            "appeal",
        ]
        read_only_fields = fields


class ViolationIn(serializers.Serializer[Any]):
    member = serializers.CharField(max_length=120, help_text="External id of who broke the rule.")
    group = serializers.CharField(max_length=120, help_text="External id of the group.")
    rule = serializers.CharField(max_length=40, help_text="Code of a rule of the version in force.")
    at = serializers.DateTimeField(required=False, help_text="Now if missing.")
    type = serializers.ChoiceField(choices=MessageType.choices, default=MessageType.TEXT)
    text = serializers.CharField(max_length=MAX_TEXT, required=False, default="", allow_blank=True)
    reporter = serializers.CharField(
        max_length=120,
        required=False,
        allow_null=True,
        default=None,
        help_text="External id of the member who reports it: it counts once it is confirmed. Without it you saw it "
        "yourself, and it counts at once.",
    )


class NoteIn(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class AppealIn(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=1000)


class AppealDecisionIn(serializers.Serializer[Any]):
    overturned = serializers.BooleanField()
    reason = serializers.CharField(max_length=500, help_text="The member reads it.")


class AcknowledgementIn(serializers.Serializer[Any]):
    member = serializers.CharField(max_length=120, help_text="External id of the member.")
    group = serializers.CharField(max_length=120, help_text="External id of the group.")


class AcknowledgementOut(serializers.Serializer[Any]):
    member = serializers.CharField()
    group = serializers.CharField()
    version = serializers.IntegerField(help_text="Number of the version that was read.")
    is_new = serializers.BooleanField(help_text="False when it was known.")


def _invalid(pointer: str, code: str, message: Any) -> Problem:
    detail = _("Some fields need to be corrected.")
    return Problem("invalid", detail, errors=[FieldError(pointer, code, str(message))])


def _group(name: str, user: User) -> Group:
    group = Group.objects.visible_to(user).select_related("branch").filter(external_id=name).first()
    if group is None:
        raise _invalid("/group", "unknown_group", _("No such group within reach."))
    return group


def _member(name: str, user: User, pointer: str = "/member") -> Member:
    member = Member.objects.visible_to(user).filter(external_id=name).first()
    if member is None:
        raise _invalid(pointer, "unknown_member", _("No such member within reach."))
    return member


class ViolationsInReach(generics.GenericAPIView[Violation]):
    serializer_class = ViolationOut

    def get_queryset(self) -> QuerySet[Violation]:
        if getattr(self, "swagger_fake_view", False):
            return Violation.objects.none()
        rows = Violation.objects.visible_to(token_of(self.request).user)
        return rows.select_related("member", "group__branch", "rule__version", "reporter", "appeal").order_by("pk")


class ViolationList(ViolationsInReach, generics.ListAPIView[Violation]):
    scopes = {"GET": Scope.MEMBERS_READ, "POST": Scope.MEMBERS_WRITE}

    def get_queryset(self) -> QuerySet[Violation]:
        rows = super().get_queryset()
        asked = self.request.query_params
        for name, field in (("group", "group__external_id"), ("member", "member__external_id")):
            if (value := asked.get(name)) is not None:
                rows = rows.none() if "\x00" in value else rows.filter(**{field: value})
        if (state := asked.get("state")) is not None:
            rows = rows.filter(state=state) if state in ViolationState.values else rows.none()
        return rows

    @extend_schema(
        summary="List violations",
        parameters=[
            OpenApiParameter("group", str, description="External id of a group."),
            OpenApiParameter("member", str, description="External id of a member."),
            OpenApiParameter("state", str, enum=ViolationState.values),
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(summary="Report or record a violation", request=ViolationIn, responses={201: ViolationOut})
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        form = ViolationIn(data=request.data)
        form.is_valid(raise_exception=True)
        values, user, now = form.validated_data, token_of(request).user, timezone.now()
        group = _group(values["group"], user)
        reporter = _member(values["reporter"], user, "/reporter") if values["reporter"] else None
        if reporter is None and not may(user, Permission.MODERATE, group):
            raise PermissionDenied
        rule = (
            Rule.objects.select_related("version")
            .filter(version__rule_set_id=group.rule_set_id, version__state="published", code=values["rule"])
            .first()
        )
        if rule is None:
            raise _invalid("/rule", "unknown_rule", _("The rules of this group have no such rule."))
        violation = violation_record(
            by=user,
            now=now,
            member=_member(values["member"], user),
            group=group,
            rule=rule,
            at=values.get("at") or now,
            text=values["text"],
            message_type=values["type"],
            reporter=reporter,
        )
        return Response(ViolationOut(violation).data, status=201)


@extend_schema_view(get=extend_schema(summary="Read a violation"))
class ViolationDetail(ViolationsInReach, generics.RetrieveAPIView[Violation]):
    scopes = {"GET": Scope.MEMBERS_READ}


class ViolationAct(ViolationsInReach):
    """Something done to a violation by somebody who may moderate its group. What was decided already is in conflict."""

    scopes = {"POST": Scope.MEMBERS_WRITE}
    form: type[serializers.Serializer[Any]] = NoteIn

    def act(self, user: User, violation: Violation, values: dict[str, Any]) -> bool:
        raise NotImplementedError

    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        violation, user = self.get_object(), token_of(request).user
        if not may(user, Permission.MODERATE, violation.group):
            raise PermissionDenied
        form = self.form(data=request.data)
        form.is_valid(raise_exception=True)
        if not self.act(user, violation, form.validated_data):
            raise Problem("already_decided", _("Somebody else has decided this already."), http_status=409)
        return Response(ViolationOut(self.get_object()).data)


@extend_schema_view(post=extend_schema(summary="Confirm a violation", request=NoteIn, responses={200: ViolationOut}))
class ViolationConfirm(ViolationAct):
    def act(self, user: User, violation: Violation, values: dict[str, Any]) -> bool:
        return violation_confirm(by=user, now=timezone.now(), violation=violation, note=values["note"])


@extend_schema_view(post=extend_schema(summary="Dismiss a violation", request=NoteIn, responses={200: ViolationOut}))
class ViolationDismiss(ViolationAct):
    def act(self, user: User, violation: Violation, values: dict[str, Any]) -> bool:
        return violation_dismiss(by=user, now=timezone.now(), violation=violation, note=values["note"])


@extend_schema_view(
    post=extend_schema(summary="Record a member's appeal", request=AppealIn, responses={200: ViolationOut})
)
class ViolationAppeal(ViolationAct):
    form = AppealIn

    def act(self, user: User, violation: Violation, values: dict[str, Any]) -> bool:
        try:
            appeal_make(by=user, now=timezone.now(), violation=violation, text=values["text"])
        except DjangoValidationError as error:
            raise Problem("not_appealable", from_django(error)[0].message, http_status=409) from error
        return True


@extend_schema_view(
    post=extend_schema(summary="Decide on an appeal", request=AppealDecisionIn, responses={200: ViolationOut})
)
class ViolationSettle(ViolationAct):
    form = AppealDecisionIn

    def act(self, user: User, violation: Violation, values: dict[str, Any]) -> bool:
        try:
            return appeal_decide(by=user, now=timezone.now(), violation=violation, **values)
        except SamePerson as error:
            raise Problem(
                "own_judgement",
                _("You confirmed this violation yourself. Somebody else decides on the appeal."),
                http_status=409,
            ) from error


class AcknowledgementView(APIView):
    scopes = {"POST": Scope.MEMBERS_WRITE}

    @extend_schema(
        operation_id="acknowledgements_create",
        summary="Say that a member has read the rules",
        request=AcknowledgementIn,
        responses={200: AcknowledgementOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        form = AcknowledgementIn(data=request.data)
        form.is_valid(raise_exception=True)
        user = token_of(request).user
        group, member = _group(form.validated_data["group"], user), _member(form.validated_data["member"], user)
        if not may(user, Permission.MODERATE, group):
            raise PermissionDenied
        membership = Membership.objects.select_related("member").filter(member=member, group=group).first()
        if membership is None or not membership.is_present:
            raise _invalid("/member", "not_in_group", _("This member is not in the group."))
        membership.group = group
        version = version_in_force(group)
        if version is None:
            raise _invalid("/group", "no_rules", _("This group has no rules in force."))
        is_new = rules_acknowledge(by=user, now=timezone.now(), membership=membership, source=AcknowledgedBy.API)
        return Response(
            {"member": member.external_id, "group": group.external_id, "version": version.number, "is_new": is_new}
        )
