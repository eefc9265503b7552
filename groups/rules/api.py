"""Rule sets for other systems."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_auth import Scope, token_of
from accounts.idempotency import idempotent
from accounts.models import Branch
from community_ops.lib.problems import FieldError, Problem, from_django
from groups.rules.content import ContentError, VersionContent, content_data, content_read, version_content
from groups.rules.detection import Message, MessageType, compiled_for, detail_words
from groups.rules.models import Action, Category, Detector, RuleSet, RuleSetVersion, VersionState
from groups.rules.selectors import rule_sets_listed
from groups.rules.services import (
    NotADraft,
    StaleDraft,
    draft_open,
    draft_save,
    rule_set_create,
    version_publish,
)

LONGEST_TEXT = 10_000


class StepData(serializers.Serializer[Any]):
    strikes = serializers.IntegerField(min_value=1, max_value=100)
    action = serializers.ChoiceField(choices=Action.choices)


class RuleData(serializers.Serializer[Any]):
    code = serializers.CharField(
        required=False,
        max_length=40,
        help_text="Stays the same from version to version. A rule without one gets one.",
    )
    category = serializers.ChoiceField(choices=Category.choices, default=Category.OTHER)
    text = serializers.CharField(max_length=500)
    detector = serializers.ChoiceField(choices=Detector.choices, default=Detector.NONE)
    params = serializers.DictField(required=False, help_text="What the detector looks for; docs/rules.md lists it.")
    action = serializers.ChoiceField(choices=Action.choices, default=Action.REMIND)
    strikes = serializers.IntegerField(default=1, min_value=0, max_value=100)
    reporter_points = serializers.IntegerField(default=0, min_value=0, max_value=10_000)


class ContentFields(serializers.Serializer[Any]):
    preamble = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    strike_days = serializers.IntegerField(default=90, min_value=1, max_value=3650)
    ladder = StepData(many=True, required=False, help_text="Strikes grow, actions get harder.")
    rules = RuleData(many=True, required=False)


class VersionOut(ContentFields):
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=VersionState.choices)
    revision = serializers.IntegerField(help_text="Grows with each save of a draft; send it back when you save.")
    published_at = serializers.DateTimeField(allow_null=True)
    reacknowledge = serializers.BooleanField()
    note = serializers.CharField(allow_blank=True)


class RuleSetOut(serializers.ModelSerializer[RuleSet]):
    branch = serializers.CharField(
        source="branch.code", read_only=True, allow_null=True, help_text="Code of the branch; null is shared by all."
    )
    in_force = serializers.IntegerField(read_only=True, allow_null=True, help_text="Number of the version in force.")
    has_draft = serializers.BooleanField(read_only=True)
    group_count = serializers.IntegerField(read_only=True, help_text="Open groups within reach that follow it.")

    class Meta:
        model = RuleSet
        fields = ["id", "name", "branch", "in_force", "has_draft", "group_count", "created_at", "archived_at"]
        read_only_fields = fields


class RuleSetFull(RuleSetOut):
    version = serializers.SerializerMethodField(help_text="The version in force, or null.")
    draft = serializers.SerializerMethodField(help_text="The draft, or null.")

    class Meta(RuleSetOut.Meta):
        fields = [*RuleSetOut.Meta.fields, "version", "draft"]
        read_only_fields = fields

    @extend_schema_field(VersionOut(allow_null=True))
    def get_version(self, rule_set: RuleSet) -> dict[str, Any] | None:
        return _version(rule_set, VersionState.PUBLISHED)

    @extend_schema_field(VersionOut(allow_null=True))
    def get_draft(self, rule_set: RuleSet) -> dict[str, Any] | None:
        return _version(rule_set, VersionState.DRAFT)


class RuleSetIn(ContentFields):
    name = serializers.CharField(max_length=120)
    branch = serializers.CharField(
        required=False, allow_null=True, help_text="Code of a branch; missing: shared by all."
    )


class DraftIn(ContentFields):
    revision = serializers.IntegerField(
        required=False, min_value=1, help_text="Of the draft as you read it. Missing: only a draft is opened."
    )


class PublishIn(serializers.Serializer[Any]):
    revision = serializers.IntegerField(min_value=1, help_text="Of the draft as you read it.")
    reacknowledge = serializers.BooleanField(default=False, help_text="Members must read the rules again.")
    note = serializers.CharField(default="", allow_blank=True, max_length=500, help_text="What changed, for members.")


class CheckIn(serializers.Serializer[Any]):
    text = serializers.CharField(allow_blank=True, max_length=LONGEST_TEXT, trim_whitespace=False)
    type = serializers.ChoiceField(choices=[kind.value for kind in MessageType], default=MessageType.TEXT.value)
    draft = serializers.BooleanField(default=False, help_text="By the draft, not by what is in force.")


class HitOut(serializers.Serializer[Any]):
    rule = serializers.CharField(help_text="Code of the rule.")
    text = serializers.CharField(help_text="The rule as members read it.")
    category = serializers.ChoiceField(choices=Category.choices)
    action = serializers.ChoiceField(choices=Action.choices)
    start = serializers.IntegerField(help_text="Where it begins in the text, in characters (code points) from 0.")
    end = serializers.IntegerField()
    found = serializers.CharField(allow_blank=True, help_text="What was found, in words.")


class CheckOut(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    hits = HitOut(many=True)


class RuleSetsInReach(generics.GenericAPIView[RuleSet]):
    serializer_class: type[serializers.BaseSerializer[Any]] | None = RuleSetOut

    def get_queryset(self) -> QuerySet[RuleSet]:
        if getattr(self, "swagger_fake_view", False):
            return RuleSet.objects.none()
        return rule_sets_listed(token_of(self.request).user).order_by("pk")

    def own(self) -> RuleSet:
        """The rule set, if the token's owner may change it."""
        rule_set = self.get_object()
        if not rule_set.may_be_changed_by(token_of(self.request).user):
            raise PermissionDenied
        return rule_set


class RuleSetList(RuleSetsInReach, generics.ListAPIView[RuleSet]):
    scopes = {"GET": Scope.GROUPS_READ, "POST": Scope.GROUPS_WRITE}

    def get_queryset(self) -> QuerySet[RuleSet]:
        found = super().get_queryset()
        name = self.request.query_params.get("name")
        if name is not None:
            found = found.none() if "\x00" in name else found.filter(name=name)
        return found

    @extend_schema(summary="List rule sets", parameters=[OpenApiParameter("name", str)])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        summary="Make a rule set",
        description="It begins as a draft. Without rules it has those that come with the product.",
        request=RuleSetIn,
        responses={201: RuleSetFull},
    )
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = token_of(request).user
        if not user.is_admin:
            raise PermissionDenied
        form = RuleSetIn(data=request.data)
        form.is_valid(raise_exception=True)
        code = form.validated_data.get("branch")
        branch = user.branch
        if code is not None:
            branch = Branch.objects.visible_to(user).filter(code=code).first() if "\x00" not in code else None
            if branch is None:
                unknown = FieldError("/branch", "unknown_branch", str(_("No such branch within reach.")))
                raise Problem("invalid", _("Some fields need to be corrected."), errors=[unknown])
        content = _content(request) if "rules" in request.data else None
        try:
            rule_set = rule_set_create(
                by=user, now=timezone.now(), name=form.validated_data["name"], branch=branch, content=content
            )
        except DjangoValidationError as error:
            raise Problem("invalid", _("Some fields need to be corrected."), errors=from_django(error)) from error
        except IntegrityError as error:
            taken = FieldError("/name", "unique", str(_("Rules of this name exist.")))
            raise Problem("invalid", _("Some fields need to be corrected."), errors=[taken]) from error
        return Response(RuleSetFull(self.get_queryset().get(pk=rule_set.pk)).data, status=201)


@extend_schema_view(get=extend_schema(summary="Read a rule set with its rules", responses={200: RuleSetFull}))
class RuleSetDetail(RuleSetsInReach, generics.RetrieveAPIView[RuleSet]):
    serializer_class = RuleSetFull
    scopes = {"GET": Scope.GROUPS_READ}


class RuleSetDraft(RuleSetsInReach):
    serializer_class = VersionOut
    scopes = {"POST": Scope.GROUPS_WRITE}

    @extend_schema(
        summary="Open or save the draft",
        description=(
            "Without `revision` the draft is opened (a copy of what is in force) and answered. With it the draft is "
            "replaced by what is sent. An older revision: 409 `stale_draft`, and nothing is saved."
        ),
        request=DraftIn,
        responses={200: VersionOut},
    )
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rule_set = self.own()
        form = DraftIn(data=request.data)
        form.is_valid(raise_exception=True)
        user, now = token_of(request).user, timezone.now()
        draft = draft_open(by=user, now=now, rule_set=rule_set)
        revision = form.validated_data.get("revision")
        if revision is not None:
            try:
                draft = draft_save(
                    by=user, now=now, version=draft, revision=revision, content=_content(request)
                ).version
            except StaleDraft as stale:
                raise _stale(stale) from stale
            except NotADraft as gone:
                raise _gone() from gone
        return Response(VersionOut(version_data(draft)).data)


class RuleSetPublish(RuleSetsInReach):
    serializer_class = VersionOut
    scopes = {"POST": Scope.GROUPS_WRITE}

    @extend_schema(
        summary="Put the draft in force",
        description="409 `stale_draft` when it was saved since you read it, `no_draft` when there is none.",
        request=PublishIn,
        responses={200: VersionOut},
    )
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rule_set = self.own()
        form = PublishIn(data=request.data)
        form.is_valid(raise_exception=True)
        draft = rule_set.versions.filter(state=VersionState.DRAFT).first()
        if draft is None:
            raise _gone()
        try:
            version = version_publish(
                by=token_of(request).user, now=timezone.now(), version=draft, **form.validated_data
            )
        except StaleDraft as stale:
            raise _stale(stale) from stale
        except NotADraft as gone:
            raise _gone() from gone
        except DjangoValidationError as error:
            raise Problem("invalid", " ".join(error.messages), errors=from_django(error)) from error
        return Response(VersionOut(version_data(version)).data)


class RuleSetCheck(RuleSetsInReach):
    serializer_class = CheckOut
    scopes = {"POST": Scope.GROUPS_READ}

    @extend_schema(
        summary="Try a text",
        description="What the rules find in one message; nothing is kept. 409 `not_in_force` before the first version.",
        request=CheckIn,
        responses={200: CheckOut},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rule_set = self.get_object()
        form = CheckIn(data=request.data)
        form.is_valid(raise_exception=True)
        state = VersionState.DRAFT if form.validated_data["draft"] else VersionState.PUBLISHED
        version = rule_set.versions.filter(state=state).first()
        if version is None:
            if state == VersionState.DRAFT:
                raise _gone()
            raise Problem("not_in_force", _("These rules are not in force yet."), http_status=409)
        rules = {rule.code: rule for rule in version.rules.all()}
        message = Message(0, 0, timezone.now(), form.validated_data["type"], form.validated_data["text"])
        hits = [
            {
                "rule": hit.rule,
                "text": rules[hit.rule].text,
                "category": rules[hit.rule].category,
                "action": rules[hit.rule].action,
                "start": hit.start,
                "end": hit.end,
                "found": detail_words(rules[hit.rule].detector, hit.detail),
            }
            for hit in compiled_for(version.pk).check(message)
        ]
        return Response(CheckOut({"version": version.number, "hits": hits}).data)


def version_data(version: RuleSetVersion) -> dict[str, Any]:
    names = ("number", "state", "revision", "published_at", "reacknowledge", "note")
    return {**{name: getattr(version, name) for name in names}, **content_data(version_content(version))}


def _version(rule_set: RuleSet, state: VersionState) -> dict[str, Any] | None:
    version = rule_set.versions.filter(state=state).first()
    return VersionOut(version_data(version)).data if version else None


def _content(request: Request) -> VersionContent:
    """What the body says about preamble, ladder and rules, checked as everywhere."""
    names = ("preamble", "strike_days", "ladder", "rules")
    sent: Any = request.data
    try:
        return content_read({name: sent[name] for name in names if name in sent})
    except ContentError as error:
        errors = [FieldError(path, "invalid", message) for path, message in error.errors]
        raise Problem("invalid", _("Some fields need to be corrected."), errors=errors) from error


def _stale(stale: StaleDraft) -> Problem:
    return Problem(
        "stale_draft",
        _("Somebody saved the draft since you read it; it has revision %(revision)s now.")
        % {"revision": stale.version.revision},
        http_status=409,
    )


def _gone() -> Problem:
    return Problem("no_draft", _("There is no draft."), http_status=409)
