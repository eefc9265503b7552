"""Merging a group that has no life of its own into one that has: where to, who comes along, and back again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext, pgettext_lazy

from accounts.models import User
from analytics.health.warnings import MERGED, warning_settle
from groups.lifecycle import group_merge, group_unmerge
from groups.models import Group, HealthStage
from members.models import Membership, StaffTask
from members.work.kinds import DONE, Outcome, TaskKind, register
from members.work.services import task_draft, tasks_cancel, tasks_ensure

INVITE = "merge_invite"
ACTIVE = timedelta(days=90)  # who was seen in the group within it is worth an invitation
DUE = timedelta(days=3)
OFFERED = 8


@dataclass(frozen=True)
class Fit:
    """A group to merge into, and what speaks for it."""

    group: Group
    reasons: list[str]


def members_to_invite(group: Group, now: datetime) -> QuerySet[Membership]:
    """Present members of a group who were seen in it lately, the latest first."""
    present = Membership.objects.present().filter(group=group, last_seen_at__gt=now - ACTIVE)
    return present.select_related("member").order_by("-last_seen_at", "pk")


def fitting_groups(group: Group, *, by: User, room: int) -> list[Fit]:
    """Open groups of the same branch that are for the same people and have room for so many more, the best first.

    What they are run for weighs most. Another motivation is said and left to the person: often a branch has no second
    group of one motivation that is alive.
    """
    same_people = Q()
    for name in ("audience_tier", "audience_identity", "audience_grade_id"):
        if value := getattr(group, name):
            same_people &= Q(**{name: value}) | Q(**{name: None if name.endswith("_id") else ""})
    found = (
        Group.objects.visible_to(by)
        .open()
        .filter(same_people, branch=group.branch, member_count__lte=F("capacity") - room)
        .exclude(pk=group.pk)
        .exclude(stage=HealthStage.DEAD)
    )
    points = (
        _points(3, motivation=group.motivation)
        + _points(2, stage__in=[HealthStage.ACTIVE, HealthStage.GROWING])
        + _points(1, community_type=group.community_type)
    )
    best = found.annotate(points=points).order_by("-points", "-active_7d", "pk")[:OFFERED]
    return [Fit(other, _reasons(group, other)) for other in best]


def _points(number: int, **condition: object) -> Case:
    return Case(When(**condition, then=Value(number)), default=Value(0), output_field=IntegerField())


def _reasons(group: Group, other: Group) -> list[str]:
    reasons = []
    if group.motivation and other.motivation == group.motivation:
        reasons.append(_("same motivation"))
    elif other.motivation:
        reasons.append(_("other motivation: %(motivation)s") % {"motivation": other.get_motivation_display()})
    if group.community_type and other.community_type == group.community_type:
        reasons.append(_("same community type"))
    if other.audience_tier or other.audience_identity or other.audience_grade_id:
        reasons.append(_("for the same members"))
    room = other.capacity - other.member_count
    reasons.append(ngettext("room for %(room)d more", "room for %(room)d more", room) % {"room": room})
    reasons.append(
        ngettext("%(active)d active in 7 days", "%(active)d active in 7 days", other.active_7d)
        % {"active": other.active_7d}
    )
    return reasons


def merge(*, by: User, now: datetime, group: Group, into: Group) -> int | None:
    """Archives a group in favour of another and makes a task for each active member to be invited there.

    Returns how many tasks; None when the group is closed already. Raises ValidationError when `into` cannot be it.
    """
    with transaction.atomic():
        invited = list(members_to_invite(group, now))
        there = set(Membership.objects.present().filter(group=into).values_list("member_id", flat=True))
        if not group_merge(by=by, group=group, into=into):
            return None
        drafts = [
            task_draft(
                kind=INVITE,
                key=f"{INVITE}:{group.pk}:{into.pk}:{membership.member_id}:{now:%Y%m%d%H%M%S}",
                due_at=now + DUE,
                now=now,
                group=into,
                member=membership.member,
                subject_id=group.pk,
                data={"from": group.name},
            )
            for membership in invited
            if membership.member_id not in there
        ]
        tasks_ensure(drafts)
        warning_settle(by=by, now=now, group=group, outcome=MERGED)
    return len(drafts)


def unmerge(*, by: User, now: datetime, group: Group) -> bool:
    """Opens a merged group again; invitations that nobody made yet are not to be made any more."""
    with transaction.atomic():
        if not group_unmerge(by=by, group=group):
            return False
        tasks_cancel(now=now, kind=INVITE, subject_id=group.pk)
    return True


def _sentence(task: StaffTask) -> str:
    return pgettext("task", "Invite %(member)s to %(group)s: %(old)s was merged into it") % {
        "member": task.member,
        "group": task.group,
        "old": task.data["from"],
    }


def kind_register() -> None:
    register(
        TaskKind(
            slug=INVITE,
            label=pgettext_lazy("task", "Invite after a merge"),
            icon="user-plus",
            sentence=_sentence,
            outcomes=(DONE, Outcome("refused", pgettext_lazy("task", "Does not want to"))),
            link=lambda task: reverse("members:detail", args=[task.member_id]),
        )
    )
