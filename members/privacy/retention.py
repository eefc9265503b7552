"""How long each kind of data is kept, and the nightly work that ends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.audit import audit_record
from accounts.idempotency import KEPT
from accounts.models import AuditEntry, IdempotentRequest, User
from accounts.policies import policy_get
from members.conduct.models import KeptMessage, Violation
from members.conduct.policy import ConductPolicy
from members.entry.models import Application
from members.entry.services import applications_forget
from members.imports.services import rejected_path
from members.merging.services import UNDO_DAYS
from members.models import ImportRun, MemberExport, MergeRun, Note, RetentionRun
from members.privacy.services import exports_delete

Text = str | Promise
LONGEST = 3650


@dataclass(frozen=True)
class RetentionPolicy:
    """Days by kind of data; a kind that is missing has its default."""

    KEY: ClassVar[str] = "retention"
    days: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """A kind of data that does not stay for ever. `count` and `forget` are about what is older than an instant.

    `fixed` gives the days where they are decided elsewhere; `page` is the URL name of that place.
    """

    slug: str
    label: Text
    help: Text
    days: int
    count: Callable[[datetime], int]
    forget: Callable[[datetime], int]
    fixed: Callable[[], int] | None = None
    page: str = ""
    least: int = 1


_KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    _KINDS[kind.slug] = kind


def all_kinds() -> list[Kind]:
    return list(_KINDS.values())


@dataclass(frozen=True)
class Period:
    kind: Kind
    days: int
    due: int = 0


def periods(*, now: datetime | None = None, days: Mapping[str, int] | None = None) -> list[Period]:
    """What is decided for each kind; with `now` also how much is older than that. `days` tries other numbers out."""
    decided = {**policy_get(RetentionPolicy).days, **(days or {})}
    found = []
    for kind in all_kinds():
        number = kind.fixed() if kind.fixed else decided.get(kind.slug, kind.days)
        found.append(Period(kind, number, kind.count(now - timedelta(days=number)) if now else 0))
    return found


def retention_apply(*, now: datetime, by: User | None = None) -> RetentionRun:
    """Deletes what is older than its period; returns the record. Run again it finds nothing more."""
    removed = {}
    for period in periods():
        if not period.kind.fixed and (count := period.kind.forget(now - timedelta(days=period.days))):
            removed[period.kind.slug] = count
    # Undoing a merge is offered for this long; what it needs holds personal data.
    MergeRun.objects.filter(at__lt=now - timedelta(days=UNDO_DAYS)).exclude(moved={}).update(moved={})
    with transaction.atomic():
        run = RetentionRun.objects.create(
            at=now, by=by, removed={slug: count for slug, count in removed.items() if count}
        )
        if by is not None:
            audit_record(by=by, action="retention.applied", subject=run, after=run.removed)
    return run


def _rejected_files(edge: datetime) -> list[ImportRun]:
    runs = ImportRun.objects.filter(rows_rejected__gt=0, rejected_bytes__gt=0, finished_at__lt=edge)
    return list(runs)


def _forget_rejected(edge: datetime) -> int:
    runs = _rejected_files(edge)
    for run in runs:
        rejected_path(run).unlink(missing_ok=True)
        ImportRun.objects.filter(pk=run.pk).update(rejected_bytes=0)
    return len(runs)


def _delete(rows: object) -> int:
    return int(rows.delete()[0])  # type: ignore[attr-defined]


def register_kinds() -> None:
    register(
        Kind(
            "notes",
            _("Notes about members"),
            _("What staff wrote on the pages of members."),
            1095,
            lambda edge: Note.objects.filter(at__lt=edge).count(),
            lambda edge: _delete(Note.objects.filter(at__lt=edge)),
        )
    )
    register(
        Kind(
            "applications",
            _("Applications to groups"),
            _("Name, WeChat id and answers of those who applied, counted from the decision."),
            365,
            lambda edge: Application.objects.filter(decided_at__lt=edge).count(),
            lambda edge: applications_forget(before=edge),
        )
    )
    register(
        Kind(
            "evidence",
            _("Evidence of violations"),
            _("The texts; that there was a violation stays."),
            180,
            lambda edge: Violation.objects.filter(evidence_until__lt=edge + timedelta(days=_evidence_days())).count(),
            lambda edge: 0,
            fixed=_evidence_days,
            page="members:conduct_settings",
        )
    )
    register(
        Kind(
            "messages",
            _("Kept messages"),
            _("Texts in groups that agreed to keep what is written in them."),
            30,
            lambda edge: KeptMessage.objects.filter(delete_after__lt=edge + timedelta(days=_message_days())).count(),
            lambda edge: 0,
            fixed=_message_days,
            page="members:conduct_settings",
        )
    )
    register(
        Kind(
            "exports",
            _("Copies of one person's data"),
            _("The files that were made for somebody who asked."),
            7,
            lambda edge: MemberExport.objects.filter(created_at__lt=edge).count(),
            lambda edge: exports_delete(MemberExport.objects.filter(created_at__lt=edge)),
        )
    )
    register(
        Kind(
            "rejected",
            _("Rejected rows of imports"),
            _("The files with the rows that could not be imported. Imported files are deleted at once."),
            30,
            lambda edge: len(_rejected_files(edge)),
            _forget_rejected,
        )
    )
    register(
        Kind(
            "audit",
            _("Audit trail"),
            _("Who changed what, before and after."),
            1825,
            lambda edge: AuditEntry.objects.filter(at__lt=edge).count(),
            lambda edge: _delete(AuditEntry.objects.filter(at__lt=edge)),
            least=180,
        )
    )
    register(
        Kind(
            "idempotency",
            _("Answers to repeated API calls"),
            _("Kept so that a call that is sent again is not carried out again."),
            KEPT.days,
            lambda edge: IdempotentRequest.objects.filter(created_at__lt=edge).count(),
            lambda edge: 0,
            fixed=lambda: KEPT.days,
        )
    )


def _evidence_days() -> int:
    return policy_get(ConductPolicy).evidence_days


def _message_days() -> int:
    return policy_get(ConductPolicy).keep_days
