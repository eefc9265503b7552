"""What members of the demo brand say: brainstorms, needs and proposals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from accounts.models import User
from campaigns.brainstorms.models import Answer
from campaigns.brainstorms.services import answer_give, answer_like, brainstorms_tick, plan_create
from campaigns.posts.services import Schedule
from campaigns.proposals.services import proposal_make, vote_give
from groups.models import Group
from members.feedback.models import NeedCategory
from members.feedback.services import categories_save, need_ask, need_change, need_reply, need_write
from members.models import Member

QUESTION = "孩子说“这本书太难了”，你会怎么接？"
ANSWERS = (
    "先陪他读第一页，难的字我来读。",
    "问他：哪一句最难？我们一起猜意思。",
    "换一本简单的，明天再回来看这本。",
    "告诉他我小时候也卡在这里。",
    "让他讲图，不认字也能讲故事。",
)
CATEGORIES = ("线下活动", "书单", "时间安排", "老师答疑", "其他")
NEEDS = (
    ("周末能不能有一次线下读书会？", "线下活动", "planned", 3),
    ("想要按年级分的书单", "书单", "doing", 2),
    ("打卡时间晚一点，下班赶不上", "时间安排", "new", 1),
    ("希望老师讲讲怎么写读书笔记", "老师答疑", "new", 1),
)
REPLY = "正在选场地，定下来马上告诉大家。"
PROPOSALS = (
    ("activity", "周末亲子读书会", "一家带一本书，互相交换着读。", 4),
    ("topic", "每周三讲一个睡前故事", "", 2),
)
HOUR = timedelta(hours=1)


def talk_write(*, staff: Mapping[str, User], groups: Sequence[Group], now: datetime) -> None:
    """In the liveliest group of the operator Mei, with the members who were seen there last."""
    lin, mei = staff["lin"], staff["mei"]
    own = [group for group in groups if group.branch_id == mei.branch_id and group.may_be_posted_to]
    group = max(own, key=lambda one: Group.objects.get(pk=one.pk).member_count)
    group.refresh_from_db()
    people = list(Member.objects.filter(memberships__group=group).order_by("-last_seen_at", "pk")[:8])
    _brainstorms(mei, group, people, now)
    _needs(lin, mei, group, people, now)
    for kind, title, text, wanted in PROPOSALS:
        author, *others = people[:wanted]
        proposal = proposal_make(now=now - 30 * HOUR, group=group, member=author, kind=kind, title=title, text=text)
        for member in others:
            vote_give(now=now - 3 * HOUR, proposal=proposal, member=member)
        people = people[1:] + people[:1]


def _brainstorms(mei: User, group: Group, people: list[Member], now: datetime) -> None:
    """One that is over with everybody liked, one that is open with answers that wait, and the daily ones to come."""
    for begun, minutes, liked in ((26 * HOUR, 60, len(ANSWERS)), (timedelta(minutes=40), 90, 2)):
        opened = now - begun
        plan = plan_create(
            by=mei,
            now=opened - HOUR,
            name="两点一问",
            question=QUESTION if liked == 2 else "睡前十五分钟，你家怎么安排？",
            groups=[group],
            schedule=Schedule(timezone="Asia/Shanghai", at=opened),
            minutes=minutes,
            announces=False,
        )
        session = plan.sessions.get()
        for number, (member, text) in enumerate(zip(people, ANSWERS, strict=False)):
            at = opened + timedelta(minutes=4 + 6 * number)
            answer: Answer = answer_give(now=at, session=session, member=member, text=text)
            if number < liked:
                answer_like(now=at + timedelta(minutes=2 + number), answer=answer, staff=mei)
            for fan in people[5 : 8 - number % 3]:
                answer_like(now=min(at + HOUR / 4, now), answer=answer, member=fan)
    tomorrow = (now + timedelta(days=1)).date()
    plan_create(
        by=mei,
        now=now,
        name="每天两点一问",
        groups=[group],
        schedule=Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY", start=f"{tomorrow}T14:00"),
    )
    brainstorms_tick(now=now)


def _needs(lin: User, mei: User, group: Group, people: list[Member], now: datetime) -> None:
    categories_save(by=lin, now=now, names=CATEGORIES)
    named = {row.name: row for row in NeedCategory.objects.all()}
    for number, (text, category, status, asked) in enumerate(NEEDS):
        first, *others = (people[number:] + people[:number])[:asked]
        at = now - (number + 1) * 20 * HOUR
        need = need_write(now=at, member=first, group=group, text=text, category=named[category]).need
        for member in others:
            need_ask(by=mei, now=at + HOUR, need=need, member=member, group=group, text="我也想要")
        if status != "new":
            need_change(by=mei, need=need, version=1, text=text, category=named[category], status=status, owner=mei)
    planned = NeedCategory.objects.get(name="线下活动").needs.get()
    need_reply(by=mei, now=now - HOUR, need=planned, text=REPLY, key="demo")
