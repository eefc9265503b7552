"""Who brought whom."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import transaction

from accounts.audit import audit_record
from accounts.models import User
from activity.models import BuiltInKind, Event
from members.ingestion.derived import lock_members
from members.models import Member, Membership

Saying = tuple[int, str]


def member_invited_by_set(*, by: User | None, member: Member, inviter: Member) -> bool:
    """Notes who brought a member. The first to be noted stays: False when there is one already, or when it cannot be,
    because nobody invites themselves or whoever invited them."""
    if member.pk == inviter.pk or inviter.invited_by_id == member.pk:
        return False
    with transaction.atomic():
        if not Member.objects.filter(pk=member.pk, invited_by=None).update(invited_by=inviter):
            return False
        member.invited_by = inviter
        audit_record(by=by, action="member.invited_by_set", subject=member, after={"invited_by": inviter})
    return True


def invited_member(properties: str) -> str:
    """The external id of the new member that an `invited` event names in its properties (JSON text), or nothing."""
    named = json.loads(properties)
    name = named.get("member") if isinstance(named, dict) else None
    return name if isinstance(name, str) and 0 < len(name) <= 120 and "\x00" not in name else ""


def inviters_apply(*, by: User | None, sayings: Iterable[Saying], touched: Iterable[int]) -> None:
    """Notes what new `invited` events say: (number of the inviter, their properties). Must run in the transaction that
    adds them, before other rows are locked: `touched` are the members it goes on to change, and all are locked in one
    order. A new member who is not known yet is found by inviters_catch_up()."""
    named = [(inviter, name) for inviter, properties in sayings if (name := invited_member(properties))]
    reach = Member.objects.visible_to(by) if by else Member.objects.all()
    known = reach.select_related("merged_into").filter(external_id__among=[name for _by, name in named])
    people = {member.external_id: member.merged_into or member for member in known}
    if not people:
        return
    lock_members({*touched, *(member.pk for member in people.values())})
    inviters = Member.objects.in_bulk([inviter for inviter, name in named if name in people])
    for number, name in named:
        if name in people:
            member_invited_by_set(by=by, member=people[name], inviter=inviters[number])


def inviters_catch_up(*, since: datetime, now: datetime) -> None:
    """Notes what `invited` events said of members who came to be known only after them. May run again.

    It is not known any more who said it, and a branch names nobody of another one: the two must have been in groups of
    one branch, or the new member in none.
    """
    events = Event.objects.filter(kind__slug=BuiltInKind.INVITED, at__gte=since, at__lte=now, properties__isnull=False)
    rows = events.order_by("at", "pk").values_list("member_id", "properties")
    named = [(inviter, name) for inviter, said in rows if (name := invited_member(json.dumps(said)))]
    known = Member.objects.select_related("merged_into").filter(external_id__among=[name for _by, name in named])
    people = {member.external_id: member.merged_into or member for member in known}
    people = {name: member for name, member in people.items() if member.invited_by_id is None}
    inviters = Member.objects.in_bulk([inviter for inviter, name in named if name in people])
    branches = _branches_of({*inviters, *(member.pk for member in people.values())})
    for number, name in named:
        if name not in people or number not in inviters:
            continue
        theirs = branches[people[name].pk]
        if not theirs or theirs & branches[number]:
            member_invited_by_set(by=None, member=people[name], inviter=inviters[number])


def _branches_of(members: Collection[int]) -> dict[int, set[int | None]]:
    """The branches in whose groups these members are or were; None stands for groups of headquarters."""
    found: dict[int, set[int | None]] = {number: set() for number in members}
    rows = Membership.objects.filter(member__id__among=list(members)).order_by()
    for number, branch in rows.values_list("member_id", "group__branch_id"):
        found[number].add(branch)
    return found
