"""Playbooks for other systems: read as they stand, and written as text."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_auth import Scope, token_of
from accounts.idempotency import idempotent
from campaigns.playbooks.content import content_of, content_parse, content_text
from campaigns.playbooks.models import Playbook, PlaybookRun, PlaybookState, Starts
from campaigns.playbooks.services import playbook_create
from community_ops.lib.checked_yaml import LARGEST, Mistakes
from community_ops.lib.problems import FieldError, Problem


class PlaybookOut(serializers.ModelSerializer[Playbook]):
    branch = serializers.CharField(
        source="branch.code", allow_null=True, read_only=True, help_text="Empty: every branch's."
    )
    starts = serializers.ChoiceField(choices=Starts.choices, read_only=True)
    state = serializers.ChoiceField(choices=PlaybookState.choices, read_only=True)

    class Meta:
        model = Playbook
        fields = ["id", "name", "about", "branch", "starts", "date", "state", "version", "updated_at"]
        read_only_fields = fields


class PlaybookWhole(PlaybookOut):
    text = serializers.SerializerMethodField(help_text="The playbook as YAML; it can be imported elsewhere.")
    under_way = serializers.SerializerMethodField(help_text="How many runs within reach are under way.")

    class Meta(PlaybookOut.Meta):
        fields = [*PlaybookOut.Meta.fields, "text", "under_way"]
        read_only_fields = fields

    def get_text(self, playbook: Playbook) -> str:
        return content_text(content_of(playbook))

    def get_under_way(self, playbook: Playbook) -> int:
        runs = PlaybookRun.objects.visible_to(token_of(self.context["request"]).user)
        return runs.running().filter(playbook=playbook).count()


class PlaybookIn(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=LARGEST, trim_whitespace=False, help_text="A playbook as YAML.")


class PlaybooksInReach(generics.GenericAPIView[Playbook]):
    serializer_class: type[serializers.BaseSerializer[Playbook]] = PlaybookOut

    def get_queryset(self) -> QuerySet[Playbook]:
        if getattr(self, "swagger_fake_view", False):
            return Playbook.objects.none()
        visible = Playbook.objects.visible_to(token_of(self.request).user)
        return visible.select_related("branch").order_by("pk")


@extend_schema_view(get=extend_schema(summary="List playbooks"))
class PlaybookList(PlaybooksInReach, generics.ListAPIView[Playbook]):
    scopes = {"GET": Scope.CAMPAIGNS_READ, "POST": Scope.CAMPAIGNS_WRITE}

    @extend_schema(
        summary="Import a playbook",
        description="It is kept as a draft of the token's branch until a person lets it run.",
        request=PlaybookIn,
        responses={201: PlaybookWhole},
    )
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        form = PlaybookIn(data=request.data)
        form.is_valid(raise_exception=True)
        user = token_of(request).user
        try:
            content = content_parse(form.validated_data["text"])
            playbook = playbook_create(by=user, now=timezone.now(), content=content, branch=user.branch)
        except Mistakes as error:
            errors = [
                FieldError("/text", "mistake", f"{item.line}: {item.path}: {item.message}") for item in error.errors
            ]
            raise Problem("invalid", _("Some fields need to be corrected."), errors=errors) from error
        except DjangoValidationError as error:
            errors = [FieldError("/text", "mistake", message) for message in error.messages]
            raise Problem("invalid", _("Some fields need to be corrected."), errors=errors) from error
        return Response(PlaybookWhole(playbook, context=self.get_serializer_context()).data, status=201)


@extend_schema_view(get=extend_schema(summary="One playbook with its text"))
class PlaybookDetail(PlaybooksInReach, generics.RetrieveAPIView[Playbook]):
    scopes = {"GET": Scope.CAMPAIGNS_READ}
    serializer_class = PlaybookWhole
