"""The way of a seed user. Which moves there are, and what follows from them, is decided here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import Branch, User
from accounts.policies import policy_get
from groups.models import Group, GroupRole, Permission
from groups.roles.permissions import may
from members.models import Member, Membership
from members.roles.models import MemberRole
from members.roles.services import member_role_end, member_role_grant
from members.seeds.criteria import SeedPolicy
from members.seeds.models import ENDED, SeedExclusion, SeedMove, SeedStage, SeedUser
from members.work.models import StaffTask
from members.work.services import task_ensure, tasks_cancel

INVITE_TASK = "seed_invite"
Stage = SeedStage
MOVES: dict[str, tuple[SeedStage, ...]] = {
    Stage.CANDIDATE: (Stage.INVITED, Stage.ACCEPTED, Stage.DROPPED),
    Stage.INVITED: (Stage.ACCEPTED, Stage.CANDIDATE, Stage.DROPPED),
    Stage.ACCEPTED: (Stage.ACTIVE, Stage.INVITED, Stage.DROPPED),
    Stage.ACTIVE: (Stage.GRADUATED, Stage.ACCEPTED, Stage.DROPPED),
    Stage.GRADUATED: (Stage.ACTIVE,),
    Stage.DROPPED: (Stage.CANDIDATE,),
}
# Here the member holds the role of a seed user in their group.
WITH_ROLE = (Stage.ACCEPTED, Stage.ACTIVE)


class MovedMeanwhile(Exception):
    """Somebody else moved the seed user since the page was opened; `seed` is as it stands now."""

    def __init__(self, seed: SeedUser) -> None:
        super().__init__(seed)
        self.seed = seed

    @property
    def last_move(self) -> SeedMove | None:
        return self.seed.moves.select_related("by").first()


class StaleSeed(Exception):
    """Somebody else changed the seed user since the form was opened; `seed` is as it stands now."""

    def __init__(self, seed: SeedUser) -> None:
        super().__init__(seed)
        self.seed = seed


def seed_move(
    *, by: User | None, now: datetime, seed: SeedUser, to: str, expected: str = "", note: str = ""
) -> SeedMove:
    """Moves a seed user to another stage. `expected` is the stage that the person saw.

    Whoever is invited gives their owner a task; whoever accepts holds the role in their group, until they graduate or
    drop out. Dropping asks for a reason. Raises MovedMeanwhile, ValidationError, and PermissionDenied where the person
    may not invite in the group concerned.
    """
    with transaction.atomic():
        current = _locked(seed)
        if expected and current.stage != expected:
            raise MovedMeanwhile(current)
        if to not in MOVES[current.stage]:
            raise ValidationError({"to": _("There is no way from this stage to that one.")})
        if to == Stage.DROPPED and not note.strip():
            raise ValidationError({"note": _("Say why, so that nobody asks them again by mistake.")})
        move = _move(by=by, now=now, seed=current, to=SeedStage(to), note=note.strip())
        if current.stage == Stage.INVITED:
            invitation_ensure(now=now, seed=current)
    _copy(current, seed)
    return move


def seed_move_undo(*, by: User, now: datetime, seed: SeedUser, move: SeedMove) -> SeedMove:
    """Takes the last move back. Raises MovedMeanwhile when it is not the last one any more, else as seed_move."""
    with transaction.atomic():
        current = _locked(seed)
        if current.moves.first() != move or not move.from_stage:
            raise MovedMeanwhile(current)
        back = _move(by=by, now=now, seed=current, to=SeedStage(move.from_stage), note=_("Taken back"))
        if current.stage == Stage.INVITED:
            invitation_ensure(now=now, seed=current)
    _copy(current, seed)
    return back


def seeds_add(
    *, by: User | None, now: datetime, members: Iterable[Member], branch: Branch | None, owner: User | None = None
) -> list[SeedUser]:
    """Puts members onto the board as candidates; those who are there already are left as they are. Returns the new
    ones. Each gets the group in which they were seen last."""
    wanted = {member.pk: member for member in members}
    places = Membership.objects.present().filter(member__in=wanted, group__in=Group.objects.open().values("pk"))
    if branch:
        places = places.filter(group__branch=branch)
    groups = dict(places.order_by("last_seen_at", "pk").values_list("member_id", "group_id"))
    added = []
    with transaction.atomic():
        for number, member in wanted.items():
            try:
                with transaction.atomic():
                    seed = SeedUser.objects.create(
                        member=member,
                        branch=branch,
                        owner=owner,
                        group_id=groups.get(number),
                        stage_since=now,
                        created_at=now,
                    )
            except IntegrityError:
                continue
            SeedMove.objects.create(seed=seed, to_stage=seed.stage, at=now, by=by)
            audit_record(by=by, action="seed.added", subject=seed, after={"programme": branch})
            added.append(seed)
        SeedExclusion.objects.filter(branch=branch, member__in=[seed.member_id for seed in added]).delete()
    return added


def seed_version(seed: SeedUser) -> str:
    """What the fields of seed_update() hold, for telling whether somebody else changed them."""
    return f"{seed.owner_id}-{seed.group_id}-{seed.next_step}"


def seed_update(*, by: User, now: datetime, seed: SeedUser, changes: dict[str, Any], version: str = "") -> SeedUser:
    """Changes owner, group or next step. A role that is held moves to the new group.

    Raises StaleSeed when `version` (of seed_version) is not what stands, ValidationError, PermissionDenied.
    """
    with transaction.atomic():
        current = _locked(seed)
        if version and version != seed_version(current):
            raise StaleSeed(current)
        before, after = changed_fields(current, changes)
        if not after:
            return current
        if "group" in after and current.stage in WITH_ROLE:
            _end_role(by, now, current)
        for name, value in after.items():
            setattr(current, name, value)
        current.full_clean(validate_unique=False, validate_constraints=False)
        current.save(update_fields=list(after))
        if "group" in after and current.stage in WITH_ROLE:
            _give_role(by, now, current)
        if "owner" in after:
            StaffTask.objects.open().filter(kind=INVITE_TASK, subject_id=current.pk).update(assignee=current.owner)
        audit_record(by=by, action="seed.updated", subject=current, before=before, after=after)
    _copy(current, seed)
    return current


def seed_exclude(*, by: User, now: datetime, member: Member, branch: Branch | None, reason: str) -> SeedExclusion:
    """Keeps a member from being proposed. Raises ValidationError without a reason."""
    if not reason.strip():
        raise ValidationError({"reason": _("Say why, so that nobody asks them again by mistake.")})
    with transaction.atomic():
        exclusion, is_new = SeedExclusion.objects.get_or_create(
            member=member, branch=branch, defaults={"reason": reason.strip()[:200], "at": now, "by": by}
        )
        if is_new:
            audit_record(by=by, action="seed.excluded", subject=member, after={"reason": exclusion.reason})
    return exclusion


def seed_unexclude(*, by: User, exclusion: SeedExclusion) -> bool:
    """Lets a member be proposed again. False when somebody else was quicker."""
    with transaction.atomic():
        if not SeedExclusion.objects.filter(pk=exclusion.pk).delete()[0]:
            return False
        audit_record(by=by, action="seed.included", subject=exclusion.member, before={"reason": exclusion.reason})
    return True


def invitation_ensure(*, now: datetime, seed: SeedUser, days: int | None = None) -> StaffTask:
    """The owner's task to invite somebody in person; due in `days`, or as the policy says."""
    open_task = StaffTask.objects.open().filter(kind=INVITE_TASK, subject_id=seed.pk).first()
    if open_task:
        return open_task
    asked = StaffTask.objects.filter(kind=INVITE_TASK, subject_id=seed.pk).count()
    wait = policy_get(SeedPolicy).invite_days if days is None else days
    return task_ensure(
        kind=INVITE_TASK,
        key=f"{INVITE_TASK}-{seed.pk}-{asked + 1}",
        due_at=now + timedelta(days=wait),
        now=now,
        member=seed.member,
        branch=seed.branch,
        assignee=seed.owner,
        subject_id=seed.pk,
        data={"attempt": asked + 1},
    )


def _locked(seed: SeedUser) -> SeedUser:
    return SeedUser.objects.select_for_update(of=("self",)).select_related("member", "group", "branch").get(pk=seed.pk)


def _copy(current: SeedUser, seed: SeedUser) -> None:
    for name in ("stage", "stage_since", "owner", "group", "next_step", "accepted_at", "ended_at"):
        setattr(seed, name, getattr(current, name))


def _move(*, by: User | None, now: datetime, seed: SeedUser, to: SeedStage, note: str) -> SeedMove:
    """Moves a locked seed user, whatever stage they are in, with what follows for roles and tasks."""
    left = seed.stage
    seed.stage, seed.stage_since = to, now
    seed.ended_at = now if to in ENDED else None
    if to in WITH_ROLE and seed.accepted_at is None:
        seed.accepted_at = now
    try:
        with transaction.atomic():
            seed.save(update_fields=["stage", "stage_since", "ended_at", "accepted_at"])
    except IntegrityError as error:
        raise ValidationError(_("%(name)s is on the board once more already.") % {"name": seed.member}) from error
    move = SeedMove.objects.create(seed=seed, from_stage=left, to_stage=to, at=now, by=by, note=note[:500])
    if left == Stage.INVITED:
        tasks_cancel(now=now, kind=INVITE_TASK, subject_id=seed.pk)
    if to in WITH_ROLE and left not in WITH_ROLE:
        _give_role(by, now, seed)
    elif left in WITH_ROLE and to not in WITH_ROLE:
        _end_role(by, now, seed)
    audit_record(by=by, action="seed.moved", subject=seed, before={"stage": left}, after={"stage": to, "note": note})
    return move


def _may_act(by: User | None, seed: SeedUser) -> None:
    if by is not None and seed.group is not None and not may(by, Permission.INVITE, seed.group):
        raise PermissionDenied(_("You may not invite in this group."))


def _give_role(by: User | None, now: datetime, seed: SeedUser) -> None:
    if seed.group is None:
        return
    _may_act(by, seed)
    membership = Membership.objects.present().filter(member=seed.member_id, group=seed.group_id).first()
    if membership is None:
        words = {"name": seed.member, "group": seed.group}
        raise ValidationError({"group": _("%(name)s is not in %(group)s. Choose another group, or none.") % words})
    member_role_grant(by=by, now=now, membership=membership, role=GroupRole.SEED)


def _end_role(by: User | None, now: datetime, seed: SeedUser) -> None:
    if seed.group is None:
        return
    _may_act(by, seed)
    held = MemberRole.objects.filter(
        membership__member=seed.member_id, membership__group=seed.group_id, role=GroupRole.SEED, ended_at=None
    )
    for role in held:
        member_role_end(by=by, now=now, role=role)
