"""`POST /api/v1/events/`: where other systems tell what members did. Messages with their texts come in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api_auth import Scope, require_scopes, token_of
from accounts.idempotency import idempotent
from community_ops.lib.parsers import SUSPECT_ESCAPE, load_json, read_body
from community_ops.lib.problems import FieldError, Problem
from members.ingestion.batch import IncomingEvent, Outcome, Refused, ingest
from members.ingestion.reading import MESSAGES, read_event
from members.questions.services.asking import questions_from_events

MAX_EVENTS = 10_000
MALFORMED = object()


@dataclass(frozen=True)
class SentItems:
    """A body as it came: `items` are JSON values, or MALFORMED for a line that is none."""

    items: list[Any]
    create_missing: bool
    suspect: bool


def invalid(pointer: str, message: Any) -> Problem:
    detail = _("Some fields need to be corrected.")
    return Problem("invalid", detail, errors=[FieldError(pointer, "invalid", message)])


def _limited(items: list[Any], name: str) -> list[Any]:
    if len(items) > MAX_EVENTS:
        raise Problem(
            f"too_many_{name}",
            _("At most %(limit)d events a call; %(sent)d were sent and none is kept.")
            % {"limit": MAX_EVENTS, "sent": len(items)},
            http_status=413,
        )
    return items


class EventsJSON(BaseParser):
    """An object that holds a list called `name`."""

    media_type = "application/json"
    name = "events"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        assert parser_context is not None
        body = read_body(stream, parser_context["request"].headers)
        try:
            value = load_json(body)
        except ValueError as error:
            raise ParseError(_("The body is not valid JSON: %(reason)s") % {"reason": error}) from error
        if not isinstance(value, dict):
            raise invalid("", _('The body is an object: {"%(name)s": [...]}.') % {"name": self.name})
        if not isinstance(value.get(self.name), list):
            raise invalid(f"/{self.name}", _("This is a list."))
        create_missing = value.get("create_missing", False)
        if not isinstance(create_missing, bool):
            raise invalid("/create_missing", _("This is true or false."))
        return SentItems(_limited(value[self.name], self.name), create_missing, SUSPECT_ESCAPE.search(body) is not None)


class EventsNDJSON(BaseParser):
    """One event a line. A line that is no JSON is one rejected event; empty lines do not count."""

    media_type = "application/x-ndjson"
    name = "events"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        assert parser_context is not None
        request: Request = parser_context["request"]
        asked = request.query_params.get("create_missing", "false").lower()
        if asked not in ("true", "false", "1", "0"):
            raise invalid("/create_missing", _("This is true or false."))
        body = read_body(stream, request.headers)
        lines = _limited([line for line in body.split(b"\n") if line.strip()], self.name)
        return SentItems(
            [_line(line) for line in lines], asked in ("true", "1"), SUSPECT_ESCAPE.search(body) is not None
        )


def _line(line: bytes) -> Any:
    try:
        return load_json(line)
    except ValueError:
        return MALFORMED


class EventIn(serializers.Serializer[Any]):
    id = serializers.CharField(max_length=200, help_text="Your own id; sent again it is a duplicate.")
    member = serializers.CharField(max_length=120, help_text="External id of the member.")
    group = serializers.CharField(max_length=120, required=False, help_text="External id of the group.")
    kind = serializers.SlugField(max_length=60, help_text="A new one is registered.")
    at = serializers.DateTimeField(help_text="RFC 3339 with an offset; kept to the millisecond.")
    channel = serializers.CharField(max_length=100, required=False)
    value = serializers.FloatField(required=False, help_text="Kept with four digits after the point.")
    properties = serializers.DictField(required=False, help_text="At most 8,192 bytes as JSON.")


class EventsIn(serializers.Serializer[Any]):
    create_missing = serializers.BooleanField(
        required=False, help_text="Make unknown members and groups; needs members:write and groups:write."
    )
    events = serializers.ListField(child=EventIn(), max_length=MAX_EVENTS)


class EventRejected(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    code = serializers.ChoiceField(choices=sorted(MESSAGES))
    message = serializers.CharField()


class EventsTaken(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = EventRejected(many=True)


def answer_of(outcome: Outcome, messages: Mapping[str, Any]) -> dict[str, Any]:
    """What became of a batch, with a sentence for each code."""
    return {
        "accepted": outcome.accepted,
        "duplicates": outcome.duplicates,
        "rejected": [
            {"index": rejection.index, "code": rejection.code, "message": str(messages[rejection.code])}
            for rejection in outcome.rejected
        ],
    }


class EventsView(APIView):
    parser_classes = [EventsJSON, EventsNDJSON]
    scopes = {"POST": Scope.EVENTS_WRITE}

    @extend_schema(
        operation_id="events_create",
        summary="Send events",
        description="Good events are kept when others are rejected. Also gzip, by `Content-Encoding`.",
        request={"application/json": EventsIn, "application/x-ndjson": EventIn},
        parameters=[
            OpenApiParameter(
                "create_missing", bool, description="For NDJSON, which has no place for it in the body.", required=False
            )
        ],
        responses={200: EventsTaken},
        examples=[
            OpenApiExample(
                "A message",
                request_only=True,
                media_type="application/json",
                value={
                    "create_missing": True,
                    "events": [
                        {
                            "id": "src-1",
                            "member": "u1",
                            "group": "g1",
                            "kind": "message",
                            "at": "2026-03-01T09:00:00+08:00",
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
            raise invalid("/events", _("This is a list."))
        if sent.create_missing:
            require_scopes(token, Scope.MEMBERS_WRITE, Scope.GROUPS_WRITE)
        source, now = f"token:{token.pk}", timezone.now()
        outcome = ingest(
            events=[self._read(item, source, sent.suspect) for item in sent.items],
            source=source,
            by=token.user,
            create_missing=sent.create_missing,
            now=now,
            follow=partial(questions_from_events, now=now),
        )
        return Response(answer_of(outcome, MESSAGES))

    @staticmethod
    def _read(item: Any, source: str, suspect: bool) -> IncomingEvent | Refused:
        return Refused("invalid_json") if item is MALFORMED else read_event(item, source=source, suspect=suspect)
