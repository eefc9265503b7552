"""One of each thing of the seed-user programme and of a group's initiators, for the tests of addresses."""

from __future__ import annotations

from django.utils import timezone

from accounts.models import User
from groups.models import Group
from members.initiators.services import kit_add
from members.models import Member, SeedStage
from members.roles.services import member_role_grant
from members.seeds.services import seed_exclude, seed_move, seeds_add


def make_seed_things(*, by: User, group: Group, member: Member) -> dict[str, object]:
    """`member`, who is in `group`, is invited as a seed user of the group's branch, and an initiator."""
    now = timezone.now()
    (seed,) = seeds_add(by=by, now=now, members=[member], branch=group.branch, owner=by)
    move = seed_move(by=by, now=now, seed=seed, to=SeedStage.INVITED)
    role = member_role_grant(by=by, now=now, membership=member.memberships.get(group=group), role="initiator")
    item = kit_add(by=by, now=now, group=group, sort="text", title="邀请话术", text="来和我们一起每天读 20 分钟吧")
    exclusion = seed_exclude(by=by, now=now, member=member, branch=group.branch, reason="已是员工")
    return {
        "seed": seed.pk,
        "seed_move": move.pk,
        "seed_stage": SeedStage.CANDIDATE.value,
        "seed_exclusion": exclusion.pk,
        "initiator": role.pk,
        "kit_item": item.pk,
    }
