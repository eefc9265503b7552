"""What can be done with many pieces at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import User
from campaigns.content.forms import names_in
from campaigns.content.models import ContentTag, Piece, PieceState
from campaigns.content.services import content_tags_named, piece_set_state, pieces_tag
from groups.bulk.actions import (
    BulkAction,
    BulkSubject,
    Changed,
    Outcome,
    Params,
    Question,
    Text,
    Unchanged,
    register_action,
    register_subject,
)

Reasons = list[tuple[Text, Q | Exists]]
Undo = Sequence[tuple[Piece, dict[str, Any]]]
NOT_YOURS = gettext_lazy("not yours to decide")


def _others(user: User) -> Reasons:
    return [(NOT_YOURS, ~Q(branch_id=user.branch_id) | Q(branch=None))] if user.branch_id is not None else []


def _set_state(state: str) -> Any:
    def apply(pieces: Sequence[Piece], _params: Params, by: User, now: datetime) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        for piece in pieces:
            before = piece.state
            if piece.may_be_changed_by(by) and piece_set_state(by=by, now=now, piece=piece, state=state):
                outcomes[piece.pk] = Changed({"state": before})
        return outcomes

    def undo(rows: Undo, _params: Params, by: User, now: datetime) -> dict[int, str]:
        kept = {}
        for piece, undo in rows:
            if piece.state != state or not piece.may_be_changed_by(by):
                kept[piece.pk] = _("was changed since")
            else:
                piece_set_state(by=by, now=now, piece=piece, state=undo["state"])
        return kept

    return apply, undo


def _tag(pieces: Sequence[Piece], params: Params, by: User, now: datetime) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    for piece in pieces:
        try:
            tags = content_tags_named(names=names_in(params["tags"]), branch=piece.branch)
        except ValidationError as error:
            outcomes[piece.pk] = Unchanged(" ".join(error.messages), failed=True)
            continue
        put_on = pieces_tag(by=by, now=now, pieces=[piece], add=tags)
        outcomes[piece.pk] = Changed({"tags": put_on[piece.pk]}) if put_on else Unchanged(_("has these tags already"))
    return outcomes


def _tag_undo(rows: Undo, _params: Params, by: User, now: datetime) -> dict[int, str]:
    kept = {}
    for piece, undo in rows:
        if not pieces_tag(by=by, now=now, pieces=[piece], remove=undo["tags"]):
            kept[piece.pk] = _("the tags were taken off since")
    return kept


def _tags(user: User) -> list[tuple[str, Text]]:
    return [(str(pk), name) for pk, name in ContentTag.objects.visible_to(user).values_list("pk", "name")]


def _has_tag(params: Params) -> Exists:
    return Exists(Piece.tags.through.objects.filter(piece=OuterRef("pk"), contenttag=int(params["tag"])))


def _untag(pieces: Sequence[Piece], params: Params, by: User, now: datetime) -> dict[int, Outcome]:
    taken_off = pieces_tag(by=by, now=now, pieces=pieces, remove=[int(params["tag"])])
    return {pk: Changed({}) for pk in taken_off}


def _untag_undo(rows: Undo, params: Params, by: User, now: datetime) -> dict[int, str]:
    tag = ContentTag.objects.filter(pk=params["tag"]).first()
    pieces = [piece for piece, _undo in rows]
    again = pieces_tag(by=by, now=now, pieces=pieces, add=[tag]) if tag else {}
    return {piece.pk: _("was changed since") for piece in pieces if piece.pk not in again}


def _tag_name(params: Params) -> str:
    tag = ContentTag.objects.filter(pk=params["tag"]).first()
    return tag.name if tag else "–"


def register() -> None:
    register_subject(BulkSubject("piece", pgettext_lazy("content", "Pieces"), Piece, "title"))
    retire, retire_undo = _set_state(PieceState.RETIRED)
    restore, restore_undo = _set_state(PieceState.READY)
    for action in (
        BulkAction(
            slug="piece.tag",
            subject="piece",
            label=gettext_lazy("Put tags on"),
            icon="tag",
            questions=(
                Question("tags", gettext_lazy("Tags"), gettext_lazy("Separate them by commas; new ones are made.")),
            ),
            sentence=lambda _user, params: _("Put on: %(tags)s") % {"tags": params["tags"]},
            unchanged=lambda user, _params: _others(user),
            apply=_tag,
            undo=_tag_undo,
        ),
        BulkAction(
            slug="piece.untag",
            subject="piece",
            label=gettext_lazy("Take a tag off"),
            icon="tags",
            questions=(Question("tag", gettext_lazy("Tag"), choices=_tags),),
            sentence=lambda _user, params: _("Take off the tag %(name)s") % {"name": _tag_name(params)},
            unchanged=lambda user, params: [
                *_others(user),
                (gettext_lazy("does not have the tag"), ~Q(_has_tag(params))),
            ],
            apply=_untag,
            undo=_untag_undo,
        ),
        BulkAction(
            slug="piece.retire",
            subject="piece",
            label=pgettext_lazy("content", "Retire"),
            icon="archive",
            sentence=lambda _user, _params: _("Retire: no series draws them any more"),
            unchanged=lambda user, _params: [
                *_others(user),
                (gettext_lazy("retired already"), Q(state=PieceState.RETIRED)),
            ],
            apply=retire,
            undo=retire_undo,
        ),
        BulkAction(
            slug="piece.restore",
            subject="piece",
            label=pgettext_lazy("content", "Make ready"),
            icon="check",
            sentence=lambda _user, _params: _("Make ready to be used"),
            unchanged=lambda user, _params: [
                *_others(user),
                (gettext_lazy("ready already"), Q(state=PieceState.READY)),
            ],
            apply=restore,
            undo=restore_undo,
        ),
    ):
        register_action(action)
