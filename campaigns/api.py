"""Posts and deliveries for other systems."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Min, Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_auth import Scope, token_of
from accounts.idempotency import idempotent
from accounts.models import User
from campaigns.content.models import Piece, Series
from campaigns.posts.models import Holidays, Post, PostState
from campaigns.posts.recurrence import MOST_SLOTS
from campaigns.posts.schedules import FURTHEST_OFF
from campaigns.posts.selectors import deliveries_visible_to
from campaigns.posts.services import (
    LONGEST_BODY,
    LONGEST_GRACE,
    Schedule,
    Source,
    not_permitted,
    post_create,
    post_pause,
    post_resume,
    post_stop,
)
from community_ops.lib.problems import FieldError, Problem, from_django
from delivery.models import Delivery, Missed, Picture, State, Value
from groups.models import Group

MOST_GROUPS = 10_000
OF_SCHEDULE = {"at", "rrule", "start", "timezone", "slots", "scene", "scene_days", "holidays"}


class InstantField(serializers.CharField):
    """An RFC 3339 time; one without an offset is refused."""

    default_error_messages = {
        "invalid": _("Give a time with an offset, like 2026-03-01T09:00:00+08:00."),
    }

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        try:
            instant = parse_datetime(text)
        except ValueError:
            instant = None
        if instant is None or instant.tzinfo is None or not 2000 <= instant.year < 2200:
            self.fail("invalid")
        return instant


class ScheduleIn(serializers.Serializer[Any]):
    at = extend_schema_field({"type": "string", "format": "date-time"})(InstantField)(
        required=False, help_text="One time, with its offset."
    )
    rrule = serializers.CharField(required=False, max_length=500, help_text="An RFC 5545 rule, like FREQ=DAILY.")
    start = serializers.CharField(
        required=False, max_length=19, help_text="First local time of the rule, without an offset: 2026-03-01T09:00."
    )
    timezone = serializers.CharField(
        required=False, max_length=60, help_text="IANA name; the installation's zone when missing."
    )
    slots = serializers.ListField(
        child=serializers.CharField(max_length=5),
        required=False,
        max_length=MOST_SLOTS,
        help_text="Times of day like 09:00, in place of that of start; the rule then gives days.",
    )
    scene = serializers.CharField(required=False, max_length=40, help_text="A festival, like mid-autumn, with start.")
    scene_days = serializers.IntegerField(
        required=False,
        min_value=-FURTHEST_OFF,
        max_value=FURTHEST_OFF,
        help_text="Days after the festival; negative: before.",
    )
    holidays = serializers.ChoiceField(
        choices=Holidays.choices, required=False, help_text="What a rule does on a day off: send, skip, or next."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs.keys() & {"at", "rrule", "scene"}) != 1:
            raise serializers.ValidationError(_("Give either at, or rrule with start."), code="one_schedule")
        if "at" not in attrs and "start" not in attrs:
            raise serializers.ValidationError(
                {"start": serializers.ErrorDetail(str(_("A rule needs its first local time.")), code="required")}
            )
        return attrs


REQUIRED = {
    "title": _("Give it a title."),
    "body": _("Write what members are to read."),
    "groups": _("Give either groups or an audience."),
}


class PostIn(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200, required=False, help_text="Not with a piece or a series.")
    body = serializers.CharField(max_length=LONGEST_BODY, required=False, help_text="Not with a piece or a series.")
    link = serializers.CharField(max_length=500, required=False)
    link_title = serializers.CharField(max_length=100, required=False)
    picture = serializers.CharField(max_length=22, required=False, help_text="Token of a picture of the library.")
    value = serializers.ChoiceField(choices=Value.choices, required=False)
    piece = serializers.IntegerField(required=False, help_text="Id of a piece of the library, sent as it stands.")
    series = serializers.IntegerField(required=False, help_text="Id of a series; each time sends its next piece.")
    groups = serializers.ListField(
        child=serializers.CharField(max_length=120),
        min_length=1,
        max_length=MOST_GROUPS,
        required=False,
        help_text="External ids of active groups.",
    )
    audience = serializers.JSONField(
        required=False, help_text="In place of groups: a filter, asked anew each time, like {motivations: [growth]}."
    )
    keeps_limits = serializers.BooleanField(
        default=True, help_text="Whether quiet hours and the daily limit of a group hold it back."
    )
    schedule = ScheduleIn()
    missed = serializers.ChoiceField(
        choices=Missed.choices, default=Missed.LATE, help_text="What to do when the time was missed."
    )
    late_minutes = serializers.IntegerField(
        default=30, min_value=0, max_value=LONGEST_GRACE, help_text="How late it may still be sent, with missed=late."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        taken = attrs.keys() & {"piece", "series"}
        missing = [] if taken else [name for name in ("title", "body") if name not in attrs]
        if ("groups" in attrs) == ("audience" in attrs):
            missing.append("groups")
        if missing:
            raise serializers.ValidationError(
                {name: serializers.ErrorDetail(str(REQUIRED[name]), code="required") for name in missing}
            )
        return attrs


class ScheduleOut(serializers.Serializer[Post]):
    at = serializers.DateTimeField(allow_null=True)
    rrule = serializers.CharField()
    start = serializers.CharField(source="start_local")
    timezone = serializers.CharField()
    slots = serializers.ListField(child=serializers.CharField())
    scene = serializers.CharField()
    scene_days = serializers.IntegerField()
    holidays = serializers.CharField()


class PostOut(serializers.ModelSerializer[Post]):
    groups = serializers.SerializerMethodField(help_text="External ids of the groups within reach.")
    schedule = ScheduleOut(source="*", read_only=True)
    next_at = serializers.DateTimeField(allow_null=True, read_only=True, help_text="When it goes out next.")
    audience = serializers.JSONField(read_only=True, help_text="The filter of groups; null: the groups listed.")
    picture = serializers.CharField(source="picture.token", read_only=True, default=None, allow_null=True)

    class Meta:
        model = Post
        fields = [
            "id", "title", "body", "link", "link_title", "picture", "value", "piece", "series", "groups", "audience",
            "schedule", "missed", "late_minutes", "keeps_limits", "state", "next_at", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_groups(self, post: Post) -> list[str]:
        return [group.external_id for group in post.groups.all()]


class PostsInReach(generics.GenericAPIView[Post]):
    serializer_class = PostOut

    def get_queryset(self) -> QuerySet[Post]:
        if getattr(self, "swagger_fake_view", False):
            return Post.objects.none()
        user = token_of(self.request).user
        coming = Q(occurrences__due_at__gt=timezone.now()) & Q(state=PostState.ACTIVE)
        within_reach = Group.objects.visible_to(user).only("external_id").order_by("pk")
        return (
            Post.objects.visible_to(user)
            .select_related("picture")
            .annotate(next_at=Min("occurrences__due_at", filter=coming))
            .prefetch_related(Prefetch("groups", queryset=within_reach))
            .order_by("pk")
        )

    def answer(self, post: Post, status: int = 200) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=post.pk)).data, status=status)


@extend_schema_view(get=extend_schema(summary="List posts"))
class PostList(PostsInReach, generics.ListAPIView[Post]):
    scopes = {"GET": Scope.CAMPAIGNS_READ, "POST": Scope.CAMPAIGNS_WRITE}

    @extend_schema(summary="Plan a post", request=PostIn, responses={201: PostOut})
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        form = PostIn(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        user = token_of(request).user
        schedule = fields.pop("schedule")
        groups = _groups(fields.pop("groups", []), user)
        schedule["slots"] = tuple(schedule.get("slots", ()))
        source = _source(fields, user)
        try:
            post = post_create(
                by=user,
                now=timezone.now(),
                title=fields.pop("title", ""),
                body=fields.pop("body", ""),
                groups=groups,
                schedule=Schedule(**{"timezone": settings.TIME_ZONE, **schedule}),
                source=source,
                **fields,
            )
        except DjangoValidationError as error:
            raise _as_problem(error) from error
        return self.answer(post, 201)


def _source(fields: dict[str, Any], user: User) -> Source:
    """Takes what is said beside title and text out of `fields`. What is out of reach is as unknown as anything."""
    pictures = Picture.objects.all()
    if user.branch_id is not None:
        pictures = pictures.filter(Q(branch_id=None) | Q(branch_id=user.branch_id))
    wanted: list[tuple[str, str, QuerySet[Any]]] = [
        ("piece", "pk", Piece.objects.visible_to(user)),
        ("series", "pk", Series.objects.visible_to(user)),
        ("picture", "token", pictures),
    ]
    said: dict[str, Any] = {name: fields.pop(name) for name in ("link", "link_title", "value") if name in fields}
    for name, column, rows in wanted:
        if name in fields:
            said[name] = rows.filter(**{column: fields.pop(name)}).first()
            if said[name] is None:
                unknown = str(_("No such thing within reach."))
                raise Problem(f"unknown_{name}", unknown, errors=[FieldError(f"/{name}", "unknown", unknown)])
    return Source(**said)


def _groups(external_ids: list[str], user: Any) -> list[Group]:
    """The groups in the order given, each once. One that is unknown, or out of reach, refuses the whole post."""
    wanted = list(dict.fromkeys(external_ids))
    found: dict[str, Group] = {}
    for start in range(0, len(wanted), 500):
        part = Group.objects.visible_to(user).filter(external_id__in=wanted[start : start + 500])
        found.update((group.external_id, group) for group in part)
    unknown = [
        FieldError(f"/groups/{index}", "unknown_group", str(_("No such group within reach.")))
        for index, name in enumerate(external_ids)
        if name not in found
    ]
    if unknown:
        raise Problem("unknown_group", _("Some groups are not known or out of reach."), errors=unknown[:100])
    return [found[name] for name in wanted]


def _as_problem(error: DjangoValidationError) -> Problem:
    errors = [
        FieldError(
            f"/schedule{item.pointer}" if item.pointer[1:] in OF_SCHEDULE else item.pointer, item.code, item.message
        )
        for item in from_django(error)
    ]
    code = errors[0].code if errors[0].code in ("group_not_active", "not_permitted") else "invalid"
    return Problem(code, errors[0].message, errors=errors, http_status=403 if code == "not_permitted" else 400)


@extend_schema_view(get=extend_schema(summary="Read a post"))
class PostDetail(PostsInReach, generics.RetrieveAPIView[Post]):
    scopes = {"GET": Scope.CAMPAIGNS_READ}


class PostAct(PostsInReach):
    """Something done to a post. Done already is as good as done now; a post that is over is in conflict."""

    scopes = {"POST": Scope.CAMPAIGNS_WRITE}
    done_when: PostState

    def act(self, post: Post) -> bool:
        raise NotImplementedError

    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        post = self.get_object()
        user = token_of(request).user
        if post.is_out_of_reach_of(user):
            raise Problem("out_of_reach", _("This post also goes to groups of other branches."), http_status=403)
        if refused := post.refused_groups(user):
            raise Problem("not_permitted", not_permitted(refused).message, http_status=403)
        try:
            changed = self.act(post)
        except DjangoValidationError as error:
            raise Problem(str(error.error_list[0].code), error.messages[0], http_status=409) from error
        post.refresh_from_db(fields=["state"])
        if not changed and post.state != self.done_when:
            raise Problem("post_over", _("This post is over."), http_status=409)
        return self.answer(post)


@extend_schema_view(post=extend_schema(summary="Pause a post", request=None, responses={200: PostOut}))
class PostPause(PostAct):
    done_when = PostState.PAUSED

    def act(self, post: Post) -> bool:
        return post_pause(by=token_of(self.request).user, now=timezone.now(), post=post)


@extend_schema_view(post=extend_schema(summary="Let a paused post run again", request=None, responses={200: PostOut}))
class PostResume(PostAct):
    done_when = PostState.ACTIVE

    def act(self, post: Post) -> bool:
        return post_resume(by=token_of(self.request).user, now=timezone.now(), post=post)


@extend_schema_view(post=extend_schema(summary="Stop a post for good", request=None, responses={200: PostOut}))
class PostStop(PostAct):
    done_when = PostState.STOPPED

    def act(self, post: Post) -> bool:
        return post_stop(by=token_of(self.request).user, now=timezone.now(), post=post)


class DeliveryOut(serializers.ModelSerializer[Delivery]):
    post = serializers.IntegerField(source="post_id", allow_null=True)
    group = serializers.CharField(source="group_ref", help_text="External id of the group.")
    error = serializers.CharField(source="reason", help_text="Why it was not sent, in a sentence.")
    key = serializers.CharField(source="webhook_id", help_text="The webhook-id, the same over all tries.")

    class Meta:
        model = Delivery
        fields = ["id", "post", "group", "state", "attempts", "due_at", "settled_at", "error", "key"]
        read_only_fields = fields


@extend_schema_view(
    get=extend_schema(
        summary="List deliveries",
        parameters=[
            OpenApiParameter("post", int, description="Id of a post."),
            OpenApiParameter("group", str, description="External id of a group."),
            OpenApiParameter("state", str, enum=State.values),
        ],
    )
)
class DeliveryList(generics.ListAPIView[Delivery]):
    scopes = {"GET": Scope.CAMPAIGNS_READ}
    serializer_class = DeliveryOut

    def get_queryset(self) -> QuerySet[Delivery]:
        if getattr(self, "swagger_fake_view", False):
            return Delivery.objects.none()
        queryset = deliveries_visible_to(token_of(self.request).user).order_by("pk")
        asked = self.request.query_params
        if (post := asked.get("post")) is not None:
            known = post.isascii() and post.isdigit() and len(post) < 19
            queryset = queryset.filter(post_id=int(post)) if known else queryset.none()
        if (group := asked.get("group")) is not None:
            queryset = queryset.none() if "\x00" in group else queryset.filter(group_ref=group)
        if (state := asked.get("state")) is not None:
            queryset = queryset.filter(state=state) if state in State.values else queryset.none()
        return queryset
