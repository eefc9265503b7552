"""`POST /api/v1/messages/`: where other systems tell what members wrote, to be judged by the rules of the group."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api_auth import Scope, require_scopes, token_of
from accounts.idempotency import idempotent
from activity.models import BuiltInKind
from members.conduct.judging import MAX_TEXT, IncomingMessage, messages_take
from members.conduct.models import MessageType
from members.ingestion import Refused
from members.ingestion.api import MALFORMED, MAX_EVENTS, EventsJSON, EventsNDJSON, SentItems, answer_of, invalid
from members.ingestion.reading import MESSAGES, read_event

TYPES = frozenset(MessageType.values)
REASONS: dict[str, str | Promise] = {
    **MESSAGES,
    "missing_group": _("A message needs its group."),
    "invalid_type": _("The type is not one of those known; what fits none is other."),
    "invalid_message": _("The text of a message is a text."),
    "text_too_long": _("The text is longer than 20,000 characters."),
}


class MessagesJSON(EventsJSON):
    name = "messages"


class MessagesNDJSON(EventsNDJSON):
    name = "messages"


def read_message(item: Any, *, source: str, suspect: bool = False) -> IncomingMessage | Refused:
    """The message that a JSON value stands for: an event with a type and a text."""
    as_event = {**item, "kind": BuiltInKind.MESSAGE.value} if isinstance(item, dict) else item
    event = read_event(as_event, source=source, suspect=suspect)
    if isinstance(event, Refused):
        return event
    kind, text = item.get("type") or MessageType.TEXT.value, item.get("text") or ""
    if not event.group:
        return Refused("missing_group", event.key)
    if not isinstance(kind, str) or kind not in TYPES:
        return Refused("invalid_type", event.key)
    if not isinstance(text, str):
        return Refused("invalid_message", event.key)
    if len(text) > MAX_TEXT:
        return Refused("text_too_long", event.key)
    return IncomingMessage(event.key, event.member, event.group, event.at, kind, text)


class MessageIn(serializers.Serializer[Any]):
    id = serializers.CharField(max_length=200, help_text="Your own id; sent again it is a duplicate.")
    member = serializers.CharField(max_length=120, help_text="External id of the member.")
    group = serializers.CharField(max_length=120, help_text="External id of the group.")
    at = serializers.DateTimeField(help_text="RFC 3339 with an offset; kept to the millisecond.")
    type = serializers.ChoiceField(choices=MessageType.choices, required=False, help_text="text if missing")
    text = serializers.CharField(
        max_length=MAX_TEXT,
        required=False,
        help_text="Judged by the rules of the group. Kept only as evidence, unless the group keeps messages.",
    )


class MessagesIn(serializers.Serializer[Any]):
    create_missing = serializers.BooleanField(
        required=False, help_text="Make unknown members and groups; needs members:write and groups:write."
    )
    messages = serializers.ListField(child=MessageIn(), max_length=MAX_EVENTS)


class MessageRejected(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    code = serializers.ChoiceField(choices=sorted(REASONS))
    message = serializers.CharField()


class MessagesTaken(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = MessageRejected(many=True)
    violations = serializers.IntegerField(help_text="How many of the accepted messages broke a rule.")


class MessagesView(APIView):
    parser_classes = [MessagesJSON, MessagesNDJSON]
    scopes = {"POST": Scope.EVENTS_WRITE}

    @extend_schema(
        operation_id="messages_create",
        summary="Send messages",
        description=(
            "Each counts as an event of the kind `message` and is judged by the rules of its group, once. Messages "
            "that are a day old or older count, and are not judged. Good messages are kept when others are rejected. "
            "Also gzip, by `Content-Encoding`."
        ),
        request={"application/json": MessagesIn, "application/x-ndjson": MessageIn},
        parameters=[
            OpenApiParameter(
                "create_missing", bool, description="For NDJSON, which has no place for it in the body.", required=False
            )
        ],
        responses={200: MessagesTaken},
        examples=[
            OpenApiExample(
                "A message",
                request_only=True,
                media_type="application/json",
                value={
                    "create_missing": True,
                    "messages": [
                        {
                            "id": "msg-1",
                            "member": "u1",
                            "group": "g1",
                            "at": "2026-03-01T09:00:00+08:00",
                            "type": "text",
                            "text": "这周的书单在哪里？",
                        }
                    ],
                },
            )
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        token = token_of(request)
        sent = request.data
        if not isinstance(sent, SentItems):
            raise invalid("/messages", _("This is a list."))
        if sent.create_missing:
            require_scopes(token, Scope.MEMBERS_WRITE, Scope.GROUPS_WRITE)
        source = f"token:{token.pk}"
        taken = messages_take(
            messages=[
                Refused("invalid_json")
                if item is MALFORMED
                else read_message(item, source=source, suspect=sent.suspect)
                for item in sent.items
            ],
            source=source,
            by=token.user,
            create_missing=sent.create_missing,
            now=timezone.now(),
        )
        return Response({**answer_of(taken.outcome, REASONS), "violations": taken.violations})
