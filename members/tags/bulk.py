"""Tags on many members at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from groups.bulk.actions import (
    BulkAction,
    BulkSubject,
    Changed,
    Outcome,
    Params,
    Question,
    Text,
    register_action,
    register_subject,
)
from members.models import Member, MemberTag, Tag
from members.tags.services import members_tag, members_untag


def _choices(user: User) -> list[tuple[str, Text]]:
    return [(str(pk), name) for pk, name in Tag.objects.visible_to(user).by_hand().values_list("pk", "name")]


def _tag(user: User, params: Params) -> Tag | None:
    return Tag.objects.visible_to(user).by_hand().filter(pk=params["tag"]).first()


def _name(user: User, params: Params) -> str:
    tag = _tag(user, params)
    return tag.name if tag else "–"


def _has(params: Params) -> Exists:
    return Exists(MemberTag.objects.filter(member=OuterRef("pk"), tag_id=params["tag"]))


def _put_on(members: Sequence[Member], params: Params, by: User, now: datetime) -> dict[int, Outcome]:
    tag = _tag(by, params)
    fresh = members_tag(by=by, now=now, tag=tag, members=members) if tag else []
    return {number: Changed({}) for number in fresh}


def _take_off(members: Sequence[Member], params: Params, by: User, _now: datetime) -> dict[int, Outcome]:
    tag = _tag(by, params)
    gone = members_untag(by=by, tag=tag, members=members) if tag else []
    return {number: Changed({}) for number in gone}


Undone = Sequence[tuple[Any, dict[str, Any]]]


def _put_on_undo(done: Undone, params: Params, by: User, now: datetime) -> dict[int, str]:
    return _reasons(done, _take_off([member for member, _undo in done], params, by, now))


def _take_off_undo(done: Undone, params: Params, by: User, now: datetime) -> dict[int, str]:
    return _reasons(done, _put_on([member for member, _undo in done], params, by, now))


def _reasons(done: Undone, changed: dict[int, Outcome]) -> dict[int, str]:
    """Why members were left alone."""
    return {member.pk: _("was changed since") for member, _undo in done if member.pk not in changed}


TAG = Question("tag", gettext_lazy("Tag"), choices=_choices)


def register_actions() -> None:
    register_subject(BulkSubject("member", gettext_lazy("Members"), Member))
    register_action(
        BulkAction(
            slug="member.tag",
            subject="member",
            label=gettext_lazy("Put a tag on"),
            icon="tag",
            questions=(TAG,),
            sentence=lambda user, params: _("Put on the tag %(name)s") % {"name": _name(user, params)},
            unchanged=lambda _user, params: [(gettext_lazy("has the tag already"), _has(params))],
            apply=_put_on,
            undo=_put_on_undo,
        )
    )
    register_action(
        BulkAction(
            slug="member.untag",
            subject="member",
            label=gettext_lazy("Take a tag off"),
            icon="tags",
            questions=(TAG,),
            sentence=lambda user, params: _("Take off the tag %(name)s") % {"name": _name(user, params)},
            unchanged=lambda _user, params: [(gettext_lazy("does not have the tag"), Q(~_has(params)))],
            apply=_take_off,
            undo=_take_off_undo,
        )
    )
