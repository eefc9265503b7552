"""For whom the groups of the demo are: audiences, tags, plans; and members of classes, some in the wrong group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from django.utils import translation

from accounts.models import User
from campaigns.demo.brand import GROUPS, SALES
from groups.bulk.actions import action_named
from groups.bulk.services import bulk_start, bulk_work
from groups.classes.services import grades_usual
from groups.models import Grade, Group, Tier
from groups.presets.services import preset_apply
from groups.services import group_tags_change, tags_named
from members.classes.misfits import misfits, moves_propose
from members.classes.tiers import tiers_recompute
from members.models import Member, Membership

PARENT, TEACHER = "家长", "老师"
# Groups for those who bought.
PAYING = ("杭州·长期班服务群（五年级）", "成都·长期班服务群")
# Every so many members is a year ahead of the group, or teaches.
AHEAD, TEACHES = 61, 211


def positioning_write(*, staff: Mapping[str, User], groups: Sequence[Group], now: datetime) -> None:
    grades_usual(by=staff["lin"])
    grades = list(Grade.objects.all())
    following = {grade.pk: above.pk for grade, above in pairwise(grades)}
    tiers_recompute(now=now)
    newest = tags_named(names=["新开群"], branch=None)
    pupils: dict[int, list[int]] = {}
    for group, plan in zip(groups, GROUPS, strict=True):
        grade = next((item for item in grades if item.name in plan.name), None)
        tier = Tier.NON_PAYING if plan.purpose is SALES else Tier.FIRST_TIME if plan.name in PAYING else ""
        Group.objects.filter(pk=group.pk).update(
            audience_grade=grade, audience_tier=tier, audience_identity=PARENT if grade else ""
        )
        if plan.health == "new":
            preset_apply(by=staff["lin"], now=group.opened_at or now, group=group)
            group_tags_change(by=staff["lin"], group=group, add=newest)
        if grade:
            present = Membership.objects.present().filter(group=group).order_by("pk")
            pupils.setdefault(grade.pk, []).extend(present.values_list("member", flat=True))
    for grade_id, members in pupils.items():
        ahead = members[::AHEAD]
        Member.objects.filter(pk__among=members).update(grade=grade_id, identity=PARENT)
        Member.objects.filter(pk__among=ahead).update(grade=following[grade_id])
        Member.objects.filter(pk__among=members[::TEACHES]).update(identity=TEACHER)
    largest = Group.objects.open().filter(branch=staff["mei"].branch).order_by("-member_count", "pk")[:3]
    # What people of the demo do, they do in their own language.
    with translation.override("zh-hans"):
        run = bulk_start(
            by=staff["mei"],
            now=now,
            key="demo-tags",
            action=action_named("group.tag"),
            params={"tags": "重点群"},
            chosen=Group.objects.filter(pk__in=[group.pk for group in largest]),
        )
    bulk_work(run_id=run.pk, clock=lambda: now)
    trial = misfits(staff["mei"]).filter(group__audience_tier=Tier.NON_PAYING).order_by("pk")
    first = list(trial.values_list("pk", flat=True)[:4])
    moves_propose(by=staff["mei"], now=now, rows=trial.filter(pk__in=first))
