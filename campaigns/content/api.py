"""Pieces of the content library for other systems."""

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
from campaigns.content.models import Level, Piece, PieceKind, PieceState
from campaigns.content.services import LONGEST_TAG, StalePiece, piece_create, piece_update
from community_ops.lib.problems import Problem, from_django
from delivery.models import Value

MOST_TAGS = 50


class PieceFields(serializers.Serializer[Any]):
    """What can be said of a piece."""

    kind = serializers.ChoiceField(choices=PieceKind.choices, required=False)
    title = serializers.CharField(max_length=200)
    text = serializers.CharField(max_length=5000, help_text="Variables like {group} are filled in for each group.")
    value = serializers.ChoiceField(choices=Value.choices, help_text="What it gives its readers.")
    level = serializers.ChoiceField(
        choices=Level.choices, required=False, allow_blank=True, help_text="Only of questions, which need one."
    )
    link = serializers.CharField(max_length=500, required=False, allow_blank=True)
    link_title = serializers.CharField(max_length=100, required=False, allow_blank=True)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_TAG),
        max_length=MOST_TAGS,
        required=False,
        help_text="Names; new ones are made.",
    )
    state = serializers.ChoiceField(choices=PieceState.choices, required=False)


class ContentIn(PieceFields):
    pass


class ContentChange(PieceFields):
    title = serializers.CharField(max_length=200, required=False)
    text = serializers.CharField(max_length=5000, required=False)
    value = serializers.ChoiceField(choices=Value.choices, required=False)
    version = serializers.IntegerField(
        required=False, min_value=1, help_text="The version this change is based on; an older one is in conflict."
    )


class ContentOut(serializers.ModelSerializer[Piece]):
    branch = serializers.CharField(source="branch.code", default=None, help_text="Its branch; null: shared by all.")
    tags = serializers.SerializerMethodField()

    class Meta:
        model = Piece
        fields = [
            "id", "kind", "title", "text", "value", "level", "link", "link_title", "tags", "branch", "state", "version",
            "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_tags(self, piece: Piece) -> list[str]:
        return [tag.name for tag in piece.tags.all()]


class PiecesInReach(generics.GenericAPIView[Piece]):
    serializer_class = ContentOut

    def get_queryset(self) -> QuerySet[Piece]:
        if getattr(self, "swagger_fake_view", False):
            return Piece.objects.none()
        pieces = Piece.objects.visible_to(token_of(self.request).user)
        return pieces.select_related("branch").prefetch_related("tags").order_by("pk")

    def answer(self, piece: Piece, status: int = 200) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=piece.pk)).data, status=status)


@extend_schema_view(
    get=extend_schema(
        summary="List pieces of content",
        parameters=[
            OpenApiParameter("kind", str, enum=PieceKind.values),
            OpenApiParameter("value", str, enum=Value.values),
            OpenApiParameter("level", str, enum=Level.values),
            OpenApiParameter("state", str, enum=PieceState.values),
            OpenApiParameter("tag", str, description="Name of a tag."),
        ],
    )
)
class ContentList(PiecesInReach, generics.ListAPIView[Piece]):
    scopes = {"GET": Scope.CAMPAIGNS_READ, "POST": Scope.CAMPAIGNS_WRITE}

    def get_queryset(self) -> QuerySet[Piece]:
        pieces, asked = super().get_queryset(), self.request.query_params
        known = {"kind": PieceKind, "value": Value, "level": Level, "state": PieceState}
        for name, choices in known.items():
            if (wanted := asked.get(name)) is not None:
                pieces = pieces.filter(**{name: wanted}) if wanted in choices.values else pieces.none()
        if (tag := asked.get("tag")) is not None:
            pieces = pieces.none() if "\x00" in tag else pieces.filter(tags__name=tag).distinct()
        return pieces

    @extend_schema(summary="Add a piece of content", request=ContentIn, responses={201: ContentOut})
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        form = ContentIn(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            piece = piece_create(by=token_of(request).user, now=timezone.now(), **form.validated_data)
        except DjangoValidationError as error:
            raise _as_problem(error) from error
        return self.answer(piece, 201)


@extend_schema_view(get=extend_schema(summary="Read a piece of content"))
class ContentDetail(PiecesInReach, generics.RetrieveAPIView[Piece]):
    scopes = {"GET": Scope.CAMPAIGNS_READ, "PATCH": Scope.CAMPAIGNS_WRITE}

    @extend_schema(summary="Change a piece of content", request=ContentChange, responses={200: ContentOut})
    @idempotent
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        piece, user = self.get_object(), token_of(request).user
        if not piece.may_be_changed_by(user):
            raise Problem("not_yours", _("Only headquarters changes what all branches share."), http_status=403)
        form = ContentChange(data=request.data)
        form.is_valid(raise_exception=True)
        changes = dict(form.validated_data)
        version = changes.pop("version", 0)
        try:
            piece_update(by=user, now=timezone.now(), piece=piece, version=version, **changes)
        except DjangoValidationError as error:
            raise _as_problem(error) from error
        except StalePiece as error:
            raise Problem("conflict", _("Somebody else changed this piece. Read it again."), http_status=409) from error
        return self.answer(piece)


def _as_problem(error: DjangoValidationError) -> Problem:
    errors = from_django(error)
    return Problem("invalid", errors[0].message, errors=errors)
