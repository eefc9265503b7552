"""Every change of segments, and their daily counts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import Branch, User
from members.models import Segment, SegmentCount
from members.segments.filters import definition_check, viewer_of
from members.segments.selectors import segment_members


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
