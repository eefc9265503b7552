"""Fields, tags, segments, notes and likely duplicates of the demo's members."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import User
from members.fields.services import field_define
from members.models import JourneyStage, Member, SegmentCount
from members.segments.selectors import segment_members
from members.segments.services import segment_create
from members.services import member_update
from members.tags.services import members_tag, tag_create
from members.timeline.services import note_add

NOTES = (
    "电话沟通过：孩子刚上三年级，周末上午有空，想先试一节阅读课。",
    "在群里主动帮别的家长解答过绘本挑选的问题，可以邀请做分享。",
    "反馈打卡提醒太早，希望晚上八点以后再发。",
)
CAMPUSES = ("城西校区", "滨江校区", "未来科技城校区")


def people_write(*, staff: dict[str, User], now: datetime) -> None:
    lin, mei = staff["lin"], staff["mei"]
    field_define(by=lin, label="校区", key="campus", kind="choice", choices=list(CAMPUSES), in_list=True)
    field_define(by=lin, label="孩子年龄", key="child_age", kind="number", position=1)
    field_define(by=lin, label="手机号", key="phone", kind="text", position=2, headquarters_only=True)
    customers = list(Member.objects.visible_to(mei).filter(stage=JourneyStage.CUSTOMER).order_by("pk")[:12])
    for number, member in enumerate(customers):
        member_update(
            by=mei,
            member=member,
            changes={"identity": "家长"},
            fields={"campus": CAMPUSES[number % len(CAMPUSES)], "child_age": 6 + number % 5},
        )
    for member, text in zip(customers, NOTES, strict=False):
        note_add(by=mei, now=now - timedelta(hours=3), member=member, text=text)
    if len(customers) > 1:
        for member in customers[:2]:
            member_update(by=mei, member=member, changes={"contact": "wx_yuedu_88"})
    share = tag_create(by=lin, now=now, name="愿意分享")
    members_tag(by=mei, now=now, tag=share, members=customers[:6])
    renewing = tag_create(by=mei, now=now, name="续费意向")
    members_tag(by=mei, now=now, tag=renewing, members=customers[3:9])
    tagged = {"all": [{"field": "tag", "op": "in", "value": [str(renewing.pk)]}]}
    segment_create(by=mei, now=now, name="有续费意向的家长", definition=tagged)
    silent = {
        "all": [
            {"field": "in_group", "op": "yes"},
            {"field": "last_seen", "op": "before", "value": 30},
        ]
    }
    tag_create(by=lin, now=now, name="沉默 30 天", rule=silent)
    talked = {"field": "events", "kind": "message", "days": 14}
    bought = {"field": "orders", "op": "at_least", "value": 1}
    definitions = (
        ("买过、近 30 天没出现", {"all": [bought, {"field": "last_seen", "op": "before", "value": 30}]}),
        ("新入群 7 天", {"all": [{"field": "joined", "op": "within", "value": 7}]}),
        ("近 14 天发言 5 次以上", {"all": [{**talked, "op": "at_least", "value": 5}]}),
    )
    today = timezone.localdate(now)
    for place, (name, definition) in enumerate(definitions):
        segment = segment_create(by=lin, now=now - timedelta(days=20), name=name, definition=definition)
        # What the nightly task would have written down, had it been there.
        number = segment_members(segment, user=lin, now=now).count()
        counts = [max(0, number - (day * (place + 2)) % 7 - day // 3) for day in range(20)]
        SegmentCount.objects.bulk_create(
            SegmentCount(segment=segment, day=today - timedelta(days=day), members=count)
            for day, count in enumerate(counts)
        )
