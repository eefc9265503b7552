"""What the demo brand spent on its channels, and the clicks that brought newcomers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Min

from accounts.models import Branch, User
from activity.models import BuiltInKind, Event
from activity.services import event_key
from members.acquisition.services import spend_record
from members.ingestion import IncomingEvent, ingest
from members.models import Member

SOURCE = "demo:clicks"
SINCE = timedelta(days=56)  # clicks are told of from then on: the demo is written quickly
# Channel, days ago from and to, amount and currency, note, and the branch where it is one's own.
SPENDS = (
    ("search-ad", 120, 91, 3600, "CNY", "关键词：三年级 阅读", ""),
    ("search-ad", 90, 31, 5200, "CNY", "关键词：三年级 阅读", ""),
    ("search-ad", 30, 0, 2400, "CNY", "关键词：暑期 阅读", ""),
    ("feed-ad", 96, 90, 6800, "CNY", "信息流，开学季一周", ""),
    ("feed-ad", 60, 20, 9500, "CNY", "信息流，亲子人群", ""),
    ("video-channel", 75, 15, 4200, "CNY", "视频号直播投流", ""),
    ("official-account", 100, 0, 1800, "CNY", "公众号排版与赠书", ""),
    ("school-gate", 61, 54, 1500, "CNY", "校门口海报与书签", "hangzhou"),
    ("school-gate", 61, 54, 900, "CNY", "校门口海报", "chengdu"),
    ("referral", 80, 0, 1200, "CNY", "推荐有礼：绘本", ""),
    ("feed-ad", 45, 30, 300, "USD", "海外华人家长，试投", ""),
)


def spend_write(*, staff: Mapping[str, User], branches: Mapping[str, Branch], now: datetime) -> None:
    today = now.astimezone(ZoneInfo(settings.TIME_ZONE)).date()
    for channel, first, last, amount, currency, note, branch in SPENDS:
        spend_record(
            by=staff["lin"],
            now=now,
            channel=channel,
            first_day=_ago(today, first),
            last_day=_ago(today, last),
            amount=Decimal(amount),
            currency=currency,
            note=note,
            branch=branches.get(branch),
        )
    _clicks_write(now)
    _inviters_write()


def _ago(today: date, days: int) -> date:
    return today - timedelta(days=days)


def _clicks_write(now: datetime) -> None:
    """Three of four newcomers clicked a link some minutes or hours before they joined."""
    joins = Event.objects.filter(kind__slug=BuiltInKind.JOINED, channel__isnull=False).order_by()
    first = (
        joins.values("member_id", "channel__code")
        .annotate(at=Min("at"))
        .filter(at__gte=now - SINCE)
        .order_by("member_id")
    )
    names = dict(Member.objects.filter(pk__among=[row["member_id"] for row in first]).values_list("pk", "external_id"))
    events = []
    for row in first:
        name = names[row["member_id"]]
        number = int(name.rpartition("-")[2])
        if number % 4:
            at = row["at"] - timedelta(minutes=3 + 7 * (number % 29))
            kind, channel = BuiltInKind.LINK_CLICK.value, row["channel__code"]
            events.append(IncomingEvent(event_key(SOURCE, name), name, "", kind, at, channel))
    ingest(events=events, source=SOURCE, by=None, create_missing=False, now=now)


def _inviters_write() -> None:
    """Who came by a referral was brought by one of the first members of their group."""
    dice, there = Random(SOURCE), defaultdict[int, list[int]](list)
    members = []
    joins = Event.objects.filter(kind__slug=BuiltInKind.JOINED, group_id__isnull=False).order_by("at", "pk")
    for member, group, channel in joins.values_list("member_id", "group_id", "channel__code"):
        assert group is not None
        earlier = there[group]
        if channel == "referral" and earlier:
            members.append(Member(pk=member, invited_by_id=earlier[int(len(earlier[:40]) * dice.random() ** 3)]))
        earlier.append(member)
    known = set(Member.objects.filter(invited_by__isnull=False).values_list("pk", flat=True))
    first = {row.pk: row for row in reversed(members) if row.pk not in known and row.pk != row.invited_by_id}
    Member.objects.bulk_update(first.values(), ["invited_by"], batch_size=500)
