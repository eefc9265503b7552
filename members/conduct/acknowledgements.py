"""Who has read the rules of their group.

A member has read them when they acknowledged the version in force, or an earlier one of the same rule set since the
last version that asked to be read again. A version that does not ask leaves everybody as they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest

from accounts.audit import audit_record
from accounts.models import User
from accounts.policies import policy_get
from groups.models import Group, GroupState, RuleSetVersion, VersionState
from members.conduct.models import AcknowledgedBy, Acknowledgement
from members.conduct.policy import ConductPolicy
from members.models import Membership
from members.work.services import task_draft, tasks_ensure

UNREAD = "conduct_unread"


@dataclass(frozen=True)
class Share:
    """How many of those who are present have read the rules."""

    read: int = 0
    present: int = 0


def version_in_force(group: Group) -> RuleSetVersion | None:
    """The rules that stand in a group now. One query."""
    if group.rule_set_id is None:
        return None
    return RuleSetVersion.objects.filter(rule_set_id=group.rule_set_id, state=VersionState.PUBLISHED).first()


def with_reading(memberships: QuerySet[Membership]) -> QuerySet[Any]:
    """The memberships with `has_read`."""
    versions = RuleSetVersion.objects.filter(rule_set=OuterRef("group__rule_set"), published_at__isnull=False)
    asked_again = versions.filter(reacknowledge=True).order_by("-number").values("number")[:1]
    read = Acknowledgement.objects.filter(
        membership=OuterRef("pk"),
        version__rule_set=OuterRef("group__rule_set"),
        version__number__gte=OuterRef("must_read"),
    )
    return memberships.annotate(must_read=Coalesce(Subquery(asked_again), 0)).annotate(has_read=Exists(read))


def unread(group: Group) -> QuerySet[Any]:
    """Those present who have not read the rules in force, longest in the group first."""
    rows = with_reading(Membership.objects.present().filter(group=group))
    return rows.filter(has_read=False).select_related("member").order_by("joined_at", "pk")


def shares(groups: Iterable[int] | QuerySet[Group]) -> dict[int, Share]:
    """The share of each group that has rules in force. One query."""
    return _shares(Q(group__in=groups), "group")


def rule_set_shares(rule_sets: Iterable[int], user: User) -> dict[int, Share]:
    """The share over all groups that follow each rule set, as far as `user` sees them. One query."""
    seen = Group.objects.visible_to(user).open().filter(rule_set__in=rule_sets)
    return _shares(Q(group__in=seen), "group__rule_set")


def _shares(where: Q, by: str) -> dict[int, Share]:
    in_force = RuleSetVersion.objects.filter(rule_set=OuterRef("group__rule_set"), state=VersionState.PUBLISHED)
    rows = (
        with_reading(Membership.objects.present().filter(where).filter(Exists(in_force)))
        .order_by()
        .values(by)
        .annotate(present=Count("pk"), read=Count("pk", filter=Q(has_read=True)))
    )
    return {row[by]: Share(row["read"], row["present"]) for row in rows}


def rules_acknowledge(
    *, by: User | None, now: datetime, membership: Membership, source: str = AcknowledgedBy.LINK
) -> bool:
    """Keeps that a member has read the rules in force. False when it was known, or there are none."""
    version = version_in_force(membership.group)
    if version is None:
        return False
    with transaction.atomic():
        _made, is_new = Acknowledgement.objects.get_or_create(
            membership=membership, version=version, defaults={"at": now, "source": source, "by": by}
        )
        if is_new and by is not None:
            audit_record(
                by=by,
                action="rules.acknowledged",
                subject=membership.member,
                after={"group": membership.group, "version": version.number},
            )
    return is_new


def unread_tasks_ensure(*, now: datetime) -> int:
    """A task for each active group in which somebody has not read the rules for too long; once for each version.
    Returns how many groups that are."""
    late = now - timedelta(days=policy_get(ConductPolicy).unread_days)
    in_force = RuleSetVersion.objects.filter(rule_set=OuterRef("group__rule_set"), state=VersionState.PUBLISHED)
    rows = (
        with_reading(Membership.objects.present().filter(group__state=GroupState.ACTIVE))
        .annotate(version=Subquery(in_force.values("pk")[:1]), published=Subquery(in_force.values("published_at")[:1]))
        .filter(version__isnull=False, has_read=False)
        .annotate(since=Greatest("joined_at", "published"))
        .filter(since__lte=late)
        .order_by()
        .values("group", "version")
        .annotate(number=Count("pk"))
    )
    found = {(row["group"], row["version"]): row["number"] for row in rows}
    groups = Group.objects.select_related("branch").in_bulk({group for group, _version in found})
    tasks_ensure(
        [
            task_draft(
                kind=UNREAD,
                key=f"conduct:unread:{group_id}:{version_id}",
                due_at=now + timedelta(days=1),
                now=now,
                group=groups[group_id],
                subject_id=group_id,
                data={"number": number},
            )
            for (group_id, version_id), number in found.items()
        ]
    )
    return len(found)
