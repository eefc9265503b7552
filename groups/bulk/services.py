"""Preview, start, work and undo of runs over many rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Case, Count, F, IntegerField, QuerySet, Value, When
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from groups.bulk.actions import (
    BulkAction,
    Changed,
    Params,
    Unchanged,
    action_named,
    subject_named,
)
from groups.bulk.models import BulkRow, BulkRun, BulkState, RowState

log = structlog.get_logger(__name__)

# Rows in one transaction: quick enough that other writers never wait for long.
CHUNK = 200
NAMES_SHOWN = 5


@dataclass(frozen=True)
class Part:
    """Some of the rows chosen: how many, the first names, and why they stay as they are (empty: they change)."""

    count: int
    names: list[str]
    reason: str = ""

    @property
    def more(self) -> int:
        return self.count - len(self.names)


@dataclass(frozen=True)
class Preview:
    total: int
    changing: Part
    unchanged: list[Part]


def _verdict(action: BulkAction, by: User, params: Params) -> tuple[list[str], Case]:
    """The reasons to leave a row alone, and the expression that tells the number of the first that holds."""
    reasons = action.unchanged(by, params)
    cases = [When(condition, then=Value(number)) for number, (_reason, condition) in enumerate(reasons)]
    return [str(reason) for reason, _condition in reasons], Case(*cases, default=Value(-1), output_field=IntegerField())


def bulk_preview(*, by: User, action: BulkAction, params: Params, chosen: QuerySet[Any]) -> Preview:
    """What a run would do with the `chosen` rows. The number of queries depends on the reasons only."""
    reasons, verdict = _verdict(action, by, params)
    subject = subject_named(action.subject)
    rows = subject.visible_to(by).filter(pk__in=chosen.order_by().values("pk")).alias(verdict=verdict)
    counts = dict(
        rows.annotate(found=F("verdict")).order_by().values("found").annotate(n=Count("pk")).values_list("found", "n")
    )

    def part(number: int, reason: str = "") -> Part:
        named = rows.filter(verdict=number).order_by(subject.named_by, "pk")
        names = named.values_list(subject.named_by, flat=True)[:NAMES_SHOWN]
        return Part(counts.get(number, 0), list(names), reason)

    unchanged = [part(number, reason) for number, reason in enumerate(reasons) if counts.get(number)]
    return Preview(sum(counts.values()), part(-1), unchanged)


def bulk_start(
    *, by: User, now: datetime, key: str, action: BulkAction, params: Params, chosen: QuerySet[Any]
) -> BulkRun:
    """Writes down which rows are meant and lets the workers begin (groups.bulk.tasks.enqueue_run). The same `key` again
    is the same run."""
    subject = subject_named(action.subject)
    run = BulkRun(
        key=key,
        subject=action.subject,
        action=action.slug,
        params=params,
        title=action.sentence(by, params)[:300],
        started_by=by,
        created_at=now,
    )
    try:
        with transaction.atomic():
            run.save()
            rows = subject.visible_to(by).filter(pk__in=chosen.order_by().values("pk")).order_by(subject.named_by, "pk")
            drafts = [
                BulkRow(run=run, subject_id=pk, name=name[:120])
                for pk, name in rows.values_list("pk", subject.named_by)
            ]
            BulkRow.objects.bulk_create(drafts, batch_size=2000)
            run.total = len(drafts)
            run.save(update_fields=["total"])
            audit_record(by=by, action="bulk.started", subject=run, after={"rows": run.total})
    except IntegrityError:
        return BulkRun.objects.get(key=key, started_by=by)
    return run


def bulk_undo(*, by: User, now: datetime, run: BulkRun) -> bool:
    """Lets the workers take a finished run back, row by row. False when there is nothing to take back."""
    with transaction.atomic():
        changed = BulkRun.objects.filter(pk=run.pk, state__in=[BulkState.DONE, BulkState.FAILED], changed__gt=0).update(
            state=BulkState.UNDOING, heartbeat_at=None, finished_at=None, error=""
        )
        if changed:
            audit_record(by=by, action="bulk.undone", subject=run, before={"rows": run.changed})
    return bool(changed)


def bulk_work(*, run_id: int, clock: Callable[[], datetime] = timezone.now) -> None:
    """Works a run off, chunk by chunk, or goes on where a killed worker stopped. Two workers at one run do no harm:
    each chunk is taken under the lock of its run."""
    run = BulkRun.objects.select_related("started_by").get(pk=run_id)
    by = run.started_by
    with translation.override(by.reads_in if by else settings.LANGUAGE_CODE):
        try:
            while _chunk(run_id, clock()):
                pass
        except OperationalError:
            # The database is away or busy: the run is taken up again after a while.
            raise
        except Exception:
            # Whatever it is: whoever waits for the run must see that it stopped. The error goes on to the log.
            BulkRun.objects.filter(pk=run_id).at_work().update(
                state=BulkState.FAILED,
                finished_at=clock(),
                error=_("An unexpected error stopped it. The log says more."),
            )
            raise


def bulk_names_forget(*, subject: str, ids: Iterable[int]) -> None:
    """Takes the names of these rows out of what runs remember, because their owners asked to be forgotten."""
    BulkRow.objects.filter(run__subject=subject, subject_id__in=list(ids)).update(name="", undo=None)


def _chunk(run_id: int, now: datetime) -> bool:
    """Works on the next rows. False when there is nothing left."""
    with transaction.atomic():
        run = BulkRun.objects.select_for_update().get(pk=run_id)
        if not run.is_at_work:
            return False
        by = run.started_by
        undoing = run.state == BulkState.UNDOING
        waiting = run.rows.filter(state=RowState.CHANGED if undoing else RowState.WAITING).order_by("pk")
        rows = list(waiting[:CHUNK])
        if not rows or by is None or not (by.is_active and by.may_write):
            # Nothing is done in the name of somebody who may not do it any more.
            run.state = BulkState.UNDONE if undoing else BulkState.DONE
            run.finished_at = now
            run.save(update_fields=["state", "finished_at"])
            return False
        (_take_back if undoing else _change)(run, rows, by, now)
        BulkRow.objects.bulk_update(rows, ["state", "note", "undo"])
        for state, count in Counter(row.state for row in rows).items():
            setattr(run, state, getattr(run, state) + count)
        run.heartbeat_at = now
        run.save(update_fields=["heartbeat_at", "changed", "unchanged", "failed", "undone", "kept"])
    log.info("bulk chunk", run=run_id, rows=len(rows), undoing=undoing)
    return True


def _change(run: BulkRun, rows: list[BulkRow], by: User, now: datetime) -> None:
    action = action_named(run.action)
    reasons, verdict = _verdict(action, by, run.params)
    found = subject_named(run.subject).visible_to(by).filter(pk__in=[row.subject_id for row in rows])
    objects = {item.pk: item for item in found.annotate(verdict=verdict)}
    outcomes = action.apply([item for item in objects.values() if item.verdict < 0], run.params, by, now)
    for row in rows:
        item = objects.get(row.subject_id)
        outcome = outcomes.get(row.subject_id, Unchanged(""))
        if item is None:
            row.state, row.note = RowState.FAILED, _("is gone, or out of your reach")
        elif item.verdict >= 0:
            row.state, row.note = RowState.UNCHANGED, reasons[item.verdict][:300]
        elif isinstance(outcome, Changed):
            row.state, row.undo = RowState.CHANGED, outcome.undo
        else:
            row.state = RowState.FAILED if outcome.failed else RowState.UNCHANGED
            row.note = outcome.reason[:300]


def _take_back(run: BulkRun, rows: list[BulkRow], by: User, now: datetime) -> None:
    action = action_named(run.action)
    found = subject_named(run.subject).visible_to(by).filter(pk__in=[row.subject_id for row in rows])
    objects = {item.pk: item for item in found}
    pairs = [(objects[row.subject_id], row.undo) for row in rows if row.subject_id in objects and row.undo is not None]
    kept = action.undo(pairs, run.params, by, now)
    for row in rows:
        if row.subject_id not in objects or row.undo is None:
            row.state, row.note = RowState.KEPT, _("is gone, or out of your reach")
        elif row.subject_id in kept:
            row.state, row.note = RowState.KEPT, kept[row.subject_id][:300]
        else:
            row.state = RowState.UNDONE
