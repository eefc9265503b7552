"""Roles in a group for other systems: those of staff and those of members."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_auth import Scope, token_of
from accounts.idempotency import idempotent
from accounts.models import User
from community_ops.lib.problems import FieldError, Problem, from_django
from groups.models import Group
from groups.roles.models import GroupRole, Permission, StaffRole
from groups.roles.permissions import may, may_name_staff
from groups.roles.services import staff_role_grant
from members.models import Member, Membership
from members.roles.models import MemberRole
from members.roles.selectors import roles_held
from members.roles.services import member_role_grant


class RoleOut(serializers.Serializer[Any]):
    id = serializers.IntegerField(help_text="Unique among the roles of staff, and among those of members.")
    role = serializers.ChoiceField(choices=GroupRole.values)
    user = serializers.CharField(allow_null=True, help_text="User name of staff; null for a member's role.")
    member = serializers.CharField(allow_null=True, help_text="External id of a member; null for a role of staff.")
    since = serializers.DateTimeField()


class RoleIn(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=GroupRole.values)
    user = serializers.CharField(
        required=False, max_length=150, help_text="User name of staff who becomes owner or administrator."
    )
    member = serializers.CharField(required=False, max_length=120, help_text="External id of a member in the group.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("user" in attrs) == ("member" in attrs):
            raise serializers.ValidationError(_("Give either user or member."), code="one_holder")
        return attrs


ROLES = inline_serializer(
    "GroupRoles",
    {"results": RoleOut(many=True), "next": serializers.CharField(allow_null=True, help_text="Always null.")},
)


class GroupRoles(generics.GenericAPIView[Group]):
    scopes = {"GET": Scope.GROUPS_READ, "POST": Scope.GROUPS_WRITE}
    serializer_class = RoleOut
    pagination_class = None

    def get_queryset(self) -> QuerySet[Group]:
        if getattr(self, "swagger_fake_view", False):
            return Group.objects.none()
        return Group.objects.visible_to(token_of(self.request).user)

    @extend_schema(summary="List the roles in a group", responses={200: OpenApiResponse(ROLES)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        group = self.get_object()
        staff = StaffRole.objects.filter(group=group).select_related("user").order_by("pk")
        rows = [*map(_of_staff, staff), *map(_of_member, roles_held(group))]
        return Response({"results": RoleOut(rows, many=True).data, "next": None})

    @extend_schema(summary="Give a role in a group", request=RoleIn, responses={201: RoleOut})
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        group = self.get_object()
        form = RoleIn(data=request.data)
        form.is_valid(raise_exception=True)
        given, by = form.validated_data, token_of(request).user
        try:
            if "user" in given:
                if not may_name_staff(by, group):
                    raise Problem("not_permitted", _("You may not name staff in this group."), http_status=403)
                person = User.objects.visible_to(by).filter(username=given["user"]).first()
                if person is None:
                    raise _unknown("user", _("No such person within reach."))
                row = _of_staff(
                    staff_role_grant(by=by, now=timezone.now(), group=group, user=person, role=given["role"])
                )
            else:
                if not may(by, Permission.REVIEW, group):
                    raise Problem("not_permitted", _("You may not review members of this group."), http_status=403)
                row = _of_member(_give(by, group, given))
        except DjangoValidationError as error:
            raise Problem("invalid", _("Some fields need to be corrected."), errors=from_django(error)) from error
        return Response(RoleOut(row).data, status=201)


def _give(by: User, group: Group, given: dict[str, Any]) -> MemberRole:
    member = None if "\x00" in given["member"] else Member.objects.filter(external_id=given["member"]).first()
    membership = Membership.objects.filter(group=group, member=member).first() if member else None
    if membership is None:
        raise _unknown("member", _("Nobody in this group is called so."))
    return member_role_grant(by=by, now=timezone.now(), membership=membership, role=given["role"])


def _unknown(field: str, text: Any) -> Problem:
    error = FieldError(f"/{field}", f"unknown_{field}", str(text))
    return Problem("invalid", _("Some fields need to be corrected."), errors=[error])


def _of_staff(row: StaffRole) -> dict[str, Any]:
    return {"id": row.pk, "role": row.role, "user": row.user.username, "member": None, "since": row.since}


def _of_member(row: MemberRole) -> dict[str, Any]:
    return {
        "id": row.pk,
        "role": row.role,
        "user": None,
        "member": row.membership.member.external_id,
        "since": row.since,
    }
