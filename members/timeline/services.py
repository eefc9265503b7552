"""Notes of staff."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.audit import audit_record
from accounts.models import User
from members.models import Member, Note


def note_add(*, by: User, now: datetime, member: Member, text: str) -> Note:
    """Writes a note about a member. Raises ValidationError by field."""
    note = Note(member=member, branch=by.branch, text=text.strip(), at=now, by=by)
    note.full_clean()
    with transaction.atomic():
        note.save()
        # The text is left out: what a note says is not to outlive it in the record.
        audit_record(by=by, action="note.added", subject=note)
    return note


def note_delete(*, by: User, note: Note) -> None:
    with transaction.atomic():
        audit_record(by=by, action="note.deleted", subject=note)
        note.delete()
