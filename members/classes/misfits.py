"""Members who are in a group that is not for them any more, and where they belong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from groups.models import Group, GroupState
from members.models import Membership, StaffTask
from members.work.services import task_draft, tasks_ensure

MOVE = "move_member"
DAYS_TO_MOVE = timedelta(days=3)
# As many as a person can look through; the rest is proposed by pressing again.
MOST_AT_ONCE = 2000

HAS_AUDIENCE = ~Q(audience_tier="") | ~Q(audience_identity="") | Q(audience_grade__isnull=False)
TIER_MISFIT = ~Q(group__audience_tier="") & ~Q(group__audience_tier=F("member__tier"))
# What is not known of a member fits everywhere.
GRADE_MISFIT = Q(group__audience_grade__isnull=False, member__grade__isnull=False) & ~Q(
    group__audience_grade=F("member__grade")
)
IDENTITY_MISFIT = (
    ~Q(group__audience_identity="") & ~Q(member__identity="") & ~Q(group__audience_identity=F("member__identity"))
)
REASONS: dict[str, tuple[Promise, Q]] = {
    "tier": (_("Tier"), TIER_MISFIT),
    "grade": (_("Grade"), GRADE_MISFIT),
    "identity": (_("Identity"), IDENTITY_MISFIT),
}


def misfits(user: User) -> QuerySet[Membership]:
    """Present memberships in groups that are run and whose audience the member is not part of."""
    return (
        Membership.objects.present()
        .filter(TIER_MISFIT | GRADE_MISFIT | IDENTITY_MISFIT)
        .filter(group__in=Group.objects.visible_to(user).open().filter(HAS_AUDIENCE))
        .filter(member__erased_at=None)
        # Said as a negation: nearly nobody is merged, so an index on that would be the slowest way to start from.
        .exclude(member__merged_into__isnull=False)
    )


@dataclass(frozen=True)
class Target:
    """Where a member belongs; `already`: they are in it, so nothing is left but to leave the other one."""

    group_id: int
    name: str
    already: bool = False


@dataclass(frozen=True)
class _Candidate:
    pk: int
    name: str
    branch: int | None
    tier: str
    identity: str
    grade: int | None
    motivation: str
    type: str
    capacity: int
    count: int

    @property
    def room(self) -> int:
        return self.capacity - self.count


def reasons_of(row: Membership) -> list[str]:
    """The keys of REASONS that hold for a membership with its group and member loaded."""
    group, member = row.group, row.member
    found = []
    if group.audience_tier and group.audience_tier != member.tier:
        found.append("tier")
    if group.audience_grade_id and member.grade_id and group.audience_grade_id != member.grade_id:
        found.append("grade")
    if group.audience_identity and member.identity and group.audience_identity != member.identity:
        found.append("identity")
    return found


class Targets:
    """Finds the group to move to: open, of the same branch, with room left, for the class that the member now is of.
    The same motivation counts most, then the same community type, then the room. Two queries for any number of rows.
    """

    def __init__(self, user: User, rows: Iterable[Membership] = ()) -> None:
        groups = Group.objects.visible_to(user).filter(state=GroupState.ACTIVE)
        groups = groups.filter(HAS_AUDIENCE)
        columns = ("pk", "name", "branch_id", "audience_tier", "audience_identity", "audience_grade_id")
        self.groups = [
            _Candidate(*row)
            for row in groups.order_by("pk").values_list(
                *columns, "motivation", "community_type", "capacity", "member_count"
            )
        ]
        self._present: dict[int, set[int]] = {}
        ids = [row.member_id for row in rows]
        there = Membership.objects.present().filter(member__id__among=ids).order_by()
        for member, group in there.values_list("member_id", "group_id") if ids else ():
            self._present.setdefault(member, set()).add(group)
        self._fitting: dict[tuple[object, ...], list[_Candidate]] = {}

    def of(self, row: Membership) -> Target | None:
        fitting = [item for item in self._ranked(row) if item.pk != row.group_id]
        present = self._present.get(row.member_id, set())
        for item in fitting:
            if item.pk in present:
                return Target(item.pk, item.name, already=True)
        free = next((item for item in fitting if item.room > 0), None)
        return Target(free.pk, free.name) if free else None

    def _ranked(self, row: Membership) -> list[_Candidate]:
        """The groups for members of this class, best first; worked out once for each class."""
        group, member = row.group, row.member
        reasons = tuple(reasons_of(row))
        key = (
            *(group.branch_id, group.motivation, group.community_type),
            *(reasons, member.tier, member.identity, member.grade_id),
        )
        if key not in self._fitting:
            # What is not known of a member stands in nobody's way, but is no reason to move either.
            found = [
                item
                for item in self.groups
                if item.branch == group.branch_id
                and (item.tier == member.tier or (not item.tier and "tier" not in reasons))
                and _fits(item.identity, member.identity, "identity" in reasons)
                and _fits(item.grade, member.grade_id, "grade" in reasons)
            ]
            self._fitting[key] = sorted(
                found,
                key=lambda item: (
                    item.motivation != group.motivation,
                    item.type != group.community_type,
                    -item.room,
                    item.pk,
                ),
            )
        return self._fitting[key]


def _fits(wanted: object, has: object, is_reason: bool) -> bool:
    return wanted == has or (not is_reason and (not wanted or not has))


def moves_propose(*, by: User, now: datetime, rows: QuerySet[Membership]) -> tuple[int, int]:
    """Makes a staff task for each row that has somewhere to go: invite to the new group. Returns how many were made,
    and how many rows have nowhere to go or were proposed before."""
    chosen = list(rows.select_related("group__branch", "member")[:MOST_AT_ONCE])
    targets = Targets(by, chosen)
    drafts = []
    for row in chosen:
        target = targets.of(row)
        if target:
            drafts.append(
                task_draft(
                    kind=MOVE,
                    key=f"move:{row.pk}:{target.group_id}",
                    due_at=now + DAYS_TO_MOVE,
                    now=now,
                    group=row.group,
                    member=row.member,
                    subject_id=target.group_id,
                    data={"to": target.name, "already": target.already},
                )
            )
    keys = [draft.key for draft in drafts]
    known = StaffTask.objects.filter(kind=MOVE, key__among=keys).count()
    tasks_ensure(drafts)
    made = StaffTask.objects.filter(kind=MOVE, key__among=keys).count() - known
    return made, len(chosen) - made
