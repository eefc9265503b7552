"""Who is on duty when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, tzinfo

from accounts.models import Role, User
from groups.models import Group, GroupRole, StaffRole
from members.questions.models import DutySwap, DutyWindow, StepTo


def windows_of(group: Group) -> list[DutyWindow]:
    """The windows that hold for a group: its own, else those of its branch, else those of headquarters."""
    rows = DutyWindow.objects.select_related("user").filter(user__is_active=True)
    own = list(rows.filter(group=group))
    if own:
        return own
    branch = list(rows.filter(branch=group.branch_id)) if group.branch_id is not None else []
    return branch or list(rows.filter(group=None, branch=None))


def swapped(users: Iterable[User], day: date) -> list[User]:
    """Those who are really there on a day, each once."""
    swaps = {swap.absent_id: swap.substitute for swap in DutySwap.objects.filter(day=day).select_related("substitute")}
    there = [swaps.get(user.pk, user) for user in users]
    return list({user.pk: user for user in there if user is not None and user.is_active}.values())


def on_duty(*, group: Group, at: datetime, zone: tzinfo) -> list[User]:
    """At most four queries."""
    local = at.astimezone(zone)
    minute = local.hour * 60 + local.minute
    rows = windows_of(group)
    return swapped(
        [row.user for row in rows if row.weekday == local.weekday() and row.start <= minute < row.end], local.date()
    )


def told_of(*, group: Group, to: str, at: datetime, zone: tzinfo) -> list[User]:
    """Whom a step of the ladder tells. Where there is nobody of that sort, the next one on the ladder: a question is
    never left to nobody while somebody could be told."""
    order = [StepTo.DUTY, StepTo.OWNER, StepTo.HEAD]
    for one in order[order.index(StepTo(to)) :]:
        if one == StepTo.DUTY:
            found = on_duty(group=group, at=at, zone=zone)
        elif one == StepTo.OWNER:
            owners = StaffRole.objects.filter(group=group, role=GroupRole.OWNER, user__is_active=True)
            found = [row.user for row in owners.select_related("user")]
        else:
            found = heads_of(group)
        if found:
            return found
    return []


def heads_of(group: Group) -> list[User]:
    """The administrators of the group's branch, else those of headquarters."""
    admins = User.objects.filter(is_active=True, role=Role.ADMIN).order_by("pk")
    own = list(admins.filter(branch=group.branch_id)) if group.branch_id is not None else []
    return own or list(admins.filter(branch=None))
