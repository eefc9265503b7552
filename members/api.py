"""Members for other systems."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, serializers

from accounts.api_auth import Scope, token_of
from community_ops.lib.problems import Problem
from groups.models import Group
from members.models import JourneyStage, Member, Membership


class MemberOut(serializers.ModelSerializer[Member]):
    stage = serializers.SerializerMethodField(help_text="The furthest stage of the journey ever reached.")

    class Meta:
        model = Member
        fields = ["id", "external_id", "name", "stage", "first_seen_at", "last_seen_at"]
        read_only_fields = fields

    @staticmethod
    @extend_schema(responses=serializers.ChoiceField(choices=[stage.name.lower() for stage in JourneyStage]))
    def get_stage(member: Member) -> str:
        return JourneyStage(member.stage).name.lower()


class MembersInReach(generics.GenericAPIView[Member]):
    serializer_class = MemberOut
    scopes = {"GET": Scope.MEMBERS_READ}

    def get_queryset(self) -> QuerySet[Member]:
        if getattr(self, "swagger_fake_view", False):
            return Member.objects.none()
        return Member.objects.visible_to(token_of(self.request).user).order_by("pk")


@extend_schema_view(
    get=extend_schema(
        summary="List members",
        parameters=[
            OpenApiParameter("group", str, description="External id of a group: only those who are in it now.")
        ],
    )
)
class MemberList(MembersInReach, generics.ListAPIView[Member]):
    def get_queryset(self) -> QuerySet[Member]:
        members = super().get_queryset()
        asked = self.request.query_params.get("group")
        if asked is None:
            return members
        # Names hold no NUL, and PostgreSQL would not even look.
        groups = Group.objects.visible_to(token_of(self.request).user)
        group = None if "\x00" in asked else groups.filter(external_id=asked).first()
        if group is None:
            raise Problem("unknown_group", _("No such group within reach."), http_status=404)
        return members.filter(pk__in=Membership.objects.present().filter(group=group).values("member"))


@extend_schema_view(get=extend_schema(summary="Read a member"))
class MemberDetail(MembersInReach, generics.RetrieveAPIView[Member]):
    pass
