"""The audit trail for other systems."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import exceptions, generics, serializers
from rest_framework.request import Request

from accounts.api_auth import Scope, token_of
from accounts.models import AuditEntry
from community_ops.lib.problems import FieldError, Problem


class AuditOut(serializers.ModelSerializer[AuditEntry]):
    actor = serializers.CharField(source="actor_name", help_text="User name, or `system`.")
    subject = serializers.SerializerMethodField(help_text="Kind and number, as groups.group:12.")
    before = serializers.DictField(read_only=True)
    after = serializers.DictField(read_only=True)

    class Meta:
        model = AuditEntry
        fields = ["id", "at", "actor", "action", "subject", "subject_name", "before", "after", "via", "address"]
        read_only_fields = fields

    def get_subject(self, entry: AuditEntry) -> str:
        return f"{entry.subject_type}:{entry.subject_id}"


@extend_schema_view(
    get=extend_schema(
        summary="Read the audit trail",
        description="For tokens of administrators. What happened first comes first.",
        parameters=[
            OpenApiParameter("subject", str, description="Kind and number: groups.group:12, or only the kind."),
            OpenApiParameter("action", str, description="As group.archived."),
            OpenApiParameter("since", str, description="A time with its offset: entries from then on."),
        ],
    )
)
class AuditList(generics.ListAPIView[AuditEntry]):
    scopes = {"GET": Scope.AUDIT_READ}
    serializer_class = AuditOut

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not token_of(request).user.is_admin:
            raise exceptions.PermissionDenied(_("The audit trail is for administrators."))

    def get_queryset(self) -> QuerySet[AuditEntry]:
        if getattr(self, "swagger_fake_view", False):
            return AuditEntry.objects.none()
        entries = AuditEntry.objects.visible_to(token_of(self.request).user).order_by("pk")
        asked = self.request.query_params
        kind, _colon, number = asked.get("subject", "").replace("\x00", "").partition(":")
        if kind:
            entries = entries.filter(subject_type=kind)
        if number:
            known = number.isascii() and number.isdigit() and len(number) < 19
            entries = entries.filter(subject_id=int(number)) if known else entries.none()
        if action := asked.get("action", "").replace("\x00", ""):
            entries = entries.filter(action=action)
        if since := asked.get("since", ""):
            entries = entries.filter(at__gte=_instant(since))
        return entries


def _instant(text: str) -> datetime:
    # A plus in an address is a space; whoever forgets to escape it means the offset.
    try:
        instant = parse_datetime(text.replace(" ", "+"))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        message = _("Give a time with an offset, like 2026-03-01T09:00:00+08:00.")
        raise Problem(
            "invalid", _("Some fields need to be corrected."), errors=[FieldError("/since", "invalid", str(message))]
        )
    return instant
