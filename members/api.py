"""Members, tags and segments for other systems."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction
from django.db.models import Prefetch, QuerySet
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
from groups.models import Grade, Group, Tier
from members.merging.services import CHOSEN, MergeRefused, known_elsewhere, members_merge
from members.models import (
    FieldDefinition,
    JourneyStage,
    Member,
    MemberExport,
    Membership,
    MemberTag,
    Segment,
    Tag,
    TagSource,
)
from members.privacy.services import AlreadyErased, export_request, member_erase
from members.segments.filters import definition_check
from members.segments.selectors import segment_members
from members.segments.services import segment_create
from members.services import MemberGone, member_create, member_update
from members.tags.services import members_tag, members_untag
from members.tasks import enqueue_export

STAGES = [stage.name.lower() for stage in JourneyStage]


class MemberOut(serializers.ModelSerializer[Member]):
    stage = serializers.SerializerMethodField(help_text="The furthest stage of the journey ever reached.")
    tier = serializers.ChoiceField(choices=Tier.choices, read_only=True)
    grade = serializers.CharField(source="grade.name", read_only=True, allow_null=True)
    tags = serializers.SerializerMethodField()
    fields_ = serializers.SerializerMethodField("own_fields", help_text="Own fields, by key.")
    invited_by = serializers.CharField(
        source="invited_by.external_id",
        read_only=True,
        allow_null=True,
        help_text="External id of a member within reach.",
    )

    class Meta:
        model = Member
        fields = [
            "id",
            "external_id",
            "name",
            "stage",
            "tier",
            "identity",
            "grade",
            "contact",
            "no_marketing",
            "tags",
            "fields_",
            "invited_by",
            "first_seen_at",
            "last_seen_at",
            "erased_at",
        ]
        read_only_fields = fields

    def get_fields(self) -> dict[str, Any]:
        # "fields" cannot be the name of an attribute.
        found = super().get_fields()
        return {("fields" if name == "fields_" else name): field for name, field in found.items()}

    @staticmethod
    @extend_schema(responses=serializers.ChoiceField(choices=STAGES))
    def get_stage(member: Member) -> str:
        return JourneyStage(member.stage).name.lower()

    @staticmethod
    def get_tags(member: Member) -> list[str]:
        rows: list[MemberTag] = getattr(member, "seen_tags", [])
        return [row.tag.name for row in rows]

    def own_fields(self, member: Member) -> dict[str, Any]:
        keys: set[str] | None = self.context.get("keys")
        return {key: value for key, value in member.fields.items() if keys is None or key in keys}


class MemberChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    contact = serializers.CharField(max_length=60, required=False, allow_blank=True, help_text="WeChat id.")
    identity = serializers.CharField(max_length=60, required=False, allow_blank=True)
    grade = serializers.CharField(required=False, allow_null=True, help_text="Name of a grade.")
    no_marketing = serializers.BooleanField(required=False)

    def get_fields(self) -> dict[str, Any]:
        own = serializers.DictField(
            child=serializers.JSONField(allow_null=True),
            required=False,
            help_text="Own fields by key; null takes a value away.",
        )
        return {**super().get_fields(), "fields": own}

    def validate_grade(self, name: str | None) -> Grade | None:
        if name is None:
            return None
        grade = None if "\x00" in name else Grade.objects.filter(name=name).first()
        if grade is None:
            raise serializers.ValidationError(_("There is no such grade."), code="unknown_grade")
        return grade

    def values(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """(changes of columns, own fields)."""
        changes = dict(self.validated_data)
        own = changes.pop("fields", None)
        if "grade" in changes:
            grade = changes.pop("grade")
            changes["grade_id"] = grade.pk if grade else None
        return changes, own


class MemberIn(MemberChange):
    external_id = serializers.CharField(max_length=120)
    name = serializers.CharField(max_length=120)


def _own_pointers(error: DjangoValidationError) -> Problem:
    """The services know own fields as "fields.<key>"."""
    errors = [
        FieldError(item.pointer.replace("/fields.", "/fields/", 1), item.code, item.message)
        for item in from_django(error)
    ]
    return Problem("invalid", _("Some fields need to be corrected."), errors=errors)


def _need_admin(user: User) -> None:
    if not user.is_admin:
        raise PermissionDenied


class MembersInReach(generics.GenericAPIView[Member]):
    serializer_class = MemberOut
    scopes = {"GET": Scope.MEMBERS_READ}

    def get_queryset(self) -> QuerySet[Member]:
        if getattr(self, "swagger_fake_view", False):
            return Member.objects.none()
        user = token_of(self.request).user
        tags = (
            MemberTag.objects.filter(tag__in=Tag.objects.visible_to(user)).select_related("tag").order_by("tag__name")
        )
        members = Member.objects.visible_to(user).select_related("grade")
        # Whoever brought a member may be out of reach: then nobody is named.
        inviters = Prefetch("invited_by", Member.objects.visible_to(user))
        return members.prefetch_related(Prefetch("member_tags", tags, to_attr="seen_tags"), inviters).order_by("pk")

    def get_serializer_context(self) -> dict[str, Any]:
        context = dict(super().get_serializer_context())
        if not getattr(self, "swagger_fake_view", False):
            definitions = FieldDefinition.objects.visible_to(token_of(self.request).user)
            context["keys"] = set(definitions.values_list("key", flat=True))
        return context

    def answer(self, pk: int, status: int = 200) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=pk)).data, status=status)


class MemberList(MembersInReach, generics.ListAPIView[Member]):
    scopes = {"GET": Scope.MEMBERS_READ, "POST": Scope.MEMBERS_WRITE}

    def get_queryset(self) -> QuerySet[Member]:
        members = super().get_queryset().current()  # type: ignore[attr-defined]
        asked = {
            name: self.request.query_params[name]
            for name in ("group", "segment", "tag", "external_id")
            if name in self.request.query_params
        }
        user = token_of(self.request).user
        # Names hold no NUL, and PostgreSQL would not even look.
        if any("\x00" in value for value in asked.values()):
            asked = dict.fromkeys(asked, "")
        if "group" in asked:
            group = Group.objects.visible_to(user).filter(external_id=asked["group"]).first()
            if group is None:
                raise Problem("unknown_group", _("No such group within reach."), http_status=404)
            members = members.filter(pk__in=Membership.objects.present().filter(group=group).values("member"))
        if "segment" in asked:
            segment = segment_named(asked["segment"], user)
            members = members.filter(pk__in=segment_members(segment, user=user, now=timezone.now()).values("pk"))
        if "tag" in asked:
            tags = Tag.objects.visible_to(user).filter(name=asked["tag"])
            members = members.filter(pk__in=MemberTag.objects.filter(tag__in=tags).values("member"))
        if "external_id" in asked:
            members = members.filter(external_id=asked["external_id"])
        found: QuerySet[Member] = members
        return found

    @extend_schema(
        summary="List members",
        parameters=[
            OpenApiParameter("group", str, description="External id of a group: only those who are in it now."),
            OpenApiParameter("segment", int, description="Number of a segment."),
            OpenApiParameter("tag", str, description="Name of a tag."),
            OpenApiParameter("external_id", str),
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(summary="Add a member", request=MemberIn, responses={201: MemberOut})
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = token_of(request).user
        if not user.is_headquarters:
            # Somebody without a group belongs to no branch; a branch's members come with their first event.
            raise PermissionDenied
        form = MemberIn(data=request.data)
        form.is_valid(raise_exception=True)
        values, own = form.values()
        try:
            with transaction.atomic():
                member = member_create(by=user, fields=own, **values)
        except DjangoValidationError as error:
            raise _own_pointers(error) from error
        except IntegrityError as error:
            taken = FieldError("/external_id", "unique", str(_("A member with this external id exists.")))
            raise Problem("invalid", _("Some fields need to be corrected."), errors=[taken]) from error
        return self.answer(member.pk, 201)


def segment_named(text: str, user: User) -> Segment:
    """The segment with this number within reach. Raises Problem 404."""
    found = None
    if text.isdecimal() and len(text) < 19:
        found = Segment.objects.visible_to(user).select_related("branch").filter(pk=text).first()
    if found is None:
        raise Problem("unknown_segment", _("No such segment within reach."), http_status=404)
    return found


@extend_schema_view(get=extend_schema(summary="Read a member"))
class MemberDetail(MembersInReach, generics.RetrieveAPIView[Member]):
    scopes = {"GET": Scope.MEMBERS_READ, "PATCH": Scope.MEMBERS_WRITE}

    @extend_schema(summary="Change a member", request=MemberChange(partial=True), responses={200: MemberOut})
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        member = self.get_object()
        form = MemberChange(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changes, own = form.values()
        try:
            member_update(by=token_of(request).user, member=member, changes=changes, fields=own)
        except DjangoValidationError as error:
            raise _own_pointers(error) from error
        except MemberGone as error:
            raise Problem("member_gone", _("This member was merged or erased."), http_status=409) from error
        return self.answer(member.pk)


class TagsIn(serializers.Serializer[Any]):
    put_on = serializers.ListField(child=serializers.CharField(), required=False, max_length=50)
    take_off = serializers.ListField(child=serializers.CharField(), required=False, max_length=50)


class MemberTags(MembersInReach):
    """Puts tags on a member and takes them off, by name."""

    scopes = {"POST": Scope.MEMBERS_WRITE}

    @extend_schema(summary="Put tags on a member, or take them off", request=TagsIn, responses={200: MemberOut})
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = token_of(request).user
        member = self.get_object()
        form = TagsIn(data=request.data)
        form.is_valid(raise_exception=True)
        known = {tag.name: tag for tag in Tag.objects.visible_to(user).by_hand()}
        errors = [
            FieldError(f"/{part}/{index}", "unknown_tag", str(_("No such tag within reach, or it has a rule.")))
            for part in ("put_on", "take_off")
            for index, name in enumerate(form.validated_data.get(part, ()))
            if name not in known
        ]
        if errors:
            raise Problem("invalid", _("Some fields need to be corrected."), errors=errors)
        with transaction.atomic():
            for name in form.validated_data.get("put_on", ()):
                members_tag(by=user, now=timezone.now(), tag=known[name], members=[member], source=TagSource.API)
            for name in form.validated_data.get("take_off", ()):
                members_untag(by=user, tag=known[name], members=[member])
        return self.answer(member.pk)


class MergeIn(serializers.Serializer[Any]):
    other = serializers.CharField(help_text="External id of the member who becomes part of this one.")
    keep = serializers.DictField(
        child=serializers.ChoiceField(choices=["winner", "loser"]),
        required=False,
        help_text=f"Whose value stays, by name: {', '.join(CHOSEN)}, fields.<key>.",
    )


class MergeOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    member = serializers.CharField(source="winner.external_id")
    merged = serializers.CharField(source="loser.external_id")


class MemberMerge(MembersInReach):
    scopes = {"POST": Scope.MEMBERS_WRITE}

    @extend_schema(summary="Merge another member into this one", request=MergeIn, responses={201: MergeOut})
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = token_of(request).user
        winner = self.get_object()
        _need_admin(user)
        form = MergeIn(data=request.data)
        form.is_valid(raise_exception=True)
        name = form.validated_data["other"]
        loser = Member.objects.visible_to(user).filter(external_id=name).first()
        if loser is None:
            raise Problem("unknown_member", _("No such member within reach."), http_status=404)
        try:
            run = members_merge(
                by=user, now=timezone.now(), winner=winner, loser=loser, chosen=form.validated_data.get("keep")
            )
        except MergeRefused as refused:
            raise Problem("merge_refused", str(refused), http_status=409) from refused
        return Response(MergeOut(run).data, status=201)


class EraseIn(serializers.Serializer[Any]):
    confirm = serializers.CharField(help_text="The member's external id once more: there is no undo.")


class MemberErase(MembersInReach):
    scopes = {"POST": Scope.MEMBERS_WRITE}

    @extend_schema(
        summary="Erase a member",
        description="Counts stay; the person cannot come back by events or imports (code `erased_member`).",
        request=EraseIn,
        responses={200: MemberOut},
    )
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = token_of(request).user
        member = self.get_object()
        _need_admin(user)
        if known_elsewhere(member, user=user):
            raise PermissionDenied
        form = EraseIn(data=request.data)
        form.is_valid(raise_exception=True)
        if form.validated_data["confirm"] != member.external_id:
            wrong = FieldError("/confirm", "mismatch", str(_("This is not the member's external id.")))
            raise Problem("invalid", _("Some fields need to be corrected."), errors=[wrong])
        try:
            member_erase(by=user, now=timezone.now(), member=member)
        except AlreadyErased as error:
            raise Problem("member_gone", _("This member was merged or erased."), http_status=409) from error
        return self.answer(member.pk)


class ExportOut(serializers.ModelSerializer[MemberExport]):
    class Meta:
        model = MemberExport
        fields = ["id", "state", "created_at", "ready_at"]
        read_only_fields = fields


class MemberCopies(MembersInReach):
    scopes = {"POST": Scope.MEMBERS_WRITE}

    @extend_schema(
        summary="Ask for a copy of everything held about a member",
        description="It is made in the background; the token's owner downloads it from the member's page.",
        request=None,
        responses={201: ExportOut},
    )
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        member = self.get_object()
        _need_admin(token_of(request).user)
        if known_elsewhere(member, user=token_of(request).user):
            raise PermissionDenied
        export = export_request(by=token_of(request).user, now=timezone.now(), member=member)
        transaction.on_commit(lambda: enqueue_export(export.pk))
        return Response(ExportOut(export).data, status=201)


class SegmentOut(serializers.ModelSerializer[Segment]):
    branch = serializers.CharField(
        source="branch.code", read_only=True, allow_null=True, help_text="Code of the branch; null is shared."
    )
    definition = serializers.JSONField(read_only=True)

    class Meta:
        model = Segment
        fields = ["id", "name", "branch", "definition", "created_at"]
        read_only_fields = fields


class SegmentIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)
    definition = serializers.JSONField(
        help_text='Conditions, as {"all": [{"field": "tier", "op": "in", "value": ["senior"]}]}; see the manual.'
    )


class SegmentList(generics.ListAPIView[Segment]):
    serializer_class = SegmentOut
    scopes = {"GET": Scope.MEMBERS_READ, "POST": Scope.MEMBERS_WRITE}

    def get_queryset(self) -> QuerySet[Segment]:
        if getattr(self, "swagger_fake_view", False):
            return Segment.objects.none()
        return Segment.objects.visible_to(token_of(self.request).user).select_related("branch").order_by("pk")

    @extend_schema(summary="List segments")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(summary="Make a segment", request=SegmentIn, responses={201: SegmentOut})
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = token_of(request).user
        form = SegmentIn(data=request.data)
        form.is_valid(raise_exception=True)
        definition = form.validated_data["definition"]
        problems = definition_check(definition, user=user)
        if problems:
            errors = [FieldError(f"/definition{item.path}", item.code, item.message) for item in problems]
            raise Problem("invalid", _("Some fields need to be corrected."), errors=errors)
        segment = segment_create(by=user, now=timezone.now(), name=form.validated_data["name"], definition=definition)
        return Response(SegmentOut(segment).data, status=201)


class SegmentSize(serializers.Serializer[Any]):
    members = serializers.IntegerField(help_text="How many members it holds now, of those the token's owner may see.")


class SegmentCountNow(APIView):
    scopes = {"GET": Scope.MEMBERS_READ}

    @extend_schema(summary="Count a segment", responses=SegmentSize)
    def get(self, request: Request, pk: int) -> Response:
        user = token_of(request).user
        segment = segment_named(str(pk), user)
        return Response({"members": segment_members(segment, user=user, now=timezone.now()).count()})
