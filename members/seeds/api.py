"""Seed users for other systems."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api_auth import Scope, token_of
from accounts.idempotency import idempotent
from accounts.policies import policy_get
from community_ops.lib.problems import FieldError, Problem, from_django
from members.models import Member, SeedProfile, SeedStage, SeedUser
from members.seeds.criteria import BY_KEY, REPORTED, SeedPolicy, explain
from members.seeds.services import MovedMeanwhile, seed_move, seed_report, seeds_add


class SeedPart(serializers.Serializer[Any]):
    """What one criterion adds to a score."""

    criterion = serializers.ChoiceField(choices=list(BY_KEY))
    value = serializers.IntegerField(allow_null=True, help_text="Null while nobody asked the member.")
    points = serializers.FloatField(allow_null=True)
    weight = serializers.IntegerField()
    full_marks_at = serializers.IntegerField()


class SeedUserOut(serializers.ModelSerializer[SeedUser]):
    member = serializers.CharField(source="member.external_id", read_only=True, help_text="External id of the member.")
    name = serializers.CharField(source="member.name", read_only=True)
    programme = serializers.CharField(
        source="branch.code", read_only=True, allow_null=True, help_text="Code of the branch; null: whole community."
    )
    group = serializers.CharField(
        source="group.external_id", read_only=True, allow_null=True, help_text="External id of the group they act in."
    )
    owner = serializers.CharField(source="owner.username", read_only=True, allow_null=True)
    score = serializers.SerializerMethodField(help_text="0 to 100; null while nothing is known.")
    certainty = serializers.SerializerMethodField(help_text="Percent of the criteria's weight that is known.")
    explanation = serializers.SerializerMethodField()

    class Meta:
        model = SeedUser
        fields = [
            "id",
            "member",
            "name",
            "programme",
            "stage",
            "stage_since",
            "group",
            "owner",
            "next_step",
            "score",
            "certainty",
            "explanation",
            "created_at",
            "accepted_at",
            "ended_at",
        ]
        read_only_fields = fields

    @staticmethod
    def _profile(seed: SeedUser) -> SeedProfile | None:
        return getattr(seed.member, "seed_profile", None)

    def get_score(self, seed: SeedUser) -> float | None:
        profile = self._profile(seed)
        return profile.score if profile else None

    def get_certainty(self, seed: SeedUser) -> int | None:
        profile = self._profile(seed)
        return profile.certainty if profile else None

    @extend_schema_field(SeedPart(many=True))
    def get_explanation(self, seed: SeedUser) -> list[dict[str, Any]]:
        profile = self._profile(seed)
        if profile is None:
            return []
        policy = self.context.get("policy") or policy_get(SeedPolicy)
        return [
            {
                "criterion": part.criterion.key,
                "value": part.value,
                "points": part.points,
                "weight": part.weight,
                "full_marks_at": part.full,
            }
            for part in explain(profile, policy).parts
        ]


class SeedUserIn(serializers.Serializer[Any]):
    member = serializers.CharField(max_length=120, help_text="External id of the member.")


class SeedMoveIn(serializers.Serializer[Any]):
    to = serializers.ChoiceField(choices=SeedStage.choices)
    expected = serializers.ChoiceField(
        choices=SeedStage.choices,
        required=False,
        help_text="The stage you saw; another one there: 409 `moved_meanwhile`.",
    )
    note = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class AnswersOut(serializers.ModelSerializer[SeedProfile]):
    class Meta:
        model = SeedProfile
        fields = [*REPORTED, "score", "certainty"]
        read_only_fields = ["score", "certainty"]
        extra_kwargs = {"audience": {"max_value": 2_000_000_000}}


class SeedUsersInReach(generics.GenericAPIView[SeedUser]):
    serializer_class = SeedUserOut

    def get_queryset(self) -> QuerySet[SeedUser]:
        if getattr(self, "swagger_fake_view", False):
            return SeedUser.objects.none()
        return SeedUser.objects.visible_to(token_of(self.request).user).on_board().order_by("pk")

    def get_serializer_context(self) -> dict[str, Any]:
        fake = getattr(self, "swagger_fake_view", False)
        return {**super().get_serializer_context(), "policy": None if fake else policy_get(SeedPolicy)}


class SeedUserList(SeedUsersInReach, generics.ListAPIView[SeedUser]):
    scopes = {"GET": Scope.MEMBERS_READ, "POST": Scope.MEMBERS_WRITE}

    def get_queryset(self) -> QuerySet[SeedUser]:
        seeds = super().get_queryset()
        stage = self.request.query_params.get("stage")
        member = self.request.query_params.get("member")
        if stage is not None:
            seeds = seeds.filter(stage=stage) if stage in SeedStage.values else seeds.none()
        if member is not None:
            seeds = seeds.none() if "\x00" in member else seeds.filter(member__external_id=member)
        return seeds

    @extend_schema(
        summary="List seed users",
        parameters=[
            OpenApiParameter("stage", str, enum=SeedStage.values),
            OpenApiParameter("member", str, description="External id of a member."),
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        summary="Put a member onto the board",
        description="As a candidate of your branch's programme, or of the whole community's if you are headquarters.",
        request=SeedUserIn,
        responses={201: SeedUserOut},
    )
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        form = SeedUserIn(data=request.data)
        form.is_valid(raise_exception=True)
        user = token_of(request).user
        known = Member.objects.visible_to(user).filter(merged_into=None, erased_at=None)
        member = known.filter(external_id=form.validated_data["member"]).first()
        if member is None:
            unknown = FieldError("/member", "unknown_member", str(_("No such member within reach.")))
            raise Problem("unknown_member", _("No such member within reach."), errors=[unknown])
        added = seeds_add(by=user, now=timezone.now(), members=[member], branch=user.branch)
        if not added:
            raise Problem("already_on_board", _("They are on the board already."), http_status=409)
        seed = self.get_queryset().get(pk=added[0].pk)
        return Response(SeedUserOut(seed, context=self.get_serializer_context()).data, status=201)


@extend_schema_view(get=extend_schema(summary="Read a seed user"))
class SeedUserDetail(SeedUsersInReach, generics.RetrieveAPIView[SeedUser]):
    scopes = {"GET": Scope.MEMBERS_READ}


class SeedUserMove(SeedUsersInReach):
    scopes = {"POST": Scope.MEMBERS_WRITE}

    @extend_schema(summary="Move a seed user to another stage", request=SeedMoveIn, responses={200: SeedUserOut})
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        seed = self.get_object()
        form = SeedMoveIn(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            seed_move(by=token_of(request).user, now=timezone.now(), seed=seed, **form.validated_data)
        except MovedMeanwhile as conflict:
            now_in = _("The seed user is in the stage %(stage)s now.") % {"stage": conflict.seed.stage}
            raise Problem("moved_meanwhile", now_in, http_status=409) from conflict
        except DjangoValidationError as error:
            raise Problem("invalid", _("Some fields need to be corrected."), errors=from_django(error)) from error
        return Response(SeedUserOut(self.get_object(), context=self.get_serializer_context()).data)


class SeedAnswers(APIView):
    """What a member says of themselves, for the score as a seed user."""

    scopes = {"GET": Scope.MEMBERS_READ, "PATCH": Scope.MEMBERS_WRITE}

    @extend_schema(summary="Read a member's answers about being a seed user", responses={200: AnswersOut})
    def get(self, request: Request, pk: int) -> Response:
        member = self._member(request, pk)
        profile = SeedProfile.objects.filter(member=member).first() or SeedProfile(member=member)
        return Response(AnswersOut(profile).data)

    @extend_schema(
        summary="Note a member's answers about being a seed user",
        description="Fields that are left away stay; null is not known. The score follows at once.",
        request=AnswersOut(partial=True),
        responses={200: AnswersOut},
    )
    def patch(self, request: Request, pk: int) -> Response:
        member = self._member(request, pk)
        form = AnswersOut(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        user = token_of(request).user
        profile = seed_report(by=user, now=timezone.now(), member=member, answers=dict(form.validated_data))
        return Response(AnswersOut(profile).data)

    @staticmethod
    def _member(request: Request, pk: int) -> Member:
        members = Member.objects.visible_to(token_of(request).user).filter(merged_into=None, erased_at=None)
        return get_object_or_404(members, pk=pk)
