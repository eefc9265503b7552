"""A check-in programme of the demo brand in its sixteenth day, with the streaks and gaps that such a one has."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from accounts.models import User
from activity.models import BuiltInKind
from activity.services import EventRow, kinds_ensure, record_batch, to_millisecond
from campaigns.checkins.counting import check_in_key, event_properties, standings_write
from campaigns.checkins.dues import days_close, days_plan
from campaigns.checkins.models import CheckIn, CheckInState, Goal, Proof, Source
from campaigns.checkins.programmes import ProgrammeDraft, ThresholdDraft, programme_create
from campaigns.checkins.rewarding import rewards_give
from campaigns.prizes.models import Prize
from groups.models import Group
from members.models import Membership

BEGUN = timedelta(days=15)
LENGTH = timedelta(days=20)
PEOPLE = 40
WORDS = ("读了《大卫上学去》，孩子自己翻到最后一页", "今天读了 20 分钟", "亲子共读一本绘本", "第一次自己读完一章！")


def check_ins_write(*, staff: Mapping[str, User], groups: Sequence[Group], now: datetime) -> None:
    mei = staff["mei"]
    places = [group for group in groups if group.branch_id == mei.branch_id and group.may_be_posted_to][:2]
    if not places:
        return
    zone = ZoneInfo(settings.TIME_ZONE)
    first = now.astimezone(zone).date() - BEGUN
    book = Prize.objects.visible_to(mei).order_by("pk").first()
    programme = programme_create(
        by=None,
        now=now - BEGUN,
        branch=mei.branch,
        draft=ProgrammeDraft(
            name="21 天亲子阅读打卡",
            text="每天和孩子一起读 15 分钟，读完来打卡，写一句今天读了什么。",
            groups=places,
            first_day=first,
            last_day=first + LENGTH,
            timezone=settings.TIME_ZONE,
            keyword="打卡",
            proof=Proof.EITHER,
            is_reviewed=False,
            free_cards=2,
            card_price=20,
            card_days=3,
            goal=Goal.PERCENT,
            goal_value=60,
            remind_at=time(20, 30),
            thresholds=[
                ThresholdDraft("streak", 7, 20),
                ThresholdDraft("streak", 14, 50),
                ThresholdDraft("streak", 21, 100, book),
            ],
        ),
    )
    dice = random.Random(21)
    kind = kinds_ensure([BuiltInKind.CHECK_IN])[BuiltInKind.CHECK_IN]
    rows, events = [], []
    for group in places:
        present = Membership.objects.present().filter(group=group).order_by("pk").select_related("member")[:PEOPLE]
        for membership in present:
            zeal = dice.random() ** 0.35
            for number in range(BEGUN.days + 1):
                day = first + timedelta(days=number)
                at = datetime.combine(day, time(7 + dice.randrange(15), dice.randrange(60)), zone)
                if not membership.joined_at <= at <= now or dice.random() > zeal:
                    continue
                source = Source.KEYWORD if dice.random() < 0.6 else Source.PAGE
                rows.append(
                    CheckIn(
                        programme=programme,
                        member=membership.member,
                        group=group,
                        day=day,
                        source=source,
                        state=CheckInState.COUNTED,
                        at=at,
                        noted_at=at,
                        text=dice.choice(WORDS),
                    )
                )
                key = check_in_key(programme.pk, membership.member_id, day)
                properties = event_properties(programme.pk, day)
                events.append(
                    EventRow(key, membership.member_id, group.pk, kind, to_millisecond(at), properties=properties)
                )
    known = {(row.member_id, row.day): row for row in rows}
    CheckIn.objects.bulk_create(known.values(), batch_size=500)
    record_batch(list({event.key: event for event in events}.values()))
    members = {member for member, _day in known}
    standings_write(programme=programme, members=members, now=now)
    rewards_give(programme=programme, members=members, now=now)
    days_plan(now=now)
    days_close(now=now)
    _proofs_write(mei=mei, group=places[0], now=now)


def _proofs_write(*, mei: User, group: Group, now: datetime) -> None:
    """A programme whose proofs staff look at, with some that wait."""
    today = now.astimezone(ZoneInfo(settings.TIME_ZONE)).date()
    programme = programme_create(
        by=None,
        now=now,
        branch=mei.branch,
        draft=ProgrammeDraft(
            name="每周一篇读书笔记",
            text="写三句话：读了什么、喜欢哪里、想问什么。",
            groups=[group],
            first_day=today,
            timezone=settings.TIME_ZONE,
            keyword="",
            proof=Proof.TEXT,
            is_reviewed=True,
            thresholds=[ThresholdDraft("total", 4, 40)],
        ),
    )
    present = Membership.objects.present().filter(group=group).order_by("-pk")[:3]
    rows = [
        CheckIn(
            programme=programme,
            member_id=membership.member_id,
            group=group,
            day=today,
            source=Source.PAGE,
            state=CheckInState.WAITING,
            at=now - timedelta(minutes=20 * number),
            noted_at=now - timedelta(minutes=20 * number),
            text=words,
        )
        for number, (membership, words) in enumerate(zip(present, WORDS, strict=False), start=1)
    ]
    CheckIn.objects.bulk_create(rows)
    standings_write(programme=programme, members=[row.member_id for row in rows], now=now)
