"""Groups for other systems."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
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
from groups.models import CommunityType, Grade, Group, GroupState, HealthStage, Motivation, RuleSet, Tier
from groups.services import AUDIENCE, POSITIONING, group_create, group_tags_set, group_update


class DestinationIn(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Kind.choices, default=Kind.INAPP)
    url = serializers.CharField(
        max_length=500,
        required=False,
        default="",
        allow_blank=True,
        help_text="Of a robot: its address as WeCom shows it. Only its key is kept, encrypted, and never given back.",
    )
    secret = serializers.CharField(
        max_length=500,
        required=False,
        default="",
        allow_blank=True,
        write_only=True,
        help_text="Of a webhook: `whsec_` and base64; made when it is missing. Of a robot: its key.",
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
    audience_tier = serializers.CharField(read_only=True, help_text="Empty: every tier.")
    audience_grade = serializers.CharField(source="audience_grade.name", read_only=True, allow_null=True)
    rule_set = serializers.CharField(
        source="rule_set.name", read_only=True, allow_null=True, help_text="Name of the rules; null is none."
    )
    tags: Any = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)
    stage = serializers.CharField(read_only=True, help_text="Empty while it is not known.")

    class Meta:
        model = Group
        fields = [
            "id",
            "external_id",
            "name",
            "branch",
            "state",
            *POSITIONING,
            *AUDIENCE,
            "rule_set",
            "tags",
            "keeps_messages",
            "capacity",
            "delivery",
            "member_count",
            "active_7d",
            "messages_7d",
            "last_event_at",
            "stage",
            "stage_since",
            "noise",
            "opened_at",
            "created_at",
        ]
        read_only_fields = fields


class GroupChange(serializers.ModelSerializer[Group]):
    audience_grade = serializers.SlugRelatedField(
        slug_field="name", queryset=Grade.objects.all(), required=False, allow_null=True, help_text="Name of a grade."
    )
    rule_set = serializers.CharField(
        required=False, allow_null=True, max_length=80, help_text="Name of the rules to follow; null takes them away."
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=40),
        max_length=50,
        required=False,
        help_text="Names; they take the place of the tags it has. New ones are made.",
    )

    class Meta:
        model = Group
        fields = ["name", *POSITIONING, *AUDIENCE, "rule_set", "tags", "keeps_messages", "capacity"]
        extra_kwargs = {"capacity": {"min_value": 1, "max_value": 32767}}

    def validate_rule_set(self, name: str | None) -> RuleSet | None:
        if name is None:
            return None
        # The rules of the branch come before shared ones of the same name.
        known = RuleSet.objects.visible_to(self.context["request"].user).in_use().filter(name=name)
        found = known.order_by(F("branch_id").desc(nulls_last=True)).first()
        if found is None:
            raise serializers.ValidationError(_("There are no such rules within reach."), code="unknown_rule_set")
        return found


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
        return (
            groups.select_related("branch", "destination", "rule_set", "audience_grade")
            .prefetch_related("tags")
            .order_by("pk")
        )


# What the list can be narrowed by: the field, and the values that are known (none: any text).
FILTERS: dict[str, tuple[str, list[str]]] = {
    "state": ("state", GroupState.values),
    "external_id": ("external_id", []),
    "branch": ("branch__code", []),
    "motivation": ("motivation", Motivation.values),
    "community_type": ("community_type", CommunityType.values),
    "stage": ("stage", HealthStage.values),
    "tag": ("tags__name", []),
    "rule_set": ("rule_set__name", []),
    "audience_tier": ("audience_tier", Tier.values),
    "audience_identity": ("audience_identity", []),
    "audience_grade": ("audience_grade__name", []),
}


class GroupList(GroupsInReach, generics.ListAPIView[Group]):
    scopes = {"GET": Scope.GROUPS_READ, "POST": Scope.GROUPS_WRITE}

    def get_queryset(self) -> QuerySet[Group]:
        groups = super().get_queryset()
        asked = self.request.query_params
        for name, (path, known) in FILTERS.items():
            value = asked.get(name)
            if value is None:
                continue
            if "\x00" in value or (known and value not in known):
                return groups.none()
            groups = groups.filter(**{path: value})
        return groups

    @extend_schema(
        summary="List groups",
        description="Each parameter narrows the list; a value that is not known leaves nothing.",
        parameters=[OpenApiParameter(name, str, enum=known or None) for name, (_path, known) in FILTERS.items()],
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
        form = GroupChange(group, data=request.data, partial=True, context=self.get_serializer_context())
        form.is_valid(raise_exception=True)
        changes = dict(form.validated_data)
        user = token_of(request).user
        tags = changes.pop("tags", None)
        with transaction.atomic():
            group_update(by=user, now=timezone.now(), group=group, changes=changes)
            if tags is not None:
                group_tags_set(by=user, group=group, names=tags)
        # Read again: what was loaded before still holds the old tags.
        return Response(GroupOut(self.get_object()).data)
