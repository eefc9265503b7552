"""The yearly move up: groups that are named by a school grade, and members, go to the next grade."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import BigIntegerField, Case, Count, QuerySet, Value, When
from django.utils import timezone

from accounts.audit import audit_record
from accounts.models import User
from accounts.policies import policy_get
from groups.models import Grade, Group
from members.classes.models import MoveKind, PromotionMove, PromotionRun
from members.classes.policy import PromotionPolicy
from members.models import Member
from members.work.services import task_draft, tasks_cancel, tasks_ensure

GRADUATED = "graduated_group"
BATCH = 5000
# A machine that was off on the day catches up; a community that switches it on in winter waits for the next year.
CATCH_UP = timedelta(days=30)


class AlreadyPromoted(Exception):
    """The year has its move up already."""


@dataclass(frozen=True)
class GroupMove:
    group: Group
    grade: Grade
    name: str

    @property
    def is_renamed(self) -> bool:
        return self.name != self.group.name


@dataclass(frozen=True)
class Plan:
    """What a run would do. `clashing` would get the name of another group, `graduating` have no grade above them."""

    moves: list[GroupMove] = field(default_factory=list)
    clashing: list[GroupMove] = field(default_factory=list)
    graduating: list[Group] = field(default_factory=list)
    members: list[tuple[Grade, Grade | None, int]] = field(default_factory=list)

    @property
    def member_total(self) -> int:
        return sum(count for _grade, _next, count in self.members)


def promotion_plan() -> Plan:
    """What moves up, what cannot, and what leaves school. The number of queries is constant."""
    grades = list(Grade.objects.all())
    # Without a grade there is no last one either.
    following = dict(zip(grades, [*grades[1:], None], strict=False))
    groups = list(Group.objects.open().select_related("branch").order_by("name", "pk"))
    wanted, graduating = [], []
    for group in groups:
        grade = next((item for item in grades if item.pk == group.audience_grade_id), None)
        if grade is None:
            continue
        above = following[grade]
        if above is None:
            graduating.append(group)
        else:
            wanted.append(GroupMove(group, above, group.name.replace(grade.name, above.name)))
    moves, clashing = _without_clashes(groups, wanted)
    counts = dict(_members().order_by().values("grade").annotate(n=Count("pk")).values_list("grade", "n"))
    members = [(grade, following[grade], counts[grade.pk]) for grade in grades if counts.get(grade.pk)]
    return Plan(moves, clashing, graduating, members)


def _members() -> QuerySet[Member]:
    return Member.objects.current().exclude(grade=None)


def _without_clashes(groups: list[Group], wanted: list[GroupMove]) -> tuple[list[GroupMove], list[GroupMove]]:
    """Leaves out those whose new name another group of the branch would have too. One left out keeps its own name,
    which may stand in the way of the next, so it is looked at until nothing changes."""
    moves, clashing = list(wanted), list[GroupMove]()
    while True:
        moving = {move.group.pk: move.name for move in moves}
        names = Counter((group.branch_id, moving.get(group.pk, group.name)) for group in groups)
        bad = [move for move in moves if move.is_renamed and names[move.group.branch_id, move.name] > 1]
        # Of two that get one name, both stay. A name longer than the field cannot be kept either.
        bad += [move for move in moves if len(move.name) > 120]
        if not bad:
            return moves, clashing
        clashing += bad
        moves = [move for move in moves if move not in bad]


def promotion_run(*, by: User | None, now: datetime, year: int) -> PromotionRun:
    """Moves everything up once for a year. Raises AlreadyPromoted when the year was done."""
    try:
        with transaction.atomic():
            run = PromotionRun.objects.create(year=year, at=now, by=by)
            _promote(run, by, now)
            audit_record(
                by=by, action="promotion.run", subject=run, after={"groups": run.groups, "members": run.members}
            )
    except IntegrityError as error:
        if PromotionRun.objects.filter(year=year, undone_at=None).exists():
            raise AlreadyPromoted from error
        raise
    return run


def _promote(run: PromotionRun, by: User | None, now: datetime) -> None:
    # Members before groups, each by number, as everybody else locks them.
    people = list(_members().order_by("pk").select_for_update(no_key=True).values_list("pk", "grade"))
    list(Group.objects.open().exclude(audience_grade=None).order_by("pk").select_for_update(no_key=True))
    plan = promotion_plan()
    for move in plan.moves:
        group = move.group
        Group.objects.filter(pk=group.pk).update(name=move.name, audience_grade=move.grade)
        audit_record(
            by=by,
            action="group.promoted",
            subject=group,
            before={"name": group.name, "audience_grade_id": group.audience_grade_id},
            after={"name": move.name, "audience_grade_id": move.grade.pk},
        )
    PromotionMove.objects.bulk_create(
        [
            PromotionMove(
                run=run,
                kind=MoveKind.GROUP,
                subject_id=move.group.pk,
                grade_before_id=move.group.audience_grade_id,
                grade_after=move.grade,
                name_before=move.group.name,
                name_after=move.name,
            )
            for move in plan.moves
        ],
        batch_size=BATCH,
    )
    following = {grade.pk: above.pk if above else None for grade, above, _count in plan.members}
    moves = [
        PromotionMove(
            run=run, kind=MoveKind.MEMBER, subject_id=pk, grade_before_id=grade, grade_after_id=following.get(grade)
        )
        for pk, grade in people
    ]
    PromotionMove.objects.bulk_create(moves, batch_size=BATCH)
    if following:
        cases = [When(grade=grade, then=Value(above)) for grade, above in following.items()]
        _members().update(grade=Case(*cases, output_field=BigIntegerField()))
    run.groups, run.members = len(plan.moves), len(moves)
    run.left_alone = len(plan.clashing) + len(plan.graduating)
    run.save(update_fields=["groups", "members", "left_alone"])
    tasks_ensure(
        [
            task_draft(
                kind=GRADUATED,
                key=f"graduated:{run.pk}:{group.pk}",
                due_at=now + timedelta(days=14),
                now=now,
                group=group,
                subject_id=run.pk,
            )
            for group in plan.graduating
        ]
    )


def promotion_undo(*, by: User, now: datetime, run: PromotionRun) -> bool:
    """Takes a run back: exactly what it changed, except where that was changed since. False when it is undone."""
    with transaction.atomic():
        current = PromotionRun.objects.select_for_update().get(pk=run.pk)
        if current.undone_at:
            return False
        restored = 0
        for move in current.moves.filter(kind=MoveKind.GROUP):
            mine = Group.objects.filter(pk=move.subject_id, name=move.name_after, audience_grade=move.grade_after_id)
            if mine.update(name=move.name_before, audience_grade=move.grade_before_id):
                restored += 1
                audit_record(
                    by=by,
                    action="group.promotion_undone",
                    subject=Group.objects.get(pk=move.subject_id),
                    before={"name": move.name_after, "audience_grade_id": move.grade_after_id},
                    after={"name": move.name_before, "audience_grade_id": move.grade_before_id},
                )
        people = current.moves.filter(kind=MoveKind.MEMBER)
        pairs = people.order_by().values_list("grade_before", "grade_after").distinct()
        # Who they are is fixed first: a member who goes from b to a must not be taken for one who went from a to b.
        sets = []
        for before, after in pairs:
            same = people.filter(grade_before=before, grade_after=after).values_list("subject_id", flat=True)
            sets.append((before, list(same), after))
        for before, ids, after in sets:
            restored += Member.objects.filter(pk__among=ids, grade=after).update(grade=before)
        tasks_cancel(now=now, kind=GRADUATED, subject_id=current.pk)
        current.undone_at, current.undone_by = now, by
        current.kept = current.moves.count() - restored
        current.save(update_fields=["undone_at", "undone_by", "kept"])
        audit_record(by=by, action="promotion.undone", subject=current, after={"restored": restored})
    return True


def promotion_run_due(*, now: datetime) -> bool:
    """Moves up by itself on the day that administrators chose, once a year; a year that was undone by hand is left."""
    policy = policy_get(PromotionPolicy)
    today = timezone.localdate(now)
    day = policy.day_in(today.year)
    if not policy.on or not day <= today <= day + CATCH_UP or not Grade.objects.exists():
        return False
    if PromotionRun.objects.filter(year=today.year).exists():
        return False
    try:
        promotion_run(by=None, now=now, year=today.year)
    except AlreadyPromoted:
        return False
    return True
