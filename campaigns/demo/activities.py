"""Activities of the demo brand: one that was, with who came and what they thought; some to come; and a draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from campaigns.activities.models import Activity, ActivityKind, ActivityReview, SignUp, SignUpState
from campaigns.activities.services import ActivityContent, activity_draft, activity_open, activity_save
from campaigns.activities.services.asking import REVIEW, tasks_ask
from campaigns.activities.services.attending import ATTENDED
from campaigns.activities.services.signing import SIGNED_UP
from groups.models import Group
from members.ingestion import Deed, events_by_hand
from members.models import Membership

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
REVIEWS = (
    (5, "老师讲得很细，孩子听完马上想自己读。"),
    (5, ""),
    (4, "内容很好，如果能早半小时开始就更好了。"),
    (5, "第一次线下见到群里的妈妈们，收获很大！"),
    (3, "场地有点小，后排听不太清。"),
)
TALK = """邀请了三位坚持打卡半年的家长，分享他们怎么把阅读变成习惯。
现场有绘本角，可以带孩子来。"""
LESSON = "四十分钟直播，讲三种亲子共读的提问方法，最后留十五分钟答疑。"


def activities_write(*, staff: Mapping[str, User], groups: Sequence[Group], now: datetime) -> None:
    mei = staff["mei"]
    mine = [group for group in groups if group.branch_id == mei.branch_id and group.may_be_posted_to]
    group = max(mine, key=lambda each: each.memberships.count())
    people = Membership.objects.present().filter(group=group, member__erased_at=None)
    members = list(people.select_related("member", "group").order_by("-last_seen_at", "pk")[:14])

    def plan(at: datetime, hours: float, *, made: datetime, invited: Sequence[Group] = (), **fields: Any) -> Activity:
        content = ActivityContent(starts_at=at, ends_at=at + hours * HOUR, organiser=mei, **fields)
        chosen = invited or [group]
        activity = activity_save(by=mei, now=made, activity=None, content=content, groups=chosen)
        activity_open(by=mei, now=made, activity=activity)
        return activity

    past = plan(
        _evening(now, -4, 14), 2, made=now - 12 * DAY, title="亲子阅读线下分享会", kind=ActivityKind.MEETING, text=TALK,
        place="杭州西湖区文一路 98 号 青禾书房二楼", directions="地铁 2 号线文三路站 B 口步行 5 分钟", capacity=12,
        questions=("几位家长、几个孩子？",), points=0,
    )  # fmt: skip
    _come_to(past, members[:13], now)
    lesson = plan(
        _evening(now, 1, 20), 1, made=now - 5 * DAY, title="直播课：读到一半孩子不想听怎么办", text=LESSON,
        kind=ActivityKind.COURSE, link="https://live.example.com/qinghe/reading", invited=mine[:4],
    )  # fmt: skip
    _sign(lesson, members[:6], SignUpState.GOING, now - 2 * DAY)
    workshop = plan(
        _evening(now, 5, 10), 2, made=now - 3 * DAY, title="手工绘本工作坊", kind=ActivityKind.MEETING, capacity=5,
        text="和孩子一起做一本自己的绘本，材料由我们准备。", place="杭州拱墅区 青禾书房", questions=("孩子几岁？",),
        walk_ins=True,
    )  # fmt: skip
    _sign(workshop, members[:5], SignUpState.GOING, now - 2 * DAY)
    _sign(workshop, members[5:8], SignUpState.WAITING, now - DAY)
    plan(
        _evening(now, 9, 20), 1.5, made=now - DAY, title="周三夜读：本周话题", kind=ActivityKind.TOPIC, invited=mine[:2]
    )
    activity_draft(by=mei, now=now - HOUR, group=group, title="暑期阅读营说明会", text="时间待定，先收集大家的问题。")


def _evening(now: datetime, days: int, hour: int) -> datetime:
    """A full hour of a local day, seen from now."""
    day = timezone.localdate(now) + timedelta(days=days)
    return timezone.make_aware(datetime.combine(day, time(hour)))


def _sign(activity: Activity, members: Sequence[Membership], state: str, at: datetime) -> list[SignUp]:
    answers = ["六岁" if "岁" in question else "一位家长，一个孩子" for question in activity.questions]
    rows = [
        SignUp(
            activity=activity, member=one.member, group=one.group, state=state, answers=answers,
            signed_at=at + number * HOUR,
        )
        for number, one in enumerate(members)
    ]  # fmt: skip
    made = SignUp.objects.bulk_create(rows)
    _happened(made, SIGNED_UP, "signup", [row.signed_at for row in made])
    return made


def _happened(rows: Sequence[SignUp], kind: str, name: str, times: Sequence[datetime]) -> None:
    deeds = [
        Deed(
            f"activity-{name}:{row.activity_id}:{row.member_id}",
            row.member,
            row.group,
            kind,
            at,
            properties={"activity": row.activity_id},
        )
        for row, at in zip(rows, times, strict=True)
    ]
    events_by_hand(deeds=deeds, now=max(times, default=timezone.now()))


def _come_to(activity: Activity, members: Sequence[Membership], now: datetime) -> None:
    """Most came, two missed it, one gave the place back; some said what they thought."""
    assert activity.starts_at
    assert activity.ends_at
    rows = _sign(activity, members, SignUpState.GOING, activity.starts_at - 5 * DAY)
    came = rows[:-3]
    for number, row in enumerate(came):
        row.state, row.attended_at = SignUpState.ATTENDED, activity.starts_at + timedelta(minutes=number)
    for row in rows[-3:-1]:
        row.state = SignUpState.MISSED
    for row in rows[-1:]:
        row.state = SignUpState.CANCELLED
    SignUp.objects.bulk_update(rows, ["state", "attended_at"])
    _happened(came, ATTENDED, "attended", [row.attended_at or now for row in came])
    ActivityReview.objects.bulk_create(
        ActivityReview(
            activity=activity,
            member=row.member,
            group=row.group,
            stars=stars,
            text=text,
            created_at=activity.ends_at + number * HOUR,
        )
        for number, (row, (stars, text)) in enumerate(zip(came, REVIEWS, strict=False), start=1)
    )
    activity.reminders.update(done_at=activity.starts_at)
    Activity.objects.filter(pk=activity.pk).update(closed_at=activity.ends_at)
    tasks_ask(activities=[activity], kind=REVIEW, now=activity.ends_at)
