"""What a post says: its own words, a piece of the library, or the next piece of a series."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns.content.models import Piece, PieceState, Series
from campaigns.content.variables import GROUP_VARIABLES
from campaigns.posts.models import Post
from community_ops.lib.variables import check_variables, has_variables
from delivery.models import Picture, Value
from delivery.services import Content

LONGEST_TITLE = 200
LONGEST_BODY = 5000


@dataclass(frozen=True)
class Source:
    """What is said beside, or in place of, title and text. A piece or a series takes the place of both."""

    link: str = ""
    link_title: str = ""
    picture: Picture | None = None
    value: str = ""
    piece: Piece | None = None
    series: Series | None = None

    @property
    def is_own(self) -> bool:
        return self.piece is None and self.series is None

    def columns(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


def source_of(post: Post) -> Source:
    return Source(
        link=post.link,
        link_title=post.link_title,
        picture=post.picture,
        value=post.value,
        piece=post.piece,
        series=post.series,
    )


def source_checked(source: Source, title: str, body: str, user: User | None) -> tuple[str, str]:
    """The title and text of a post as they are kept: those of the piece, or the name of the series, where it has one.

    Raises ValidationError by field; `user` is who writes the post, and chooses among what they may see.
    """
    if source.piece is not None and source.series is not None:
        raise ValidationError({"series": ValidationError(_("Choose a piece or a series, not both."), code="invalid")})
    if source.piece is not None:
        visible = Piece.objects.for_groups() if user is None else Piece.objects.for_groups().visible_to(user)
        if source.piece.state != PieceState.READY or not visible.filter(pk=source.piece.pk).exists():
            text = _("This piece cannot be sent: choose one that is ready.")
            raise ValidationError({"piece": ValidationError(text, code="invalid_choice")})
        return source.piece.title, source.piece.text
    if source.series is not None:
        series = Series.objects.all() if user is None else Series.objects.visible_to(user)
        if source.series.retired_at or not series.filter(pk=source.series.pk).exists():
            text = _("This series cannot be used any more.")
            raise ValidationError({"series": ValidationError(text, code="invalid_choice")})
        return source.series.name, ""
    _check_own(source, title, body)
    # Stripped after the check, so that places of mistakes are those of the box.
    return title, body.strip()


def _check_own(source: Source, title: str, body: str) -> None:
    errors: dict[str, ValidationError] = {}
    if not title.strip():
        errors["title"] = ValidationError(_("Give it a title."), code="required")
    elif len(title) > LONGEST_TITLE:
        errors["title"] = ValidationError(_("A title has at most 200 characters."), code="max_length")
    if not body.strip():
        errors["body"] = ValidationError(_("Write what members are to read."), code="required")
    elif len(body) > LONGEST_BODY:
        errors["body"] = ValidationError(
            _("A text has at most %(most)d characters.") % {"most": LONGEST_BODY}, code="max_length"
        )
    for name, text in (("title", title), ("body", body)):
        try:
            check_variables(text, GROUP_VARIABLES)
        except ValidationError as error:
            errors.setdefault(name, error)
    if source.link and (not source.link.startswith(("https://", "http://")) or len(source.link) > 500):
        errors["link"] = ValidationError(_("Enter an address that begins with https:// or http://."), code="invalid")
    if len(source.link_title) > 100:
        errors["link_title"] = ValidationError(_("At most 100 characters."), code="max_length")
    if source.value and source.value not in Value.values:
        errors["value"] = ValidationError(_("Choose one of the five values."), code="invalid_choice")
    if errors:
        raise ValidationError(errors)


def content_of(post: Post) -> Content:
    """What a post says that says the same each time; of a series only its name, for lists."""
    if post.piece is not None:
        return content_of_piece(post.piece)
    return Content(
        title=post.title,
        text=post.body,
        link=post.link,
        link_title=post.link_title,
        picture_id=post.picture_id,
        value=post.value,
        has_variables=has_variables(post.title, post.body),
    )


def content_of_piece(piece: Piece, series: Series | None = None) -> Content:
    """What is sent of a piece. A series puts its name before the title, and its header where there is no picture."""
    title = f"{series.name} · {piece.title}" if series else piece.title
    return Content(
        title=title[:LONGEST_TITLE],
        text=piece.text,
        link=piece.link,
        link_title=piece.link_title,
        picture_id=piece.picture_id or (series.header_id if series else None),
        value=piece.value,
        piece_id=piece.pk,
        has_variables=has_variables(title, piece.text),
    )
