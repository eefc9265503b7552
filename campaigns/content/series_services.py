"""Every change of series, and of the pieces listed in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import Branch, User
from campaigns.content.headers import PALETTE, HeaderStyle, header_draw
from campaigns.content.models import DrawOrder, Level, Piece, PieceKind, Series, SeriesPiece
from campaigns.content.querysets import PieceQuerySet
from campaigns.content.services import content_tags_named
from delivery.models import Picture
from delivery.services import picture_keep

HEADER = ("name", "header_style", "header_line", "header_color")
MOST_LISTED = 1000
# Both come again after two months at the earliest, as long as there are others.
DAILY_APART = 60


class StaleSeries(Exception):
    """Somebody else changed the series since the form was opened; `series` is how it stands now."""

    def __init__(self, series: Series) -> None:
        super().__init__(series.pk)
        self.series = series


def usable_pieces(series: Series) -> PieceQuerySet:
    """What may be listed in a series: pieces for groups that everybody shares, or that are of its branch."""
    within = Q(branch=None) if series.branch_id is None else Q(branch=None) | Q(branch_id=series.branch_id)
    return Piece.objects.ready().for_groups().filter(within)


def series_create(
    *,
    by: User | None,
    now: datetime,
    name: str,
    branch: Branch | None = None,
    tags: Iterable[str] = (),
    pieces: Sequence[Piece] = (),
    **fields: Any,
) -> Series:
    """Makes a series; `fields` are those of the model. Staff of a branch make series of their branch. Raises
    ValidationError by field."""
    if by is not None and by.branch_id is not None:
        branch = by.branch
    series = Series(name=name.strip(), branch=branch, created_by=by, created_at=now, **fields)
    _check(series)
    header = _header(series, now)
    with transaction.atomic():
        series.header = header
        _save(series)
        series.with_tags.set(content_tags_named(names=tags, branch=branch))
        _list(series, [piece.pk for piece in pieces])
        audit_record(by=by, action="series.created", subject=series, after={"name": series.name, "order": series.order})
    return series


def series_update(
    *, by: User, now: datetime, series: Series, version: int = 0, tags: Iterable[str] | None = None, **changes: Any
) -> Series:
    """Changes a series; its header picture is drawn anew when what stands on it changed. With `version` a change that
    somebody else made meanwhile is not overwritten: StaleSeries. Raises ValidationError by field."""
    if "name" in changes:
        changes["name"] = changes["name"].strip()
    with transaction.atomic():
        current = Series.objects.select_for_update().get(pk=series.pk)
        if version and version != current.version:
            raise StaleSeries(current)
        before, after = changed_fields(current, changes)
        for field, value in after.items():
            setattr(current, field, value)
        _check(current)
        if set(HEADER) & after.keys() or (current.header_style and current.header_id is None):
            current.header = _header(current, now)
        held = list(current.with_tags.all())
        wanted = held if tags is None else content_tags_named(names=tags, branch=current.branch)
        if {tag.pk for tag in wanted} != {tag.pk for tag in held}:
            current.with_tags.set(wanted)
            before["tags"], after["tags"] = ([tag.name for tag in some] for some in (held, wanted))
        if after:
            current.version += 1
        _save(current)
        if after:
            audit_record(by=by, action="series.updated", subject=current, before=before, after=after)
    return current


def series_retire(*, by: User, now: datetime, series: Series) -> bool:
    """Takes a series out of use, which no running post may have. Raises ValidationError when one has."""
    with transaction.atomic():
        current = Series.objects.select_for_update().get(pk=series.pk)
        if current.retired_at is not None:
            return False
        if current.posts.open().exists():
            raise ValidationError(_("Posts that run draw from this series. Stop them first."), code="in_use")
        current.retired_at = now
        current.save(update_fields=["retired_at"])
        audit_record(by=by, action="series.retired", subject=current)
    return True


def series_restore(*, by: User, series: Series) -> bool:
    with transaction.atomic():
        changed = Series.objects.filter(pk=series.pk, retired_at__isnull=False).update(retired_at=None)
        if changed:
            audit_record(by=by, action="series.restored", subject=series)
    return bool(changed)


def series_add(*, by: User, series: Series, piece: Piece) -> bool:
    """Puts a piece at the end of the list. Raises ValidationError for one that the series may not use."""
    with transaction.atomic():
        _locked(series)
        if not usable_pieces(series).filter(pk=piece.pk).exists():
            raise ValidationError(_("This series cannot use that piece."), code="not_usable")
        listed = _listed(series)
        if piece.pk in listed:
            return False
        if len(listed) >= MOST_LISTED:
            raise ValidationError(_("A series lists at most 1,000 pieces."), code="too_many")
        _list(series, [*listed, piece.pk])
        audit_record(by=by, action="series.listed", subject=series, after={"pieces": piece.title})
    return True


def series_remove(*, by: User, series: Series, piece_id: int) -> bool:
    with transaction.atomic():
        _locked(series)
        row = SeriesPiece.objects.filter(series=series, piece_id=piece_id).select_related("piece").first()
        if row is None:
            return False
        row.delete()
        audit_record(by=by, action="series.listed", subject=series, before={"pieces": row.piece.title})
    return True


def series_order(*, by: User, series: Series, piece_ids: Sequence[int]) -> bool:
    """Puts the listed pieces in this order; what somebody else listed meanwhile stays, at the end."""
    with transaction.atomic():
        _locked(series)
        listed = _listed(series)
        known = [pk for pk in dict.fromkeys(piece_ids) if pk in set(listed)]
        wanted = [*known, *(pk for pk in listed if pk not in set(known))]
        if wanted == listed:
            return False
        _list(series, wanted)
        audit_record(by=by, action="series.reordered", subject=series)
    return True


def series_move(*, by: User, series: Series, piece_id: int, step: int) -> bool:
    """Moves a listed piece up (-1) or down (1)."""
    with transaction.atomic():
        _locked(series)
        listed = _listed(series)
        if piece_id not in listed:
            return False
        place = listed.index(piece_id)
        listed.insert(max(0, place + step), listed.pop(place))
        return series_order(by=by, series=series, piece_ids=listed)


def daily_questions_create(*, by: User, now: datetime, names: tuple[str, str]) -> list[Series]:
    """One series of easy questions and one of high quality, each at random; those that are there already stay."""
    made = []
    looks = ((Level.EASY, HeaderStyle.SOLID, "#0f766e"), (Level.DEEP, HeaderStyle.INITIAL, "#1d4ed8"))
    for name, (level, style, color) in zip(names, looks, strict=True):
        there = Series.objects.filter(branch=by.branch, kind=PieceKind.QUESTION, level=level, retired_at=None)
        if there.exists():
            continue
        made.append(
            series_create(
                by=by,
                now=now,
                name=name,
                kind=PieceKind.QUESTION,
                level=level,
                order=DrawOrder.RANDOM,
                no_repeat_days=DAILY_APART,
                header_style=style,
                header_color=color,
            )
        )
    return made


def _locked(series: Series) -> Series:
    return Series.objects.select_for_update().get(pk=series.pk)


def _listed(series: Series) -> list[int]:
    return list(SeriesPiece.objects.filter(series=series).order_by("position", "pk").values_list("piece_id", flat=True))


def _list(series: Series, piece_ids: Sequence[int]) -> None:
    """The caller holds the series locked."""
    rows = {row.piece_id: row for row in SeriesPiece.objects.filter(series=series)}
    moved = []
    for position, pk in enumerate(piece_ids):
        if pk in rows and rows[pk].position != position:
            rows[pk].position = position
            moved.append(rows[pk])
    SeriesPiece.objects.bulk_update(moved, ["position"], batch_size=200)
    SeriesPiece.objects.bulk_create(
        [
            SeriesPiece(series=series, piece_id=pk, position=position)
            for position, pk in enumerate(piece_ids)
            if pk not in rows
        ]
    )


def _header(series: Series, now: datetime) -> Picture | None:
    if not series.header_style:
        return None
    drawn = header_draw(name=series.name, line=series.header_line, color=series.header_color, style=series.header_style)
    return picture_keep(picture=drawn, branch_id=series.branch_id, now=now) if drawn else None


def _check(series: Series) -> None:
    errors: dict[str, list[Any]] = {}
    try:
        series.full_clean(exclude={"created_by"}, validate_constraints=False)
    except ValidationError as error:
        errors = dict(error.error_dict)
    if series.header_style and series.header_style not in HeaderStyle.values:
        errors["header_style"] = [ValidationError(_("This look is not offered."), code="invalid_choice")]
    if series.header_style and series.header_color not in PALETTE:
        errors["header_color"] = [ValidationError(_("Choose one of the colours offered."), code="invalid_choice")]
    if series.level and series.kind == PieceKind.ARTICLE:
        errors["level"] = [ValidationError(_("Only questions have a level."), code="invalid")]
    if errors:
        raise ValidationError(errors)


def _save(series: Series) -> None:
    try:
        with transaction.atomic():
            series.save()
    except IntegrityError:
        raise ValidationError(
            {"name": ValidationError(_("There is a series of this name already."), code="unique")}
        ) from None
