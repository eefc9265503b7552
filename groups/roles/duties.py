"""Duties of roles in groups: what they are, whose they are now, and ticking them off."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.audit import audit_record
from accounts.models import Policy, User
from groups.models import Group, GroupState
from groups.roles.models import Duty, DutyCheck, GroupRole, Rhythm, StaffRole

# The period of what is done once: a day that no other period begins with.
ONCE = date(2000, 1, 1)
MOST_DUTIES = 20

SUGGESTED: tuple[tuple[str, str, str], ...] = (
    (GroupRole.OWNER, Rhythm.OPENING, gettext_noop("Name the operating team and agree who answers when")),
    (GroupRole.OWNER, Rhythm.OPENING, gettext_noop("Invite the seed users before anybody else")),
    (GroupRole.OWNER, Rhythm.DAILY, gettext_noop("Greet newcomers and ask them to introduce themselves")),
    (GroupRole.OWNER, Rhythm.WEEKLY, gettext_noop("Talk with the opinion leaders about next week")),
    (GroupRole.ADMINISTRATOR, Rhythm.OPENING, gettext_noop("Put up the rules and the welcome text")),
    (GroupRole.ADMINISTRATOR, Rhythm.DAILY, gettext_noop("Read the group and settle what breaks the rules")),
    (GroupRole.ADMINISTRATOR, Rhythm.DAILY, gettext_noop("See that every question has an answer")),
    (GroupRole.ADMINISTRATOR, Rhythm.WEEKLY, gettext_noop("Go through the members who fell silent")),
    (GroupRole.LEADER, Rhythm.DAILY, gettext_noop("Answer a question of your field")),
    (GroupRole.LEADER, Rhythm.WEEKLY, gettext_noop("Share one piece of experience")),
    (GroupRole.INITIATOR, Rhythm.WEEKLY, gettext_noop("Bring in somebody who fits the group")),
    (GroupRole.SEED, Rhythm.DAILY, gettext_noop("Join in early, so that nobody talks into silence")),
)


class StaleDuties(Exception):
    """Somebody else changed the duties of this role since the page was opened."""


@dataclass(frozen=True)
class DutyDraft:
    """A line of the form: an existing duty by its number, or a new one."""

    text: str
    rhythm: str
    pk: int | None = None


@dataclass(frozen=True)
class MyDuty:
    """A duty across the groups where it is somebody's: those where it is done in this period, and those left."""

    duty: Duty
    done: list[Group]
    left: list[Group]

    @property
    def total(self) -> int:
        return len(self.done) + len(self.left)


def period_of(rhythm: str, now: datetime) -> date:
    """The first day of the period in which a duty of this rhythm counts as done: today, this Monday, or once."""
    today = timezone.localdate(now)
    if rhythm == Rhythm.DAILY:
        return today
    return today - timedelta(days=today.weekday()) if rhythm == Rhythm.WEEKLY else ONCE


def periods(now: datetime) -> dict[str, date]:
    return {rhythm: period_of(rhythm, now) for rhythm in Rhythm.values}


def due_in(duty: Duty, group: Group) -> bool:
    """Whether the duty is to be done in this group now: before it opens, or while it runs."""
    return group.state == (GroupState.FORMING if duty.rhythm == Rhythm.OPENING else GroupState.ACTIVE)


def duties_version(duties: Iterable[Duty]) -> str:
    """A short fingerprint of the duties of a role, so that nobody saves over a change they never saw."""
    text = "\x1f".join(f"{duty.pk} {duty.rhythm} {duty.text}" for duty in duties)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def duties_save(*, by: User, now: datetime, role: str, drafts: Sequence[DutyDraft], version: str = "") -> None:
    """Makes these the duties of a role, in this order; what is not named any more is taken away and keeps its past.

    With `version` (of duties_version) a change that somebody else made meanwhile is not overwritten: StaleDuties.
    """
    drafts = [draft for draft in drafts if draft.text.strip()]
    if len(drafts) > MOST_DUTIES:
        raise ValidationError(_("A role has at most %(most)s duties.") % {"most": MOST_DUTIES})
    with transaction.atomic():
        _one_editor_at_a_time(now)
        current = {duty.pk: duty for duty in Duty.objects.in_force().order_by("position", "pk")}
        held = [duty for duty in current.values() if duty.role == role]
        if version and version != duties_version(held):
            raise StaleDuties
        before = [duty.text for duty in held]
        kept = set()
        for position, draft in enumerate(drafts):
            duty = current.get(draft.pk or 0)
            if duty is None or duty.role != role:
                duty = Duty(role=role)
            duty.text, duty.rhythm, duty.position = draft.text.strip(), draft.rhythm, position
            duty.save()
            kept.add(duty.pk)
        Duty.objects.filter(pk__in={duty.pk for duty in held} - kept).update(removed_at=now)
        after = [draft.text.strip() for draft in drafts]
        if before != after:
            first = Duty.objects.filter(role=role).first()
            assert first is not None
            audit_record(
                by=by,
                action="duty.changed",
                subject=first,
                before={"role": role, "duties": before},
                after={"role": role, "duties": after},
            )


def duties_suggest(*, by: User | None, now: datetime) -> int:
    """Writes the suggested duties, in the language of the moment, for roles that have none; returns how many."""
    with transaction.atomic():
        _one_editor_at_a_time(now)
        taken = set(Duty.objects.in_force().values_list("role", flat=True))
        rows = [
            Duty(role=role, rhythm=rhythm, text=_(text), position=position)
            for position, (role, rhythm, text) in enumerate(SUGGESTED)
            if role not in taken
        ]
        for duty in rows:
            duty.save()
        if rows:
            audit_record(by=by, action="duty.changed", subject=rows[0], after={"duties": [duty.text for duty in rows]})
    return len(rows)


def _one_editor_at_a_time(now: datetime) -> None:
    """Of two who save at once the second waits and then sees the first one's change, also where no duty is there yet
    to be locked."""
    Policy.objects.get_or_create(key="duties", defaults={"version": 0, "changed_at": now})
    Policy.objects.select_for_update().get(key="duties")


def my_duties(*, user: User, now: datetime) -> list[MyDuty]:
    """What the roles of `user` ask of them now, by duty across their groups; those with work left come first.
    Three queries, however many groups there are."""
    roles = StaffRole.objects.filter(user=user, group__in=Group.objects.visible_to(user).open())
    held: dict[str, list[Group]] = {}
    for row in roles.select_related("group").order_by("group__name", "group_id"):
        held.setdefault(row.role, []).append(row.group)
    if not held:
        return []
    duties = list(Duty.objects.in_force().filter(role__in=held))
    checks = done_now(duties=duties, groups=[group for groups in held.values() for group in groups], now=now)
    found = []
    for duty in duties:
        groups = [group for group in held[duty.role] if due_in(duty, group)]
        if groups:
            done = [group for group in groups if (duty.pk, group.pk) in checks]
            left = [group for group in groups if (duty.pk, group.pk) not in checks]
            found.append(MyDuty(duty, done, left))
    return sorted(found, key=lambda item: (not item.left, Rhythm.values.index(item.duty.rhythm), item.duty.position))


def done_now(*, duties: Iterable[Duty], groups: Iterable[Group], now: datetime) -> dict[tuple[int, int], DutyCheck]:
    """The checks of the periods at hand, by duty and group. One query."""
    current = periods(now)
    checks = DutyCheck.objects.filter(
        duty__in=[duty.pk for duty in duties],
        group__in={group.pk for group in groups},
        period__in=set(current.values()),
    )
    return {
        (check.duty_id, check.group_id): check
        for check in checks.select_related("duty", "user")
        if check.period == current[check.duty.rhythm]
    }


def duty_tick(*, by: User, now: datetime, duty: Duty, groups: Iterable[Group]) -> list[int]:
    """Marks a duty as done in these groups for the period at hand; returns the groups where it was not done yet.

    Two people who tick the same at once tick it once.
    """
    period = period_of(duty.rhythm, now)
    with transaction.atomic():
        done = set(DutyCheck.objects.filter(duty=duty, period=period).values_list("group_id", flat=True))
        new = [group for group in groups if group.pk not in done]
        DutyCheck.objects.bulk_create(
            [DutyCheck(duty=duty, group=group, period=period, user=by, done_at=now) for group in new],
            ignore_conflicts=True,
            batch_size=500,
        )
    return [group.pk for group in new]


def duty_untick(*, by: User, now: datetime, duty: Duty, groups: Iterable[int]) -> int:
    """Takes back what this person ticked in the period at hand; returns in how many groups."""
    mine = DutyCheck.objects.filter(duty=duty, period=period_of(duty.rhythm, now), user=by, group__in=list(groups))
    return mine.delete()[0]
