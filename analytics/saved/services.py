"""Every change of saved reports and of dashboards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from accounts.audit import audit_record
from accounts.models import User
from analytics.saved.models import MOST_PINS, Pin, SavedReport, Sharing

# For so long a deleted report can be brought back.
KEPT = timedelta(days=1)


class StaleReport(Exception):
    """Somebody else changed the report since the form was opened; `report` is how it stands now."""

    def __init__(self, report: SavedReport) -> None:
        super().__init__(report.pk)
        self.report = report


class PinsFull(Exception):
    """There is no room left on the dashboard."""


def report_save(
    *, by: User, now: datetime, kind: str, question: str, name: str, sharing: str = Sharing.OWNER
) -> SavedReport:
    """Keeps a question under a name."""
    report = SavedReport(
        owner=by,
        branch=by.branch,
        name=name.strip(),
        kind=kind,
        question=question,
        sharing=sharing,
        created_at=now,
        changed_at=now,
    )
    report.full_clean()
    with transaction.atomic():
        SavedReport.objects.filter(owner=by, deleted_at__lt=now - KEPT).delete()
        report.save()
        audit_record(by=by, action="report.saved", subject=report, after={"kind": kind, "sharing": sharing})
    return report


def report_change(
    *, by: User, now: datetime, report: SavedReport, name: str, sharing: str, version: int
) -> SavedReport:
    """Renames and shares. Raises StaleReport for who saw an older version."""
    before = {"name": report.name, "sharing": report.sharing}
    after = {"name": name.strip(), "sharing": sharing}
    with transaction.atomic():
        ours = SavedReport.objects.filter(pk=report.pk, version=version, deleted_at=None)
        # The branch is that of the owner today: who moved to another one shares with that.
        if not ours.update(**after, branch=report.owner.branch, changed_at=now, version=version + 1):
            raise StaleReport(SavedReport.objects.get(pk=report.pk))
        audit_record(by=by, action="report.changed", subject=report, before=before, after=after)
    report.refresh_from_db()
    return report


def report_delete(*, by: User, now: datetime, report: SavedReport) -> bool:
    """Takes a report away, from every dashboard too; report_restore brings all of it back. False when it was gone."""
    with transaction.atomic():
        gone = bool(SavedReport.objects.filter(pk=report.pk, deleted_at=None).update(deleted_at=now))
        if gone:
            audit_record(by=by, action="report.deleted", subject=report, before={"name": report.name})
    return gone


def report_restore(*, by: User, report: SavedReport) -> bool:
    with transaction.atomic():
        back = bool(SavedReport.objects.filter(pk=report.pk, deleted_at__isnull=False).update(deleted_at=None))
        if back:
            audit_record(by=by, action="report.restored", subject=report)
    return back


def report_pin(*, user: User, report: SavedReport, position: int | None = None) -> Pin:
    """Puts a report on the dashboard of `user`, last or at `position`. Twice is once. Raises PinsFull."""
    with transaction.atomic():
        pins = _locked(user)
        if found := next((pin for pin in pins if pin.report_id == report.pk), None):
            return found
        if len(pins) >= MOST_PINS:
            # What a person does not see takes no room.
            seen = set(Pin.objects.on_dashboard_of(user).values_list("pk", flat=True))
            Pin.objects.filter(pk__in=[pin.pk for pin in pins if pin.pk not in seen]).delete()
            pins = [pin for pin in pins if pin.pk in seen]
            if len(pins) >= MOST_PINS:
                raise PinsFull
        pin = Pin.objects.create(user=user, report=report, position=0)
        at = len(pins) if position is None else min(position, len(pins))
        _number([*pins[:at], pin, *pins[at:]])
    return pin


def report_unpin(*, user: User, report: SavedReport) -> int | None:
    """Takes a report off the dashboard; answers where it stood, None when it did not."""
    with transaction.atomic():
        pins = _locked(user)
        at = next((at for at, pin in enumerate(pins) if pin.report_id == report.pk), None)
        if at is not None:
            pins.pop(at).delete()
            _number(pins)
    return at


def pins_order(*, user: User, reports: Sequence[int]) -> None:
    """Puts the reports named first, in this order; numbers that are not on the dashboard are passed over."""
    wanted = {number: at for at, number in reversed(list(enumerate(reports)))}
    with transaction.atomic():
        _number(sorted(_locked(user), key=lambda pin: wanted.get(pin.report_id, len(wanted))))


def pin_move(*, user: User, report: SavedReport, step: int) -> None:
    """Moves a report by one place among those that its owner sees; at the end of the row it stays."""
    with transaction.atomic():
        _locked(user)
        numbers = list(Pin.objects.on_dashboard_of(user).values_list("report_id", flat=True))
        if report.pk not in numbers:
            return
        at = numbers.index(report.pk)
        to = min(max(at + step, 0), len(numbers) - 1)
        numbers.insert(to, numbers.pop(at))
        pins_order(user=user, reports=numbers)


def _locked(user: User) -> list[Pin]:
    """The pins of a person, whose dashboard nobody else changes until the transaction ends."""
    User.objects.select_for_update().get(pk=user.pk)
    return list(Pin.objects.filter(user=user).order_by("position", "pk"))


def _number(pins: Sequence[Pin]) -> None:
    changed = []
    for at, pin in enumerate(pins):
        if pin.position != at:
            pin.position = at
            changed.append(pin)
    Pin.objects.bulk_update(changed, ["position"])
