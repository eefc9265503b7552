"""Every change of clean-ups."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Q
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from activity.models import BuiltInKind
from community_ops.lib.languages import language_of
from members.cleanup.conditions import Conditions, cleanup_groups, cleanup_listed, why
from members.cleanup.models import (
    CleanupExemption,
    CleanupItem,
    CleanupRule,
    CleanupRun,
    ItemState,
    RunState,
)
from members.ingestion import Deed, events_by_hand, events_take_back
from members.models import Membership, StaffTask, TaskState
from members.work.services import task_draft, tasks_cancel, tasks_ensure

TASK = "cleanup_remove"
BATCH = 500
DUE = timedelta(days=3)
# A worker reports after each batch; one that was silent this long is dead.
SILENCE = timedelta(seconds=30)


class TakenOverError(Exception):
    """Another worker goes on with this run."""


def cleanup_rule_save(*, by: User, now: datetime, name: str, conditions: Conditions) -> CleanupRule:
    """Keeps conditions under a name, in the place of those that had it. Rules of a branch are its own. Raises
    ValidationError by field."""
    conditions.check()
    rule = CleanupRule.objects.filter(name=name.strip(), branch=by.branch).first()
    before = rule.conditions if rule else {}
    rule = rule or CleanupRule(name=name.strip(), branch=by.branch, created_at=now)
    rule.conditions = conditions.kept()
    with transaction.atomic():
        rule.full_clean(validate_constraints=False)
        rule.save()
        audit_record(by=by, action="cleanup.rule_saved", subject=rule, before=before, after=rule.conditions)
    return rule


def cleanup_rule_delete(*, by: User, rule: CleanupRule) -> None:
    """Forgets a rule; what was cleaned up by it stays on record."""
    with transaction.atomic():
        audit_record(by=by, action="cleanup.rule_deleted", subject=rule, before=rule.conditions)
        rule.delete()


def exemption_grant(
    *, by: User, now: datetime, membership: Membership, reason: str, until: datetime | None = None
) -> CleanupExemption:
    """Lets clean-ups spare somebody in a group, until an instant or for good. An open removal is called off.

    Raises ValidationError by field.
    """
    if not reason.strip():
        raise ValidationError({"reason": _("Say why they are spared.")}, code="required")
    if until is not None and until <= now:
        raise ValidationError({"until": _("Choose a day that is still to come.")}, code="invalid")
    with transaction.atomic():
        found, _made = CleanupExemption.objects.update_or_create(
            membership=membership,
            defaults={"reason": reason.strip()[:200], "until": until, "since": now, "granted_by": by},
        )
        audit_record(
            by=by,
            action="cleanup.exempted",
            subject=membership.member,
            after={"group": membership.group, "reason": found.reason, "until": until},
        )
        for item in CleanupItem.objects.filter(membership=membership, state=ItemState.OPEN):
            cleanup_item_settle(by=by, now=now, item=item, state=ItemState.KEPT, note=found.reason)
            tasks_cancel(now=now, kind=TASK, subject_id=item.pk)
    return found


def exemption_end(*, by: User, exemption: CleanupExemption) -> None:
    """From now on clean-ups list the person again."""
    with transaction.atomic():
        membership = exemption.membership
        audit_record(
            by=by,
            action="cleanup.exemption_ended",
            subject=membership.member,
            before={"group": membership.group, "reason": exemption.reason, "until": exemption.until},
        )
        exemption.delete()


def cleanup_start(
    *,
    by: User,
    now: datetime,
    conditions: Conditions,
    reason: str,
    at_once: bool = False,
    rule: CleanupRule | None = None,
) -> CleanupRun:
    """Begins a clean-up: the workers list the people, see cleanup_advance. Raises ValidationError by field."""
    conditions.check()
    if not reason.strip():
        raise ValidationError({"reason": _("Say why: it stays on record.")}, code="required")
    listed = cleanup_listed(conditions, groups=cleanup_groups(conditions, user=by), now=now).filter(spared="")
    figures = listed.order_by().aggregate(until=Max("pk"))
    with transaction.atomic():
        run = CleanupRun.objects.create(
            rule=rule,
            name=rule.name if rule else "",
            branch=by.branch,
            conditions=conditions.kept(),
            reason=reason.strip()[:200],
            at_once=at_once,
            started_by=by,
            started_at=now,
            until=figures["until"] or 0,
            expected=listed.count(),
        )
        audit_record(
            by=by,
            action="cleanup.started",
            subject=run,
            after={"reason": run.reason, "at_once": at_once, "people": run.expected, **run.conditions},
        )
    return run


def cleanup_undo(*, by: User, now: datetime, run: CleanupRun) -> bool:
    """Takes a whole clean-up back: what is open is called off, who was removed is present again. The workers do it.
    False when it is taken back already."""
    with transaction.atomic():
        changed = CleanupRun.objects.filter(pk=run.pk, state__in=[RunState.LISTING, RunState.OPEN]).update(
            state=RunState.UNDOING, undone_by=by, cursor=0, heartbeat_at=None
        )
        if changed:
            audit_record(by=by, action="cleanup.undone", subject=run, before={"reason": run.reason})
    return bool(changed)


def cleanup_advance(*, run_id: int, now: datetime) -> bool:
    """Deals with the next people of a run; whether there is more to do. Safe to run twice, and two at once: the batch
    of whoever comes second is rolled back."""
    run = CleanupRun.objects.select_related("started_by", "undone_by").filter(pk=run_id).first()
    if run is None or not run.is_at_work:
        return False
    try:
        with transaction.atomic():
            return _list_more(run, now) if run.state == RunState.LISTING else _undo_more(run, now)
    except TakenOverError:
        return False


def cleanups_unattended(*, now: datetime) -> list[int]:
    """Runs that no worker is at: what a killed one left, and what the broker lost."""
    silent = Q(heartbeat_at=None) | Q(heartbeat_at__lt=now - SILENCE)
    at_work = CleanupRun.objects.filter(silent, state__in=[RunState.LISTING, RunState.UNDOING])
    return list(at_work.values_list("pk", flat=True))


def _save(run: CleanupRun, now: datetime, *, cursor: int, finished: str = "") -> None:
    mine = CleanupRun.objects.filter(pk=run.pk, state=run.state, cursor=run.cursor)
    if not mine.update(cursor=cursor, heartbeat_at=now, state=finished or run.state):
        raise TakenOverError


def _list_more(run: CleanupRun, now: datetime) -> bool:
    """Puts the next people on the run. The moment of its start decides who is listed, however long it takes."""
    user = run.started_by
    rows: list[Membership] = []
    if user is not None and user.is_active:
        conditions = Conditions.read(run.conditions)
        listed = cleanup_listed(conditions, groups=cleanup_groups(conditions, user=user), now=run.started_at)
        waiting = listed.filter(spared="", pk__gt=run.cursor, pk__lte=run.until)
        rows = list(waiting.select_related("member", "group__branch").order_by("pk")[:BATCH])
    is_last = len(rows) < BATCH
    _save(run, now, cursor=rows[-1].pk if rows else run.cursor, finished=RunState.OPEN if is_last else "")
    if rows and user is not None:
        reasons = {row.pk: why(conditions, row, now=run.started_at) for row in rows}
        drafts = [CleanupItem(run=run, membership=row, why=reasons[row.pk]) for row in rows]
        # Who is on another run already stays there.
        CleanupItem.objects.bulk_create(drafts, ignore_conflicts=True)
        items = CleanupItem.objects.filter(run=run, membership__in=rows, state=ItemState.OPEN)
        # Another run may have removed somebody while this one waited for it.
        items.exclude(membership__in=Membership.objects.present()).delete()
        found = list(items.select_related("membership__member", "membership__group__branch", "run").order_by("pk"))
        if run.at_once:
            _remove(found, user, now)
        else:
            tasks_ensure([_task(item, run, now) for item in found])
    return not is_last


def _task(item: CleanupItem, run: CleanupRun, now: datetime) -> StaffTask:
    member, group = item.membership.member, item.membership.group
    with translation.override(language_of(group.name)):
        words = _(
            "Hello %(name)s, we are making room in %(group)s and have taken out who was quiet for long. "
            "You are welcome back at any time: just tell me."
        ) % {"name": member.name, "group": group.name}
    return task_draft(
        kind=TASK,
        key=f"cleanup:{item.pk}",
        due_at=now + DUE,
        now=now,
        group=group,
        member=member,
        subject_id=item.pk,
        data={"words": words, "reason": run.reason},
    )


def _undo_more(run: CleanupRun, now: datetime) -> bool:
    undone = [ItemState.OPEN, ItemState.REMOVED]
    waiting = CleanupItem.objects.filter(run=run, state__in=undone, pk__gt=run.cursor)
    rows = list(waiting.select_related("membership__member", "membership__group").order_by("pk")[:BATCH])
    is_last = len(rows) < BATCH
    _save(run, now, cursor=rows[-1].pk if rows else run.cursor, finished=RunState.UNDONE if is_last else "")
    _take_back(rows, run.undone_by, now)
    return not is_last


def _ref(item: CleanupItem) -> str:
    return f"cleanup-{item.pk}"


def _remove(items: list[CleanupItem], by: User, now: datetime) -> None:
    """Writes down that these people are out. Their items must be open and locked, or made in this transaction."""
    deeds = [
        Deed(
            _ref(item),
            item.membership.member,
            item.membership.group,
            BuiltInKind.LEFT,
            now,
            properties={"reason": "cleanup", "run": item.run_id},
        )
        for item in items
    ]
    events_by_hand(deeds=deeds, now=now)
    CleanupItem.objects.filter(pk__in=[item.pk for item in items]).update(
        state=ItemState.REMOVED, settled_at=now, settled_by=by
    )
    for item in items:
        audit_record(
            by=by,
            action="member.removed",
            subject=item.membership.member,
            after={"group": item.membership.group, "reason": item.run.reason},
        )


def _take_back(items: list[CleanupItem], by: User | None, now: datetime) -> None:
    numbers = [item.pk for item in items]
    removed = [item for item in items if item.state == ItemState.REMOVED]
    events_take_back(refs=[_ref(item) for item in removed], now=now)
    CleanupItem.objects.filter(pk__in=numbers).update(state=ItemState.UNDONE, settled_at=now, settled_by=by)
    # Also those that are done: there is nothing left to open again.
    StaffTask.objects.filter(kind=TASK, subject_id__in=numbers).update(state=TaskState.CANCELLED, settled_at=now)
    for item in removed:
        audit_record(
            by=by,
            action="member.removal_undone",
            subject=item.membership.member,
            after={"group": item.membership.group},
        )


def _held(item: CleanupItem) -> CleanupItem:
    rows = CleanupItem.objects.select_related("membership__member", "membership__group", "run")
    return rows.select_for_update(of=("self",)).get(pk=item.pk)


def cleanup_item_undo(*, by: User, now: datetime, item: CleanupItem) -> bool:
    """Takes one person back: an open removal is called off, a removed one is present again. False when there is
    nothing to take back."""
    with transaction.atomic():
        current = _held(item)
        if current.state not in (ItemState.OPEN, ItemState.REMOVED):
            return False
        _take_back([current], by, now)
    return True


def cleanup_item_settle(*, by: User, now: datetime, item: CleanupItem, state: str, note: str = "") -> bool:
    """Writes down what became of a person: removed, or kept. False when it was settled before."""
    with transaction.atomic():
        current = _held(item)
        if current.state != ItemState.OPEN:
            return False
        if state == ItemState.REMOVED:
            _remove([current], by, now)
            CleanupItem.objects.filter(pk=item.pk).update(note=note)
        else:
            CleanupItem.objects.filter(pk=item.pk).update(
                state=ItemState.KEPT, settled_at=now, settled_by=by, note=note
            )
    return True


def cleanup_item_reopen(*, by: User, now: datetime, item: CleanupItem) -> None:
    """The task was settled by mistake: the person is to be removed again, and is present until then. Where another
    clean-up listed them meanwhile, that one gives way."""
    with transaction.atomic():
        current = _held(item)
        if current.state == ItemState.REMOVED:
            events_take_back(refs=[_ref(current)], now=now)
        others = CleanupItem.objects.filter(membership=current.membership, state=ItemState.OPEN).exclude(pk=current.pk)
        for other in others:
            cleanup_item_undo(by=by, now=now, item=other)
        CleanupItem.objects.filter(pk=item.pk).update(state=ItemState.OPEN, settled_at=None, settled_by=None, note="")
