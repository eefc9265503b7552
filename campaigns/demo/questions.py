"""Questions of the demo brand: some that wait, many that were answered, and what became known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from accounts.models import User
from groups.models import Group
from members.models import AskedBy, ClosedDay, Membership
from members.questions.models import usual_ladder, usual_windows
from members.questions.services import answer_accept, answer_give, question_ask, question_take
from members.questions.services.deciding import DutyDraft, closed_days_add, duty_add, hours_save

# What was asked, the answer in its three parts, after how many seconds, and whether it was accepted.
ASKED = (
    (
        "孩子读两页就坐不住怎么办？",
        "注意力还没养成，时间太长。",
        "先只读五分钟，读完贴一颗星，每周加两分钟。",
        "群文件《二十一天陪读表》",
        38,
        True,
    ),
    (
        "打卡漏了一天还能补吗？",
        "",
        "在打卡页点“补卡”，三天内都可以补。",
        "打卡页右上角",
        25,
        True,
    ),
    (
        "三年级适合读哪些书？",
        "看孩子的识字量，不看年级。",
        "先从桥梁书开始，一页最多五个生字。",
        "群文件《分级书单》",
        52,
        True,
    ),
    (
        "应用题总是读不懂题目",
        "不是算不出来，是没把话变成图。",
        "让孩子先画图再列式，讲给你听一遍。",
        "周六答疑回放",
        95,
        False,
    ),
    (
        "英语绘本家长发音不准怎么办？",
        "",
        "先听三遍音频，再跟读，不用您领读。",
        "",
        44,
        True,
    ),
    (
        "老师，作文开头总是“今天天气很好”怎么改？",
        "缺少素材。",
        "让孩子从一件具体的小事写起，先说再写。",
        "周三直播讲义",
        140,
        False,
    ),
)
WAITING = (
    "孩子晚上写作业拖到十点，怎么安排时间？",
    "暑假班什么时候开始报名？",
    "背古诗总是忘，有什么办法吗？",
)


def questions_write(*, staff: Mapping[str, User], groups: Sequence[Group], now: datetime) -> None:
    mei = staff["mei"]
    hours_save(
        by=staff["lin"],
        now=now,
        timezone="Asia/Shanghai",
        windows=usual_windows(),
        target_seconds=60,
        ladder=usual_ladder(),
    )
    duty_add(by=mei, draft=DutyDraft(mei, range(5), 9 * 60, 21 * 60), branch=mei.branch)
    holiday = (now + timedelta(days=20)).date()
    if not ClosedDay.objects.exists():
        closed_days_add(by=staff["lin"], now=now, days=[(holiday, "校庆日")])
    lively = [group for group in groups if group.branch_id == mei.branch_id and group.may_be_posted_to][:2]
    for place, group in enumerate(lively):
        present = Membership.objects.present().filter(group=group, member__erased_at=None)
        people = [row.member for row in present.select_related("member").order_by("-last_seen_at")[:9]]
        if len(people) < 9:
            continue
        for number, (text, analysis, plan, resource, seconds, accepted) in enumerate(ASKED[place::2]):
            # Hours apart and at noon, so that each lies within service hours.
            at = (now - timedelta(days=number + 1)).replace(hour=4, minute=10 * number, second=0, microsecond=0)
            row = question_ask(now=at, member=people[number], group=group, text=text, source=AskedBy.PAGE, asked_at=at)
            answer = answer_give(
                now=at + timedelta(seconds=seconds),
                question=row,
                by=mei,
                analysis=analysis,
                plan=plan,
                resource=resource,
            )
            if accepted:
                answer_accept(now=at + timedelta(minutes=20), answer=answer)
        for number, text in enumerate(WAITING[place::2]):
            at = now - timedelta(seconds=25 + 40 * number)
            row = question_ask(now=at, member=people[5 + number], group=group, text=text, source=AskedBy.PAGE)
            if number:
                question_take(by=mei, now=now, question=row)
