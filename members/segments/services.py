"""Every change of segments, and their daily counts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from itertools import chain
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import Branch, User
from community_ops.lib.sql import RowStatement
from members.models import Member, MemberList, Segment, SegmentCount, Tag
from members.segments.filters import Definition, conditions_of, definition_check, viewer_of
from members.segments.selectors import segment_members

MOST_LISTED = 100_000
_INTO = "INSERT INTO members_listedmember (list_id, member_id)"
_ENTRIES = RowStatement(
    types=("bigint", "bigint"),
    sqlite=f"{_INTO} VALUES (%s, %s)",
    postgresql=f"{_INTO} SELECT * FROM {{rows}}",  # noqa: S608
)


class StaleSegment(Exception):
    """Somebody else changed the segment since the form was opened; `segment` is how it stands now."""

    def __init__(self, segment: Segment) -> None:
        super().__init__(segment.pk)
        self.segment = segment


def segment_create(
    *, by: User, now: datetime, name: str, definition: dict[str, Any], branch: Branch | None = None
) -> Segment:
    """Saves a filter under a name. Staff of a branch make segments of their branch. Raises ValidationError by field."""
    if by.branch_id is not None:
        branch = by.branch
    _check(definition, by)
    segment = Segment(name=name.strip(), branch=branch, owner=by, definition=definition, created_at=now)
    with transaction.atomic():
        _save(segment)
        audit_record(
            by=by, action="segment.created", subject=segment, after={"name": segment.name, "definition": definition}
        )
    return segment


def segment_of_members(
    *, by: User, now: datetime, name: str, members: Collection[int], branch: Branch | None = None
) -> Segment:
    """Keeps these members, of those that `by` may see, as they stand now: a list, and a segment of who is on it. Raises
    ValidationError by field, also for more than MOST_LISTED members or none."""
    if by.branch_id is not None:
        branch = by.branch
    known = Member.objects.visible_to(by).current()
    ids = list(known.filter(pk__among=list(members)).order_by().values_list("pk", flat=True))
    if len(ids) > MOST_LISTED:
        message = _("A segment of single members holds at most %(limit)s.") % {"limit": f"{MOST_LISTED:,}"}
        raise ValidationError({"__all__": message})
    if not ids:
        raise ValidationError({"__all__": _("There is nobody to save.")})
    with transaction.atomic():
        made = MemberList.objects.create(name=name.strip()[:60], branch=branch, made_by=by, created_at=now)
        _ENTRIES.execute([(made.pk, pk) for pk in ids])
        definition = {"all": [{"field": "listed", "op": "in", "value": [str(made.pk)]}]}
        segment = segment_create(by=by, now=now, name=name, definition=definition, branch=branch)
        audit_record(by=by, action="segment.members_kept", subject=segment, after={"members": len(ids)})
    return segment


def segment_update(*, by: User, segment: Segment, name: str, definition: dict[str, Any], version: int = 0) -> Segment:
    """Changes a segment. With `version` a change that somebody else made meanwhile is not overwritten: StaleSegment."""
    _check(definition, by)
    with transaction.atomic():
        current = Segment.objects.select_for_update().get(pk=segment.pk)
        if version and version != current.version:
            raise StaleSegment(current)
        before: dict[str, Any] = {"name": current.name, "definition": current.definition}
        after: dict[str, Any] = {"name": name.strip(), "definition": definition}
        if before != after:
            current.name, current.definition, current.version = after["name"], definition, current.version + 1
            _save(current)
            _lists_drop(before["definition"])
            audit_record(by=by, action="segment.updated", subject=current, before=before, after=after)
    return current


def segment_delete(*, by: User, segment: Segment) -> None:
    """Deletes a segment and its counts; its members are not touched."""
    with transaction.atomic():
        audit_record(
            by=by,
            action="segment.deleted",
            subject=segment,
            before={"name": segment.name, "definition": segment.definition},
        )
        segment.delete()
        _lists_drop(segment.definition)


def _lists_drop(definition: Definition) -> None:
    """Deletes the lists of a definition that is no more, unless another segment or the rule of a tag names them."""
    named = _lists_in(definition)
    if named:
        for other in chain(
            Segment.objects.values_list("definition", flat=True),
            Tag.objects.exclude(rule=None).values_list("rule", flat=True),
        ):
            named -= _lists_in(other)
        MemberList.objects.filter(pk__in=named).delete()


def _lists_in(definition: Definition) -> set[int]:
    listed = (item for item in conditions_of(definition) if item["field"] == "listed")
    return {int(value) for item in listed for value in item.get("value") or () if value.isdecimal()}


def segments_count(*, now: datetime) -> int:
    """Writes down how many members each segment holds today, as headquarters and as each branch see it; returns how
    many figures. Run again on the same day, it writes over."""
    day = timezone.localdate(now)
    branches = list(Branch.objects.all())
    written = 0
    for segment in Segment.objects.select_related("branch").order_by("pk"):
        views: list[Branch | None] = [None, segment.branch] if segment.branch else [None, *branches]
        for branch in views:
            number = segment_members(segment, user=viewer_of(branch), now=now).count()
            SegmentCount.objects.update_or_create(segment=segment, branch=branch, day=day, defaults={"members": number})
            written += 1
    return written


def _check(definition: Any, by: User) -> None:
    errors = definition_check(definition, user=by)
    if errors:
        raise ValidationError({"definition": [f"{error.path}: {error.message}" for error in errors]})


def _save(segment: Segment) -> None:
    segment.full_clean(validate_constraints=False)
    try:
        with transaction.atomic():
            segment.save()
    except IntegrityError:
        raise ValidationError({"name": _("There is a segment of this name already.")}) from None
