"""Who could be an initiator of a group, and what each brought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Count, Q
from django.db.models.functions import TruncDate
from django.utils import timezone

from activity.models import PRESENCE_KINDS, BuiltInKind, Event
from groups.models import Group, GroupRole
from members.initiators.models import InitiatorProgramme
from members.models import MemberRole, Membership

PROPOSED = 20
ACTIVE_KINDS = sorted(PRESENCE_KINDS - {BuiltInKind.JOINED})


@dataclass
class Figures:
    """What a member did in the group since an instant; `present` of those invited are in the group now."""

    invited: int = 0
    present: int = 0
    active_days: int = 0
    messages: int = 0
    answers: int = 0

    def meet(self, conditions: dict[str, int]) -> bool:
        return all(getattr(self, name) >= least for name, least in conditions.items())


@dataclass(frozen=True)
class Initiator:
    """A role held or ended, with what the member brought since it was given."""

    role: MemberRole
    figures: Figures


@dataclass(frozen=True)
class Proposal:
    membership: Membership
    figures: Figures


def initiators_of(*, group: Group, now: datetime) -> list[Initiator]:
    """All who are or were initiators of the group, those who are first. A constant number of queries."""
    roles = list(
        MemberRole.objects.filter(membership__group=group, role=GroupRole.INITIATOR)
        .select_related("membership__member", "granted_by")
        .order_by("ended_at", "-since", "-pk")
    )
    roles.sort(key=lambda role: role.ended_at is not None)
    if not roles:
        return []
    first = min(role.since for role in roles)
    people = [role.membership.member_id for role in roles]
    days = _by_day(group, first, now, people)
    friends = _invited(group, first, now, people)
    found = []
    for role in roles:
        until = role.ended_at or now
        member = role.membership.member_id
        figures = Figures()
        for joined, is_present in friends.get(member, ()):
            if role.since <= joined <= until:
                figures.invited += 1
                figures.present += is_present
        start, end = timezone.localtime(role.since).date(), timezone.localtime(until).date()
        for day, messages, answers in days.get(member, ()):
            if start <= day <= end:
                figures.active_days += 1
                figures.messages += messages
                figures.answers += answers
        found.append(Initiator(role, figures))
    return found


def proposals_for(*, programme: InitiatorProgramme, now: datetime) -> list[Proposal]:
    """Present members who fulfil every condition and hold no role of an initiator, best first, at most 20. Nobody
    while there is no condition. A constant number of queries."""
    conditions = programme.conditions
    if not conditions:
        return []
    first = timezone.localtime(now).date() - timedelta(days=programme.window_days - 1)
    since = timezone.make_aware(datetime.combine(first, time()))
    figures: dict[int, Figures] = {}
    if conditions.keys() - {"invited"}:
        for member, rows in _by_day(programme.group, since, now).items():
            figures[member] = Figures(
                active_days=len(rows), messages=sum(row[1] for row in rows), answers=sum(row[2] for row in rows)
            )
    for member, friends in _invited(programme.group, since, now).items():
        known = figures.setdefault(member, Figures())
        known.invited, known.present = len(friends), sum(present for _joined, present in friends)
    fitting = {member: found for member, found in figures.items() if found.meet(conditions)}
    held = MemberRole.objects.filter(membership__group=programme.group, role=GroupRole.INITIATOR, ended_at=None)
    memberships = (
        Membership.objects.present()
        .filter(group=programme.group, member__pk__among=sorted(fitting))
        .exclude(pk__in=held.values("membership"))
        .filter(member__merged_into=None, member__erased_at=None)
        .select_related("member")
    )
    found = [Proposal(row, fitting[row.member_id]) for row in memberships]
    found.sort(
        key=lambda row: (row.figures.invited, row.figures.answers, row.figures.active_days, row.figures.messages),
        reverse=True,
    )
    return found[:PROPOSED]


def _by_day(
    group: Group, since: datetime, now: datetime, members: list[int] | None = None
) -> dict[int, list[tuple[date, int, int]]]:
    """For each member the local days with something they did in the group: (day, messages, answers)."""
    events = Event.objects.filter(group_id=group.pk, at__gte=since, at__lte=now, kind__slug__in=ACTIVE_KINDS)
    if members is not None:
        events = events.filter(member_id__in=members)
    rows = (
        events.annotate(day=TruncDate("at", tzinfo=timezone.get_default_timezone()))
        .order_by()
        .values_list("member_id", "day")
        .annotate(
            messages=Count("pk", filter=Q(kind__slug=BuiltInKind.MESSAGE)),
            answers=Count("pk", filter=Q(kind__slug=BuiltInKind.ANSWER)),
        )
    )
    found: dict[int, list[tuple[date, int, int]]] = {}
    for member, day, messages, answers in rows:
        found.setdefault(member, []).append((day, messages, answers))
    return found


def _invited(
    group: Group, since: datetime, now: datetime, members: list[int] | None = None
) -> dict[int, list[tuple[datetime, bool]]]:
    """For each member those who came into the group through them: (when they joined, whether they are there now)."""
    came = Membership.objects.filter(
        group=group, joined_at__gte=since, joined_at__lte=now, member__invited_by__isnull=False
    )
    if members is not None:
        came = came.filter(member__invited_by__in=members)
    found: dict[int, list[tuple[datetime, bool]]] = {}
    for row in came.select_related("member"):
        found.setdefault(row.member.invited_by_id or 0, []).append((row.joined_at, row.is_present))
    return found
