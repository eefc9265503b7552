"""Violations: made, judged by people, appealed against, and what follows from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import Role, User
from accounts.policies import policy_get
from delivery.models import Missed
from delivery.services import Content, NewDelivery, deliveries_plan, message_create
from groups.channel import channel_kind
from groups.models import Action, Group, GroupState, Rule
from members.conduct.ladder import action_for
from members.conduct.models import Appeal, GroupConduct, MessageType, Source, Violation, ViolationState
from members.conduct.policy import ConductPolicy
from members.conduct.words import language_of, reminder_words
from members.ingestion.derived import lock_members
from members.models import Member, StaffTask, TaskState
from members.points.models import Transfer
from members.points.services import account_of, issuer, points_transfer
from members.work.services import task_draft, task_ensure, tasks_cancel, tasks_ensure

# The kinds of tasks that carry an action out.
TASK_KINDS = {action: f"conduct_{action}" for action in Action.values}
INVITE_BACK, UNMUTE = "conduct_invite_back", "conduct_unmute"
# How long after it is due a reminder in the group still makes sense.
REMINDER_LATE = timedelta(hours=2)


def strikes_in_force(*, pairs: Iterable[tuple[int, int]], now: datetime) -> dict[tuple[int, int], int]:
    """The strikes that count at `now`, by (member, group); who has none is left out. One query."""
    wanted = set(pairs)
    rows = (
        Violation.objects.in_force(now)
        .filter(
            member__id__among=sorted({member for member, _group in wanted}),
            group__id__among=sorted({group for _member, group in wanted}),
        )
        .order_by()
        .values("member_id", "group_id")
        .annotate(total=Sum("strikes"))
    )
    found = {(row["member_id"], row["group_id"]): row["total"] for row in rows}
    return {pair: total for pair, total in found.items() if pair in wanted}


def violations_begin(
    *, violations: Sequence[Violation], groups: Mapping[int, Group], now: datetime, policy: ConductPolicy
) -> None:
    """Saves violations that rules noticed and begins what follows from each.

    The members must be locked, and the violations of one member in one group must stand in the order of time.
    """
    standing: dict[tuple[int, int], int] = defaultdict(int)
    standing |= strikes_in_force(pairs={(one.member_id, one.group_id) for one in violations}, now=now)
    for one in violations:
        if one.strike_until > now:
            standing[one.member_id, one.group_id] += one.strikes
        one.standing = standing[one.member_id, one.group_id]
        one.action = action_for(version=one.rule.version, action=one.action, strikes=one.strikes, standing=one.standing)
    Violation.objects.bulk_create(violations, batch_size=500)
    _carry_out(violations, groups=groups, now=now, policy=policy)


def _carry_out(
    violations: Sequence[Violation], *, groups: Mapping[int, Group], now: datetime, policy: ConductPolicy
) -> None:
    """Makes the task, or where the group wants it the message in the group, for each action that is due."""
    members = Member.objects.in_bulk({one.member_id for one in violations})
    in_channel = set(
        GroupConduct.objects.filter(group_id__in=groups.keys(), reminds_in_channel=True).values_list("group", flat=True)
    )
    rounds: dict[int, int] = defaultdict(int)
    for subject_id in StaffTask.objects.filter(
        kind__in=TASK_KINDS.values(), subject_id__in=[one.pk for one in violations]
    ).values_list("subject_id", flat=True):
        rounds[subject_id or 0] += 1
    drafts = []
    for one in violations:
        group, member = groups[one.group_id], members[one.member_id]
        if not one.action:
            continue
        mild = one.action in (Action.REMIND, Action.WARN)
        if mild and one.group_id in in_channel and group.state == GroupState.ACTIVE:
            _remind_in_channel(one, group, member, now)
            continue
        drafts.append(
            task_draft(
                kind=TASK_KINDS[one.action],
                key=f"conduct:{one.pk}:{rounds[one.pk]}",
                due_at=now + timedelta(hours=policy.act_within_hours),
                now=now,
                group=group,
                member=member,
                subject_id=one.pk,
                data={"rule": one.rule.text},
            )
        )
    tasks_ensure(drafts)


def _remind_in_channel(violation: Violation, group: Group, member: Member, now: datetime) -> None:
    with language_of(violation.rule.text):
        title = _("Reminder of the group rules")
    deliveries_plan(
        message=message_create(content=Content(title=title, text=reminder_words(violation, member.name))),
        rows=[
            NewDelivery(
                dedupe_key=f"conduct:{violation.pk}:{violation.action}",
                kind=channel_kind(group),
                destination_id=group.destination_id,
                group_id=group.pk,
                group_ref=group.external_id,
                due_at=now,
                missed=Missed.SKIP,
                late_until=now + REMINDER_LATE,
            )
        ],
    )


def violation_record(
    *,
    by: User | None,
    now: datetime,
    member: Member,
    group: Group,
    rule: Rule,
    at: datetime,
    text: str = "",
    message_type: str = MessageType.TEXT,
    reporter: Member | None = None,
) -> Violation:
    """Records what no rule can notice by itself: seen by staff (`by`), or with `reporter` told by a member.

    What staff saw counts at once; what a member told counts once it is confirmed. Raises ValidationError by field.
    """
    if at > now:
        raise ValidationError({"at": _("This lies in the future.")})
    if not member.memberships.filter(group=group).exists():
        raise ValidationError({"member": _("%(name)s was never in this group.") % {"name": member.name}})
    if reporter is not None and reporter.pk == member.pk:
        raise ValidationError({"member": _("Nobody reports themselves.")})
    if rule.version.rule_set_id != group.rule_set_id:
        raise ValidationError({"rule": _("This rule is not one of the group's.")})
    policy = policy_get(ConductPolicy)
    violation = Violation(
        member=member,
        group=group,
        rule=rule,
        source=Source.REPORT if reporter else Source.STAFF,
        reporter=reporter,
        recorded_by=by,
        message_type=message_type,
        text=text,
        at=at,
        noted_at=now,
        evidence_until=now + timedelta(days=policy.evidence_days),
        strikes=rule.strikes,
        strike_until=at + timedelta(days=rule.version.strike_days),
    )
    with transaction.atomic():
        lock_members([member.pk])
        if reporter:
            violation.save()
        else:
            violation.action = rule.action
            violation.state, violation.decided_at, violation.decided_by = ViolationState.CONFIRMED, now, by
            violations_begin(violations=[violation], groups={group.pk: group}, now=now, policy=policy)
        audit_record(
            by=by,
            action="violation.recorded",
            subject=violation,
            after={"member": member, "group": group, "broken_rule": rule.text, "noticed_by": violation.source},
        )
    return violation


def _hold(violation: Violation) -> Violation:
    """The violation as it stands, held together with everything that its decision may touch.

    Tasks before members before violations: the order in which a settled task takes them too.
    """
    list(
        StaffTask.objects.filter(group_id=violation.group_id, member_id=violation.member_id, kind__in=_KINDS)
        .order_by("pk")
        .select_for_update(of=("self",))
        .values_list("pk")
    )
    lock_members([violation.member_id])
    held = Violation.objects.select_related("rule__version", "member", "group__branch", "reporter")
    return held.select_for_update(of=("self",)).get(pk=violation.pk)


def _decide(
    *, by: User, now: datetime, violation: Violation, states: Sequence[str], state: str, note: str, action: str
) -> bool:
    with transaction.atomic():
        current = _hold(violation)
        if current.state not in states:
            return False
        before = {"state": current.state}
        current.state, current.note = state, note
        is_open = state == ViolationState.OPEN
        current.decided_at, current.decided_by = (None, None) if is_open else (now, by)
        current.save(update_fields=["state", "note", "decided_at", "decided_by"])
        _reassess(current, now)
        _reward(current, by, now)
        audit_record(by=by, action=action, subject=current, before=before, after={"state": state, "note": note})
    for name in ("state", "note", "decided_at", "decided_by"):
        setattr(violation, name, getattr(current, name))
    return True


def violation_confirm(*, by: User, now: datetime, violation: Violation, note: str = "") -> bool:
    """Somebody looked at it and it is one. A member who reported it is rewarded, once. False when it was decided."""
    return _decide(
        by=by,
        now=now,
        violation=violation,
        states=[ViolationState.OPEN],
        state=ViolationState.CONFIRMED,
        note=note,
        action="violation.confirmed",
    )


def violation_dismiss(*, by: User, now: datetime, violation: Violation, note: str = "") -> bool:
    """It was none: strikes and open tasks are taken back. False when it was decided by then."""
    return _decide(
        by=by,
        now=now,
        violation=violation,
        states=[ViolationState.OPEN],
        state=ViolationState.DISMISSED,
        note=note,
        action="violation.dismissed",
    )


def violation_reopen(*, by: User, now: datetime, violation: Violation) -> bool:
    """Takes a confirmation or a dismissal back. False when there is none, or an appeal has followed."""
    return _decide(
        by=by,
        now=now,
        violation=violation,
        states=[ViolationState.CONFIRMED, ViolationState.DISMISSED],
        state=ViolationState.OPEN,
        note="",
        action="violation.reopened",
    )


def _reassess(violation: Violation, now: datetime) -> None:
    """Decides anew what follows from the violations of one member in one group, in the order of time.

    Actions that were carried out, or put aside by a person, stay as they are; open tasks follow the strikes that count
    now.
    """
    policy = policy_get(ConductPolicy)
    own = Violation.objects.filter(member_id=violation.member_id, group_id=violation.group_id, strike_until__gt=now)
    rows = list(own.filter(~Q(pk=violation.pk)).select_related("rule__version").order_by("at", "pk"))
    rows = sorted([*rows, violation], key=lambda one: (one.at, one.pk))
    tasks: dict[int, list[StaffTask]] = defaultdict(list)
    for task in StaffTask.objects.filter(kind__in=TASK_KINDS.values(), subject_id__in=[one.pk for one in rows]):
        tasks[task.subject_id or 0].append(task)
    standing = 0
    begin = []
    for one in rows:
        counts = one.counts(now)
        standing += one.strikes if counts else 0
        settled = any(task.state in (TaskState.DONE, TaskState.SKIPPED) for task in tasks[one.pk])
        open_task = next((task for task in tasks[one.pk] if task.state == TaskState.OPEN), None)
        action = ""
        if counts:
            action = action_for(
                version=one.rule.version, action=one.rule.action, strikes=one.strikes, standing=standing
            )
        if settled or (one.pk != violation.pk and open_task is None):
            continue
        if open_task and action != one.action:
            tasks_cancel(now=now, pk=open_task.pk)
            open_task = None
        one.action, one.standing = action, standing
        one.save(update_fields=["action", "standing"])
        if action and open_task is None:
            begin.append(one)
    groups = {violation.group_id: violation.group}
    _carry_out(begin, groups=groups, now=now, policy=policy)


def _reward(violation: Violation, by: User, now: datetime) -> None:
    """Gives the reporter of a confirmed violation their points, and takes them back while they are still there when
    the confirmation is taken back."""
    if violation.reporter is None:
        return
    prefix = f"report:{violation.pk}:"
    moved = list(Transfer.objects.filter(key__startswith=prefix).order_by("pk"))
    account, source = account_of(violation.reporter), issuer()
    given = sum(one.amount if one.credit_id == account.pk else -one.amount for one in moved)
    points = violation.rule.reporter_points
    key = f"{prefix}{len(moved)}"
    if violation.state == ViolationState.CONFIRMED and not given and points:
        reason = _("Reported a broken rule")
        points_transfer(key=key, debit=source, credit=account, amount=points, reason=reason, by=by, now=now)
    elif violation.state == ViolationState.OPEN and 0 < given <= account.balance:
        reason = _("The confirmation was taken back")
        points_transfer(key=key, debit=account, credit=source, amount=given, reason=reason, by=by, now=now)


def appeal_make(*, by: User | None, now: datetime, violation: Violation, text: str) -> Appeal:
    """The member's word against a violation; `by` is the person of the staff who wrote it down for them.

    Strikes count and tasks wait until it is decided. Raises ValidationError when there is nothing to appeal against.
    """
    text = text.strip()
    if not text:
        raise ValidationError({"text": _("Say in a sentence why it was no breach.")})
    with transaction.atomic():
        current = _hold(violation)
        if not current.may_be_appealed or hasattr(current, "appeal"):
            raise ValidationError({"text": _("This cannot be appealed against, or was already.")})
        before = {"state": current.state}
        current.state = ViolationState.APPEALED
        current.save(update_fields=["state"])
        appeal = Appeal.objects.create(violation=current, text=text[:1000], at=now, recorded_by=by)
        # What the member wrote is left out: it goes with the evidence, and is not to outlive it in the record.
        after = {"state": current.state}
        audit_record(by=by, action="violation.appealed", subject=current, before=before, after=after)
    violation.state = current.state
    return appeal


class SamePerson(Exception):
    """Whoever confirmed a violation does not decide on the appeal against it, unless they are an administrator."""


def appeal_decide(*, by: User, now: datetime, violation: Violation, overturned: bool, reason: str) -> bool:
    """Ends an appeal. Overturned, the strikes are taken back with whatever followed: open tasks are cancelled, and for
    what was done already there is a task to undo it. False when it was decided by then.

    Raises SamePerson, and ValidationError without a reason: the member and the first judge both read it.
    """
    reason = reason.strip()
    if not reason:
        raise ValidationError({"reason": _("Say why: the member reads it.")})
    with transaction.atomic():
        current = _hold(violation)
        if current.state != ViolationState.APPEALED:
            return False
        is_same = current.decided_by_id == by.pk
        if is_same and by.role != Role.ADMIN:
            raise SamePerson
        Appeal.objects.filter(violation=current).update(
            decided_at=now, decided_by=by, reason=reason[:500], by_same_person=is_same
        )
        current.state = ViolationState.OVERTURNED if overturned else ViolationState.UPHELD
        current.save(update_fields=["state"])
        if overturned:
            _make_good(current, now)
        _reassess(current, now)
        audit_record(
            by=by,
            action="violation.appeal_decided",
            subject=current,
            before={"state": ViolationState.APPEALED.value},
            after={"state": current.state, "reason": reason, "own_judgement": is_same},
        )
    violation.state = current.state
    return True


def _make_good(violation: Violation, now: datetime) -> None:
    policy = policy_get(ConductPolicy)
    done = StaffTask.objects.filter(subject_id=violation.pk, state=TaskState.DONE, outcome="done")
    due = now + timedelta(hours=policy.act_within_hours)
    about = {"group": violation.group, "member": violation.member, "subject_id": violation.pk}
    data = {"rule": violation.rule.text}
    if done.filter(kind=TASK_KINDS[Action.REMOVE]).exists():
        task_ensure(kind=INVITE_BACK, key=f"conduct:{violation.pk}:back", due_at=due, now=now, data=data, **about)
    if done.filter(kind=TASK_KINDS[Action.MUTE]).exists():
        task_ensure(kind=UNMUTE, key=f"conduct:{violation.pk}:unmute", due_at=due, now=now, data=data, **about)


def evidence_forget(*, before: datetime) -> int:
    """Erases the texts of violations whose evidence was to be kept until `before` at most; returns how many.

    That there was a violation, and of which rule, stays.
    """
    over = Violation.objects.filter(evidence_until__lt=before)
    Appeal.objects.filter(violation__in=over).update(text="")
    return over.update(text="", context=[], hits=[], evidence_until=None)


_KINDS = [*TASK_KINDS.values(), INVITE_BACK, UNMUTE]
