"""Every change of pieces and of the words by which they are found again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import Branch, User
from campaigns.content.hooks import piece_changed
from campaigns.content.models import ContentTag, Piece, PieceKind, PieceState
from campaigns.content.variables import PERSONAL_VARIABLES
from community_ops.lib.variables import check_variables
from delivery.models import Picture

LONGEST_TAG = 40
# What members read of a piece: a change of these reaches what is planned.
SENT = frozenset({"title", "text", "link", "link_title", "picture_id", "value"})


class StalePiece(Exception):
    """Somebody else changed the piece since the form was opened; `piece` is how it stands now."""

    def __init__(self, piece: Piece) -> None:
        super().__init__(piece.pk)
        self.piece = piece


def piece_create(
    *,
    by: User | None,
    now: datetime,
    title: str,
    text: str,
    value: str,
    kind: str = PieceKind.ARTICLE,
    level: str = "",
    link: str = "",
    link_title: str = "",
    picture: Picture | None = None,
    tags: Iterable[str] = (),
    branch: Branch | None = None,
    state: str = PieceState.READY,
    import_key: str = "",
) -> Piece:
    """Adds a piece. Staff of a branch write pieces of their branch. Raises ValidationError by field."""
    if by is not None and by.branch_id is not None:
        branch = by.branch
    piece = Piece(
        kind=kind,
        title=title.strip(),
        text=plain(text),
        link=link.strip(),
        link_title=link_title.strip(),
        picture=picture,
        value=value,
        level=level if kind == PieceKind.QUESTION else "",
        branch=branch,
        state=state,
        import_key=import_key,
        created_by=by,
        created_at=now,
        updated_at=now,
    )
    _check(piece)
    with transaction.atomic():
        piece.save()
        piece.tags.set(content_tags_named(names=tags, branch=branch))
        audit_record(
            by=by,
            action="piece.created",
            subject=piece,
            after={"kind": piece.kind, "value": piece.value, "level": piece.level, "text": piece.text},
        )
    return piece


def piece_update(
    *,
    by: User,
    now: datetime,
    piece: Piece,
    version: int = 0,
    tags: Iterable[str] | None = None,
    **changes: Any,
) -> Piece:
    """Changes fields of a piece (`picture_id` and `branch_id` by their numbers), and with `tags` which it has. What is
    planned with it gets the new words. With `version` a change that somebody else made meanwhile is not overwritten:
    StalePiece. Raises ValidationError by field."""
    for name in ("title", "link", "link_title"):
        if name in changes:
            changes[name] = changes[name].strip()
    if "text" in changes:
        changes["text"] = plain(changes["text"])
    if changes.get("kind", piece.kind) != PieceKind.QUESTION:
        changes["level"] = ""
    with transaction.atomic():
        current = Piece.objects.select_for_update().get(pk=piece.pk)
        if version and version != current.version:
            raise StalePiece(current)
        before, after = changed_fields(current, changes)
        for name, value in after.items():
            setattr(current, name, value)
        _check(current)
        if current.is_to_one_person and not piece.is_to_one_person:
            _check_for_groups(current)
        if after.get("branch_id") is not None:
            _check_narrowing(current)
        held = list(current.tags.all())
        wanted = held if tags is None else content_tags_named(names=tags, branch=current.branch)
        if {tag.pk for tag in wanted} != {tag.pk for tag in held}:
            current.tags.set(wanted)
            before["tags"], after["tags"] = ([tag.name for tag in some] for some in (held, wanted))
        if not after:
            return current
        current.version += 1
        current.updated_at = now
        current.save()
        audit_record(by=by, action="piece.updated", subject=current, before=before, after=after)
        if (SENT | {"state"}) & after.keys():
            piece_changed(current, now)
    return current


def piece_set_state(*, by: User, now: datetime, piece: Piece, state: str) -> bool:
    """Retires a piece, or puts it back; whether that changed anything."""
    with transaction.atomic():
        current = Piece.objects.select_for_update().get(pk=piece.pk)
        if current.state == state:
            return False
        before, current.state = current.state, state
        current.version += 1
        current.updated_at = now
        current.save(update_fields=["state", "version", "updated_at"])
        action = "piece.retired" if state == PieceState.RETIRED else "piece.restored"
        audit_record(by=by, action=action, subject=current, before={"state": before}, after={"state": state})
        piece_changed(current, now)
    piece.state, piece.version = current.state, current.version
    return True


def pieces_tag(
    *, by: User, now: datetime, pieces: Collection[Piece], add: Iterable[ContentTag] = (), remove: Iterable[int] = ()
) -> dict[int, list[int]]:
    """Puts tags on pieces or takes them off; answers with the numbers of the tags that changed, by piece."""
    changed: dict[int, list[int]] = {}
    add, remove = list(add), set(remove)
    with transaction.atomic():
        for piece in Piece.objects.select_for_update().filter(pk__in=[piece.pk for piece in pieces]).order_by("pk"):
            held = {tag.pk: tag for tag in piece.tags.all()}
            added = [tag for tag in add if tag.pk not in held and tag.branch_id in (None, piece.branch_id)]
            removed = [tag for pk, tag in held.items() if pk in remove]
            if not added and not removed:
                continue
            piece.tags.add(*added)
            piece.tags.remove(*removed)
            Piece.objects.filter(pk=piece.pk).update(version=piece.version + 1, updated_at=now)
            changed[piece.pk] = [tag.pk for tag in (*added, *removed)]
            audit_record(
                by=by,
                action="piece.tagged",
                subject=piece,
                before={"tags": [tag.name for tag in removed]} if removed else None,
                after={"tags": [tag.name for tag in added]} if added else None,
            )
    return changed


def content_tags_named(*, names: Iterable[str], branch: Branch | None) -> list[ContentTag]:
    """The tags with these names: shared ones or the branch's own; those that are missing are made for `branch` (none:
    shared by all). Raises ValidationError for a name that is too long."""
    wanted = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if any(len(name) > LONGEST_TAG for name in wanted):
        raise ValidationError({"tags": _("A tag has at most 40 characters.")})
    within = Q(branch=None) | Q(branch=branch) if branch else Q(branch=None)
    known = {tag.name: tag for tag in ContentTag.objects.filter(within, name__in=wanted).order_by("branch_id")}
    for name in wanted:
        if name not in known:
            known[name], _made = ContentTag.objects.get_or_create(name=name, branch=branch)
    return [known[name] for name in wanted]


def plain(text: str) -> str:
    """A text as it is kept: lines end in one way, whatever the browser or the file made of them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def link_problem(link: str) -> str:
    """Why members could not open this address, or nothing."""
    try:
        parts = urlsplit(link)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if usable and not any(character.isspace() for character in link):
        return ""
    return _("Enter an address that begins with https:// or http://.")


def _check(piece: Piece) -> None:
    errors: dict[str, list[Any]] = {}
    try:
        piece.full_clean(exclude={"created_by"}, validate_constraints=False)
    except ValidationError as error:
        errors = dict(error.error_dict)
    for name in ("title", "text"):
        try:
            check_variables(getattr(piece, name), PERSONAL_VARIABLES)
        except ValidationError as error:
            errors.setdefault(name, []).extend(error.error_list)
    if piece.link and (problem := link_problem(piece.link)):
        errors.setdefault("link", []).append(ValidationError(problem, code="invalid"))
    if piece.link_title and not piece.link:
        errors.setdefault("link", []).append(ValidationError(_("Words of a link need its address."), code="required"))
    if piece.kind == PieceKind.QUESTION and not piece.level:
        errors.setdefault("level", []).append(
            ValidationError(_("A question is either easy or of high quality."), code="required")
        )
    if errors:
        raise ValidationError(errors)


def _check_for_groups(piece: Piece) -> None:
    """What is sent to whole groups cannot begin to name one member."""
    if piece.listed_in.exists() or piece.posts.open().exists():
        text = _("Series or running posts send this piece to whole groups, so it cannot say {name}.")
        raise ValidationError({"text": ValidationError(text, code="in_use")})


def _check_narrowing(piece: Piece) -> None:
    """What series and posts of all branches use cannot become one branch's own."""
    if piece.listed_in.exists() or piece.posts.exists() or piece.occurrences.exists():
        raise ValidationError(
            {"branch": ValidationError(_("Series or posts use this piece, so its branch stays."), code="in_use")}
        )
