"""Demo posts that show what schedules can do: several times a day, an audience, days off, a picture, a single piece;
and two groups with limits of their own.

No group of the demo has a robot: its key would be one that WeCom does not know, and each message a failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from accounts.models import User
from campaigns.content.headers import header_draw
from campaigns.content.models import Piece
from campaigns.demo.brand import GROUPS
from campaigns.posts.models import DayKind, Holidays, Post
from campaigns.posts.services import Schedule, Source, post_create
from campaigns.posts.services.holidays import NewDay, group_limits_set, special_days_add
from delivery.models import Picture, Value
from delivery.services import picture_keep
from groups.models import Group

THRICE_A_DAY = ("09:00", "14:00", "21:00")
# Quieter at night than the rest, and fewer posts a day.
LIMITED = ("成都·外教体验课", "武汉·在读学员服务群")
MOST_A_DAY = 3
QUIET = (time(22, 30), time(6, 30))


def varied_posts_write(*, staff: Mapping[str, User], groups: Sequence[Group], now: datetime) -> list[Post]:
    """Plans them from tomorrow on; none has been sent before `now`."""
    zone = ZoneInfo(settings.TIME_ZONE)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    special_days_add(
        by=staff["lin"], now=now, days=[NewDay(date(tomorrow.year + 1, 1, 1), "元旦", DayKind.OFF)], branch=None
    )
    for group, plan in zip(groups, GROUPS, strict=True):
        if plan.name in LIMITED:
            group_limits_set(
                by=staff["lin"], group=group, daily_quota=MOST_A_DAY, quiet_from=QUIET[0], quiet_until=QUIET[1]
            )
    return [
        post_create(
            by=staff["yun"],
            now=now,
            title="家长三刻",
            body="{weekday}好！给孩子三个一分钟：早上夸一句，下午问一句，睡前听一句。\n"
            "今天哪一刻最难？在{group}里说说看。",
            audience={"motivations": ["growth"], "except": [groups[_place("武汉·幼小衔接打卡")].external_id]},
            schedule=Schedule(
                timezone=settings.TIME_ZONE,
                rrule="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
                start=f"{tomorrow}T{THRICE_A_DAY[0]}",
                slots=THRICE_A_DAY,
                holidays=Holidays.SKIP,
            ),
            source=Source(value=Value.LINK),
        ),
        post_create(
            by=staff["lin"],
            now=now,
            title="周日共读会",
            body="这周一起读《小鹿斑比》第三章，老师领读，孩子们轮流开口。\n链接里可以先看导读，19:00 准时开始。",
            groups=[groups[_place(name)] for name in ("杭州·妈妈读书会", "成都·亲子阅读妈妈团")],
            schedule=Schedule(timezone=settings.TIME_ZONE, rrule="FREQ=WEEKLY;BYDAY=SU", start=f"{tomorrow}T17:30"),
            source=Source(
                link="https://qinghe.example/reading/sunday",
                link_title="看导读，预约座位",
                picture=_poster(now),
                value=Value.LINK,
            ),
        ),
        post_create(
            by=staff["mei"],
            now=now,
            title="",
            body="",
            groups=[groups[_place(name)] for name in ("杭州·三年级阅读打卡 1 群", "杭州·三年级阅读打卡 2 群")],
            schedule=Schedule(
                timezone=settings.TIME_ZONE,
                at=datetime.combine(tomorrow + timedelta(days=2), time(16), zone),
            ),
            source=Source(piece=Piece.objects.get(title="打印好的字帖")),
        ),
    ]


def _place(name: str) -> int:
    return next(position for position, plan in enumerate(GROUPS) if plan.name == name)


def _poster(now: datetime) -> Picture | None:
    """None on a machine without a font for it: the post then goes without."""
    drawn = header_draw(name="周日共读会", line="每周日 19:00，一起读一章", color="#b45309", style="bar")
    return picture_keep(picture=drawn, branch_id=None, now=now) if drawn else None
