"""What is decided about answering: hours, targets, ladders, closed days, who is on duty."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import Branch, User
from community_ops.lib.zones import zone_named
from groups.models import Group
from members.questions.hours import DAY_MINUTES, deadline
from members.questions.models import (
    ClosedDay,
    DutySwap,
    DutyWindow,
    EscalationStep,
    Question,
    ServiceHours,
    StepState,
    StepTo,
)
from members.questions.service import PERCENT, key_of, services_for

SECONDS = "seconds"
MOST_STEPS = 6
MOST_WINDOWS = 6
# A week: a longer target is no service target.
LONGEST_TARGET = 7 * 24 * 3600
DAY_LINE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?[\s,;，、\t]*(.*)", re.ASCII)


class StaleHours(Exception):
    """Somebody else changed the hours since the form was opened; `version` is the one that stands now."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


def hours_save(
    *,
    by: User | None,
    now: datetime,
    group: Group | None = None,
    branch: Branch | None = None,
    timezone: str,
    windows: Sequence[Sequence[Sequence[int]]],
    target_seconds: int,
    ladder: Sequence[dict[str, Any]],
    version: int = 0,
) -> ServiceHours:
    """Decides for a group, a branch, or with neither for all; open questions get the deadline that follows.

    Raises ValidationError by field, and StaleHours for who saw an older version.
    """
    if len(windows) != 7:
        raise ValidationError({"windows": _("Hours are given for seven weekdays.")})
    changes = {
        "timezone": str(zone_named(timezone)),
        "windows": [_checked_windows(day) for day in windows],
        "target_seconds": target_seconds,
        "ladder": _checked_ladder(ladder),
    }
    if not 0 < target_seconds <= LONGEST_TARGET:
        raise ValidationError({"target_seconds": _("The target lies between a second and a week.")})
    key = key_of(group, branch)
    with transaction.atomic():
        row, _is_new = ServiceHours.objects.get_or_create(
            key=key, defaults={"group": group, "branch": branch, "version": 0, **changes}
        )
        row = ServiceHours.objects.select_for_update().get(pk=row.pk)
        if row.version != version:
            raise StaleHours(row.version)
        before, after = changed_fields(row, changes)
        for name, value in changes.items():
            setattr(row, name, value)
        row.version = version + 1
        row.save()
        audit_record(by=by, action="service.changed", subject=row, before=before, after=after)
        questions_redue(now=now, group=group, branch=branch)
    return row


def hours_forget(*, by: User, now: datetime, hours: ServiceHours) -> None:
    """A group or a branch follows what holds above it again."""
    with transaction.atomic():
        audit_record(by=by, action="service.forgotten", subject=hours)
        group, branch = hours.group, hours.branch
        hours.delete()
        questions_redue(now=now, group=group, branch=branch)


def _checked_windows(day: Sequence[Sequence[int]]) -> list[list[int]]:
    found = sorted([int(start), int(end)] for start, end in day)
    last = 0
    for start, end in found:
        if not 0 <= start < end <= DAY_MINUTES:
            raise ValidationError({"windows": _("A window begins before it ends.")})
        if start < last:
            raise ValidationError({"windows": _("The windows of a day lie apart from each other.")})
        last = end
    if len(found) > MOST_WINDOWS:
        raise ValidationError({"windows": _("At most %(most)s windows a day.") % {"most": MOST_WINDOWS}})
    return found


def _checked_ladder(ladder: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(ladder) > MOST_STEPS:
        raise ValidationError({"ladder": _("At most %(most)s steps.") % {"most": MOST_STEPS}})
    for step in ladder:
        if step["unit"] not in (PERCENT, SECONDS) or step["to"] not in StepTo.values or not 0 < step["after"] <= 10**6:
            raise ValidationError({"ladder": _("A step says after how much and who is told.")})
    return [{"after": step["after"], "unit": step["unit"], "to": step["to"]} for step in ladder]


def questions_redue(*, now: datetime, group: Group | None = None, branch: Branch | None = None) -> int:
    """Gives the open questions of a group, a branch or all the deadline that follows from what is decided now, and the
    steps that are still to come their time; returns how many questions there were. Must run in a transaction."""
    rows = Question.objects.open().select_related("group")
    if group is not None:
        rows = rows.filter(group=group)
    elif branch is not None:
        rows = rows.filter(group__branch=branch)
    questions = list(rows.prefetch_related("steps"))
    services = services_for({question.group for question in questions}) if questions else {}
    for question in questions:
        service = services[question.group_id]
        Question.objects.open().filter(pk=question.pk).update(
            target_seconds=service.target, due_at=service.due_at(question.asked_at)
        )
        for step in question.steps.all():
            if step.position < len(service.ladder):
                planned = service.ladder[step.position]
                due_at = deadline(question.asked_at, planned.after, service.hours)
                EscalationStep.objects.filter(pk=step.pk, state=StepState.DUE).update(
                    to=planned.to, after=planned.after, due_at=due_at
                )
            else:
                EscalationStep.objects.filter(pk=step.pk, state=StepState.DUE).update(
                    state=StepState.CANCELLED, settled_at=now
                )
        EscalationStep.objects.bulk_create(
            [
                EscalationStep(
                    question=question,
                    position=position,
                    to=planned.to,
                    after=planned.after,
                    due_at=deadline(question.asked_at, planned.after, service.hours),
                )
                for position, planned in enumerate(service.ladder)
            ],
            ignore_conflicts=True,
        )
    return len(questions)


# Closed days


def days_read(text: str) -> list[tuple[date, str]]:
    """Days out of pasted lines as "2026-10-01 National Day"; also with slashes, or as a table of two columns. Raises
    ValidationError that names the lines which are none."""
    found: dict[date, str] = {}
    wrong: list[str] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        match = DAY_LINE.fullmatch(line)
        try:
            if match is None:
                raise ValueError
            year, month, number, name = match.groups()
            found[date(int(year), int(month), int(number))] = name.strip()[:60]
        except ValueError:
            wrong.append(line[:40])
    if wrong:
        raise ValidationError(
            {"days": _("These lines begin with no day as 2026-10-01: %(lines)s") % {"lines": "; ".join(wrong[:5])}}
        )
    if not found:
        raise ValidationError({"days": _("Write at least one day.")})
    return sorted(found.items())


def closed_days_add(
    *, by: User | None, now: datetime, days: Iterable[tuple[date, str]], branch: Branch | None = None
) -> int:
    """Closes local days for a branch, or with none for all; returns how many are new."""
    with transaction.atomic():
        known = set(ClosedDay.objects.filter(branch=branch).values_list("day", flat=True))
        rows = [ClosedDay(day=day, name=name, branch=branch) for day, name in days if day not in known]
        ClosedDay.objects.bulk_create(rows, ignore_conflicts=True)
        for row in ClosedDay.objects.filter(branch=branch, day__in=[row.day for row in rows]):
            audit_record(by=by, action="service.day_closed", subject=row, after={"name": row.name})
        questions_redue(now=now, branch=branch)
    return len(rows)


def closed_day_remove(*, by: User, now: datetime, day: ClosedDay) -> None:
    with transaction.atomic():
        audit_record(by=by, action="service.day_opened", subject=day, before={"name": day.name})
        branch = day.branch
        day.delete()
        questions_redue(now=now, branch=branch)


# Duty


@dataclass(frozen=True)
class DutyDraft:
    """A person on duty on some weekdays, minutes after midnight."""

    user: User
    weekdays: Sequence[int]
    start: int
    end: int


def duty_add(
    *, by: User | None, draft: DutyDraft, group: Group | None = None, branch: Branch | None = None
) -> list[DutyWindow]:
    """Puts somebody on duty every week; what is there already stays. Raises ValidationError by field."""
    if not draft.weekdays:
        raise ValidationError({"weekdays": _("Choose at least one weekday.")})
    if not 0 <= draft.start < draft.end <= DAY_MINUTES:
        raise ValidationError({"start": _("A window begins before it ends.")})
    if not draft.user.may_write or not draft.user.is_active:
        raise ValidationError({"user": _("%(name)s cannot answer questions.") % {"name": draft.user}})
    with transaction.atomic():
        made = []
        for weekday in draft.weekdays:
            row, is_new = DutyWindow.objects.get_or_create(
                group=group, branch=branch, user=draft.user, weekday=weekday, start=draft.start, end=draft.end
            )
            if is_new:
                made.append(row)
        if made:
            about = {"user": draft.user, "weekdays": len(made), "times": f"{_clock(draft.start)}–{_clock(draft.end)}"}
            audit_record(by=by, action="duty.added", subject=made[0], after=about)
    return made


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def duty_remove(*, by: User, window: DutyWindow) -> None:
    with transaction.atomic():
        about = {"user": window.user, "times": f"{_clock(window.start)}–{_clock(window.end)}"}
        audit_record(by=by, action="duty.removed", subject=window, before=about)
        window.delete()


def swap_set(*, by: User, day: date, absent: User, substitute: User | None) -> DutySwap:
    """On this day somebody else is on duty, or nobody. Raises ValidationError by field."""
    if substitute is not None and substitute.pk == absent.pk:
        raise ValidationError({"substitute": _("Choose somebody else.")})
    with transaction.atomic():
        try:
            with transaction.atomic():
                row = DutySwap.objects.create(day=day, absent=absent, substitute=substitute)
        except IntegrityError:
            row = DutySwap.objects.select_for_update().get(day=day, absent=absent)
            row.substitute = substitute
            row.save(update_fields=["substitute"])
        audit_record(by=by, action="duty.swapped", subject=row, after={"absent": absent, "substitute": substitute})
    return row


def swap_remove(*, by: User, swap: DutySwap) -> None:
    with transaction.atomic():
        audit_record(by=by, action="duty.swap_removed", subject=swap)
        swap.delete()
