"""The seed users and initiators of the demo."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from accounts.models import Branch, User
from accounts.policies import policy_save
from activity.models import Event
from groups.models import Group, GroupRole
from members.ingestion import member_invited_by_set
from members.initiators.selectors import proposals_for
from members.initiators.services import kit_add, programme_save
from members.models import Member, SeedProfile, SeedUser
from members.roles.services import member_role_grant
from members.seeds.criteria import SeedPolicy
from members.seeds.services import (
    scoring_request,
    scoring_run,
    seed_exclude,
    seed_move,
    seed_report,
    seed_update,
    seeds_add,
)

OFFER = "入选后您会第一时间试读新课和新绘本，每月和教研老师当面聊一次，提的建议会写进课程更新说明。"
# The stages after the first with the days ago, the first of them as a candidate; then what was said last.
WAYS: tuple[tuple[tuple[tuple[str, int], ...], str], ...] = (
    ((("candidate", 64), ("invited", 62), ("accepted", 60), ("active", 52)), "每周在群里答疑三次"),
    ((("candidate", 58), ("invited", 57), ("accepted", 55), ("active", 45)), "主动整理了共读书单"),
    ((("candidate", 70), ("invited", 68), ("accepted", 66), ("active", 50), ("graduated", 6)), "转为兼职助教"),
    ((("candidate", 44), ("invited", 43), ("accepted", 41), ("active", 33)), "拉来五位同班家长"),
    ((("candidate", 24), ("invited", 21), ("accepted", 18)), "愿意每周试读一次新课"),
    ((("candidate", 15), ("invited", 12), ("accepted", 9)), "想先从录音点评开始"),
    ((("candidate", 10), ("invited", 4)), "约了周五下课后面谈"),
    ((("candidate", 8), ("invited", 2)), "先发了试读样章"),
    ((("candidate", 6), ("invited", 5)), "请班主任一起约"),
    ((("candidate", 30), ("invited", 26), ("dropped", 22)), "二胎刚出生，半年内没有时间"),
    ((("candidate", 28), ("invited", 25), ("accepted", 22), ("dropped", 5)), "换到外地，不再参加线下活动"),
    *(((("candidate", days),), "") for days in (5, 4, 3, 3, 2, 1, 1)),
)
NEXT_STEPS = ("周五下课后当面聊", "发试读样章", "问一问孩子最近的阅读情况", "")
ANSWERS = (
    {"need": 9, "imperfect": 8, "suggests": 9, "creates": True, "audience": 2600},
    {"need": 8, "imperfect": 7, "suggests": 6, "creates": False, "audience": 120},
    {"need": 7, "imperfect": 9, "suggests": 8, "creates": True, "audience": 800},
    {"need": 6, "suggests": 7},
)
KIT = (
    ("text", "邀请话术", "我们班妈妈都在这里打卡，每天 20 分钟，跟着走不用自己操心选书。想试试的话我拉你。", ""),
    (
        "link",
        "试读第一课",
        "新家长先听这一课，10 分钟就能看懂我们怎么带孩子。",
        "https://example.com/qinghe/first-lesson",
    ),
    ("picture", "九月海报", "发朋友圈用，扫码进群。", "https://example.com/qinghe/poster-september.png"),
)


def seeds_write(*, staff: Mapping[str, User], now: datetime) -> None:
    """Seed users of each branch on their way, who brought whom, and initiators in the liveliest groups."""
    policy_save(by=staff["lin"], now=now, values=SeedPolicy(offer=OFFER))
    scoring_run(run_id=scoring_request(now=now).pk, clock=lambda: now)
    for username in ("mei", "bo", "yun"):
        branch = staff[username].branch
        assert branch is not None
        _programme_write(staff[username], branch, now)
    _inviters_write()
    for username in ("mei", "bo"):
        _initiators_write(staff[username], now)
    # Who brought whom counts as well: the worker computes the scores anew as soon as it starts.
    scoring_request(now=now)


def _programme_write(owner: User, branch: Branch, now: datetime) -> None:
    best = SeedProfile.objects.to_propose(branch).select_related("member")[: len(WAYS) + 2]
    # Nobody is a seed user before they came: those who came first have gone furthest.
    people = sorted((profile.member for profile in best), key=lambda member: (member.first_seen_at or now, member.pk))
    later = sorted(WAYS, key=lambda way: -way[0][0][1])
    for number, (member, (way, said)) in enumerate(zip(people, later, strict=False)):
        (_stage, days), *moves = way
        (seed,) = seeds_add(by=owner, now=now - timedelta(days=days), members=[member], branch=branch, owner=owner)
        if number % 4 != 3:
            seed_report(by=owner, now=now, member=member, answers=dict(ANSWERS[number % len(ANSWERS)]))
        for place, (stage, ago) in enumerate(moves, start=1):
            note = said if place == len(moves) else ""
            seed_move(by=owner, now=now - timedelta(days=ago), seed=seed, to=stage, note=note)
        if seed.ended_at is None and (step := NEXT_STEPS[number % len(NEXT_STEPS)]):
            seed_update(by=owner, now=now, seed=seed, changes={"next_step": step})
    for member in people[len(WAYS) :]:
        seed_exclude(by=owner, now=now, member=member, branch=branch, reason="本校老师的家属，不参加")


def _inviters_write() -> None:
    """Those who came by recommendation came through a seed user of their group, else through one of its first."""
    seeds: dict[int, list[SeedUser]] = {}
    for seed in SeedUser.objects.filter(accepted_at__isnull=False).select_related("member").order_by("pk"):
        seeds.setdefault(seed.group_id or 0, []).append(seed)
    arrivals = Event.objects.filter(kind__slug="joined", channel__code="referral", group_id__isnull=False)
    rows = list(arrivals.order_by("at", "pk").values_list("member_id", "group_id", "at"))
    members = Member.objects.in_bulk({member for member, _group, _at in rows})
    elders: dict[int, list[int]] = {}
    for number, (member, group, at) in enumerate(rows):
        before = [seed.member for seed in seeds.get(group or 0, ()) if seed.accepted_at and seed.accepted_at < at]
        first = elders.setdefault(group or 0, [])
        if before and number % 3:
            member_invited_by_set(by=None, member=members[member], inviter=before[number % len(before)])
        elif first and number % 5 == 0:
            member_invited_by_set(by=None, member=members[member], inviter=members[first[number % len(first)]])
        if len(first) < 4:
            first.append(member)


def _initiators_write(by: User, now: datetime) -> None:
    group = Group.objects.filter(branch=by.branch, state="active").order_by("-messages_7d", "pk").first()
    if group is None:
        return
    programme = programme_save(
        by=by,
        now=now - timedelta(days=40),
        group=group,
        changes={
            "offer": "发起人头衔、每月一本新绘本、线下活动优先报名",
            "asks": "每月带来两位认真陪读的家长，欢迎每一位新人",
            "min_active_days": 12,
            "min_messages": 20,
        },
    )
    for sort, title, text, url in KIT:
        kit_add(by=by, now=now, group=group, sort=sort, title=title, text=text, url=url)
    best = [proposal.membership for proposal in proposals_for(programme=programme, now=now)[:2]]
    for membership, days in zip(best, (36, 20), strict=False):
        member_role_grant(by=by, now=now - timedelta(days=days), membership=membership, role=GroupRole.INITIATOR)
