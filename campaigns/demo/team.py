"""Who runs the groups of the demo, what they did today, and what is still to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import translation

from accounts.models import User
from campaigns.demo.brand import GROUPS, STAFF
from groups.models import Group, GroupRole
from groups.roles.duties import duties_suggest, duty_tick, my_duties
from groups.roles.services import staff_role_grant
from members.roles.leaders import candidates
from members.roles.services import member_role_grant
from members.work.notes import task_write

LEADERS = 3
TASKS = (
    ("给绘本馆回电话，确认周末共读的场地", -3),
    ("把新学期课表发给群主们核对", 5),
    ("整理本周家长问得最多的三个问题", 26),
)


def team_write(*, staff: dict[str, User], groups: Sequence[Group], now: datetime) -> None:
    with translation.override("zh-hans"):
        duties_suggest(by=None, now=now)
    lin = staff["lin"]
    owner_of = {person.branch: staff[person.username] for person in STAFF if person.role == "operator"}
    for number, (group, plan) in enumerate(zip(groups, GROUPS, strict=True)):
        if plan.health in ("archived", "dead"):
            continue
        since = group.opened_at or now
        owner = owner_of.get(plan.branch, lin)
        # One group of each branch has no owner yet: the product says so.
        if number % 7 != 6:
            staff_role_grant(by=lin, now=since, group=group, user=owner, role=GroupRole.OWNER)
        if number % 3 == 0 and owner != lin:
            staff_role_grant(by=lin, now=since, group=group, user=lin, role=GroupRole.ADMINISTRATOR)
        if plan.health == "lively":
            for candidate in candidates(group=group, now=now)[:LEADERS]:
                member_role_grant(by=owner, now=now, membership=candidate.membership, role=GroupRole.LEADER)
    mei = staff["mei"]
    for item in my_duties(user=mei, now=now):
        if item.duty.rhythm == "daily":
            duty_tick(by=mei, now=now, duty=item.duty, groups=item.left[: len(item.left) // 2])
    for text, hours in TASKS:
        task_write(by=mei, now=now - timedelta(hours=26), text=text, due_at=now + timedelta(hours=hours))
