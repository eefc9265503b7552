"""A copy of what is held about a person, and the end of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record, audit_redact
from accounts.models import AuditEntry, User
from activity.models import Event
from activity.services import events_forget_properties
from groups.bulk.services import bulk_names_forget
from members.entry.models import Application
from members.identities import lock_identities, tombstone_digest
from members.merging.uniting import Pointer, pointers_at
from members.models import ExportState, Member, MemberExport, Membership, Tombstone
from members.privacy.mentions import mentions_forget
from members.privacy.treatments import Fate, treatment_of


class AlreadyErased(Exception):
    """Somebody was quicker."""


@dataclass(frozen=True)
class Held:
    """Rows of one table about a person, and what erasing does to them."""

    label: str
    count: int
    fate: Fate

    @property
    def fate_label(self) -> str:
        return str(self.fate.label)


def _rows(people: list[Member]) -> Iterator[tuple[Pointer, models.QuerySet[Any]]]:
    """Everything that points at these rows or at their times in groups."""
    for pointer in pointers_at(Member):
        if pointer.model is not Member:
            yield pointer, pointer.model._base_manager.filter(**{f"{pointer.name}__in": people})
    memberships = Membership.objects.filter(member__in=people)
    for pointer in pointers_at(Membership):
        yield pointer, pointer.model._base_manager.filter(**{f"{pointer.name}__in": memberships})


def _people(member: Member) -> list[Member]:
    """A person's rows: the member, and those that were merged into it."""
    return [member, *Member.objects.filter(merged_into=member)]


def erasure_preview(member: Member) -> list[Held]:
    """What is held about a person, table by table, and what would become of it."""
    people = _people(member)
    numbers = [person.pk for person in people]
    events = Event.objects.filter(member_id__in=numbers)
    with_properties = events.filter(properties__isnull=False).count()
    held = [
        Held(_("name, WeChat id, identity and own fields"), 1, Fate.GOES),
        Held(_("events"), events.count(), Fate.STAYS),
        Held(_("events with details of their own"), with_properties, Fate.EMPTIED),
    ]
    counts: dict[tuple[str, Fate], int] = {}
    for pointer, rows in _rows(people):
        treatment = treatment_of(pointer)
        key = (str(treatment.label), treatment.fate)
        counts[key] = counts.get(key, 0) + rows.count()
    held += [Held(label, count, fate) for (label, fate), count in counts.items()]
    entries = AuditEntry.objects.filter(subject_type="members.member", subject_id__in=numbers).count()
    held.append(Held(_("entries of the audit trail"), entries, Fate.EMPTIED))
    return [part for part in held if part.count]


def member_erase(*, by: User | None, now: datetime, member: Member) -> None:
    """Removes everything that says who somebody is. The row stays under its number, so that counts stay; its external
    id is forgotten but for a keyed hash, which keeps other systems from bringing the person back. There is no undo.
    `by` empty: the person did it.

    Raises AlreadyErased.
    """
    with transaction.atomic():
        lock_identities()
        member = Member.objects.select_for_update().get(pk=member.pk)
        if member.erased_at or member.merged_into_id:
            raise AlreadyErased
        people = _people(member)
        numbers = [person.pk for person in people]
        names = [person.external_id for person in people]
        mentions_forget(people)
        for pointer, rows in _rows(people):
            treatment = treatment_of(pointer)
            audit_redact(
                subject_type=pointer.model._meta.label_lower, subject_ids=list(rows.values_list("pk", flat=True))
            )
            if treatment.before:
                treatment.before(rows, now)
            if treatment.fate == Fate.GOES:
                rows.delete()
            elif treatment.blank:
                rows.update(**treatment.blank)
        # Applications that never led to a membership know the person by id only.
        Application.objects.filter(member=None, external_id__in=names).delete()
        for person in people:
            events_forget_properties(member_id=person.pk, names=names)
            person.name = f"#{person.pk}"
            person.external_id = f"erased-{secrets.token_hex(8)}"
            person.identity = person.contact = ""
            person.fields, person.no_marketing, person.erased_at = {}, True, now
            person.save(
                update_fields=["name", "external_id", "identity", "contact", "fields", "no_marketing", "erased_at"]
            )
        digests = [tombstone_digest(name) for name in names]
        Tombstone.objects.bulk_create([Tombstone(digest=digest, at=now) for digest in digests], ignore_conflicts=True)
        audit_redact(subject_type="members.member", subject_ids=numbers)
        bulk_names_forget(subject="member", ids=numbers)
        audit_record(by=by, action="member.erased", subject=people[0])


# Copies


def export_request(*, by: User, now: datetime, member: Member) -> MemberExport:
    """Asks for a copy of everything held about a person; a task makes it (see copying.py)."""
    with transaction.atomic():
        export = MemberExport.objects.create(member=member, asked_by=by, created_at=now)
        audit_record(by=by, action="member.exported", subject=member)
    return export


# So many copies of their own a member may ask for within a day.
COPIES_A_DAY = 3


def export_request_own(*, now: datetime, member: Member) -> MemberExport | None:
    """A member asks for their own copy; nothing when one is being made, or they asked too often today."""
    with transaction.atomic():
        Member.objects.select_for_update(no_key=True).get(pk=member.pk)
        own = MemberExport.objects.filter(member=member, by_member=True)
        if own.filter(state=ExportState.WAITING).exists():
            return None
        if own.filter(created_at__gt=now - timedelta(days=1)).count() >= COPIES_A_DAY:
            return None
        export = MemberExport.objects.create(member=member, by_member=True, created_at=now)
        audit_record(by=None, action="member.exported", subject=member)
    return export


def export_path(export: MemberExport) -> Path:
    return Path(settings.MEDIA_ROOT) / export.path


def exports_waiting() -> list[int]:
    """Copies that are still to be made."""
    waiting = MemberExport.objects.filter(state=ExportState.WAITING)
    return list(waiting.order_by("pk").values_list("pk", flat=True))


def exports_delete(exports: models.QuerySet[MemberExport]) -> int:
    """Deletes copies with their files; returns how many."""
    count = 0
    for export in exports:
        if export.path:
            export_path(export).unlink(missing_ok=True)
        export.delete()
        count += 1
    return count
