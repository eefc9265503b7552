"""Groups for other systems."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_auth import Scope, token_of
from accounts.idempotency import idempotent
from accounts.models import Branch
from community_ops.lib.problems import FieldError, Problem, from_django
from delivery.models import Kind
from delivery.services import destination_create
from groups.models import Group, GroupState
from groups.services import POSITIONING, group_create, group_update


class DestinationIn(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Kind.choices, default=Kind.INAPP)
    url = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)
    secret = serializers.CharField(
        max_length=500,
        required=False,
        default="",
        allow_blank=True,
        write_only=True,
        help_text="`whsec_` and base64; made when it is missing.",
    )


class DestinationOut(serializers.Serializer[Any]):
    kind = serializers.CharField()
    url = serializers.CharField()
    disabled_at = serializers.DateTimeField(allow_null=True)


class GroupOut(serializers.ModelSerializer[Group]):
    branch = serializers.CharField(
        source="branch.code", read_only=True, allow_null=True, help_text="Code of the branch; null is headquarters."
    )
    motivation = serializers.CharField(read_only=True, help_text="Empty while it is not decided.")
    community_type = serializers.CharField(read_only=True, help_text="Empty while it is not decided.")
    delivery = DestinationOut(source="destination", allow_null=True, read_only=True)

    class Meta:
        model = Group
        fields = [
            "id",
            "external_id",
            "name",
            "branch",
            "state",
            *POSITIONING,
            "capacity",
            "delivery",
            "member_count",
            "active_7d",
            "messages_7d",
            "last_event_at",
            "opened_at",
            "created_at",
        ]
        read_only_fields = fields


class GroupChange(serializers.ModelSerializer[Group]):
    class Meta:
        model = Group
        fields = ["name", *POSITIONING, "capacity"]
        extra_kwargs = {"capacity": {"min_value": 1, "max_value": 32767}}


class GroupIn(GroupChange):
    branch = serializers.CharField(required=False, allow_null=True, help_text="Code of a branch; yours if missing.")
    delivery = DestinationIn(required=False, allow_null=True)

    class Meta(GroupChange.Meta):
        fields = ["external_id", "branch", "delivery", *GroupChange.Meta.fields]

    def validate_branch(self, code: str | None) -> Branch | None:
        user = self.context["request"].user
        if code is None:
            return None
        branch = Branch.objects.visible_to(user).filter(code=code).first()
        if branch is None:
            raise serializers.ValidationError(_("No such branch within reach."), code="unknown_branch")
        return branch


class GroupsInReach(generics.GenericAPIView[Group]):
    serializer_class = GroupOut

    def get_queryset(self) -> QuerySet[Group]:
        if getattr(self, "swagger_fake_view", False):
            return Group.objects.none()
        groups = Group.objects.visible_to(token_of(self.request).user)
        return groups.select_related("branch", "destination").order_by("pk")


class GroupList(GroupsInReach, generics.ListAPIView[Group]):
    scopes = {"GET": Scope.GROUPS_READ, "POST": Scope.GROUPS_WRITE}

    def get_queryset(self) -> QuerySet[Group]:
        groups = super().get_queryset()
        state = self.request.query_params.get("state")
        external_id = self.request.query_params.get("external_id")
        if state is not None:
            groups = groups.filter(state=state) if state in GroupState.values else groups.none()
        if external_id is not None:
            groups = groups.none() if "\x00" in external_id else groups.filter(external_id=external_id)
        return groups

    @extend_schema(
        summary="List groups",
        parameters=[
            OpenApiParameter("state", str, enum=GroupState.values),
            OpenApiParameter("external_id", str),
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(summary="Make a group", request=GroupIn, responses={201: GroupOut})
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        form = GroupIn(data=request.data, context=self.get_serializer_context())
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        user = token_of(request).user
        delivery = fields.pop("delivery", None)
        # Staff of a branch make groups of their branch; only headquarters may leave it open.
        fields["branch"] = fields.get("branch") or user.branch
        try:
            with transaction.atomic():
                if delivery:
                    fields["destination"] = _destination(delivery)
                group = group_create(by=user, now=timezone.now(), **fields)
        except IntegrityError as error:
            taken = FieldError("/external_id", "unique", str(_("A group with this external id exists.")))
            raise Problem("invalid", _("Some fields need to be corrected."), errors=[taken]) from error
        return Response(GroupOut(group).data, status=201)


def _destination(delivery: dict[str, Any]) -> Any:
    try:
        return destination_create(**delivery)
    except DjangoValidationError as error:
        errors = [FieldError(f"/delivery{item.pointer}", item.code, item.message) for item in from_django(error)]
        raise Problem("invalid", _("Some fields need to be corrected."), errors=errors) from error


@extend_schema_view(get=extend_schema(summary="Read a group"))
class GroupDetail(GroupsInReach, generics.RetrieveAPIView[Group]):
    scopes = {"GET": Scope.GROUPS_READ, "PATCH": Scope.GROUPS_WRITE}

    @extend_schema(summary="Change a group", request=GroupChange(partial=True), responses={200: GroupOut})
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        group = self.get_object()
        form = GroupChange(group, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changes = dict(form.validated_data)
        group_update(by=token_of(request).user, now=timezone.now(), group=group, changes=changes)
        return Response(GroupOut(group).data)
