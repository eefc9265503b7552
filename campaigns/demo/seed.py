"""Writes the demo brand into an empty installation."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from accounts.models import Branch, User
from accounts.services import branch_create, staff_create
from activity.models import Event
from activity.services import event_key
from campaigns.demo.activities import activities_write
from campaigns.demo.brand import BRANCHES, CHANNELS, DAYS, GROUPS, PRODUCTS, STAFF, GroupPlan
from campaigns.demo.checkins import check_ins_write
from campaigns.demo.conduct import conduct_write
from campaigns.demo.content import content_write
from campaigns.demo.entry import entry_write
from campaigns.demo.gifts import gifts_write
from campaigns.demo.health import caretakers_write, told
from campaigns.demo.people import people_write
from campaigns.demo.playbooks import playbooks_write
from campaigns.demo.positioning import positioning_write
from campaigns.demo.posts import posts_write
from campaigns.demo.questions import questions_write
from campaigns.demo.rules import rules_write
from campaigns.demo.seeds import seeds_write
from campaigns.demo.spend import spend_write
from campaigns.demo.stories import stories_write
from campaigns.demo.story import DAY, KINDS, ORDERED, Story, tell
from campaigns.demo.talk import talk_write
from campaigns.demo.team import team_write
from campaigns.models import Order
from delivery.services import destination_create
from groups.models import Group
from groups.services import POSITIONING, group_archive, group_create
from members.ingestion import IncomingEvent, ingest
from members.models import Member

SOURCE = "demo"


class NotEmptyError(Exception):
    """The installation already holds a community that is not the demo."""


@dataclass(frozen=True)
class SignIn:
    """How a demo person signs in. The password exists nowhere else."""

    username: str
    password: str
    role: str
    branch: str


@dataclass(frozen=True)
class Seeded:
    staff: list[SignIn]
    groups: int
    members: int
    events: int
    orders: int
    posts: int


def demo_seed(*, now: datetime, members: int) -> Seeded | None:
    """Fills an empty installation with the demo brand; None when it is there already.

    The community is the same each time, moved so that it reaches up to `now`; passwords are made anew and
    written to DATA_DIR/demo-sign-in.json. Raises NotEmptyError when there are groups or staff of somebody else.
    """
    with transaction.atomic():
        if Group.objects.filter(external_id=_group_ref(0)).exists():
            return None
        if Group.objects.exists() or User.objects.filter(username__in=[person.username for person in STAFF]).exists():
            raise NotEmptyError
        zone = ZoneInfo(settings.TIME_ZONE)
        first_day = now.astimezone(zone).date() - timedelta(days=DAYS)
        clock = _Clock(first_day, zone)
        branches = {code: branch_create(by=None, code=code, name=name) for code, name in BRANCHES}
        staff, sign_ins = _staff_write(branches)
        groups = [_group_write(position, plan, branches, clock, now) for position, plan in enumerate(GROUPS)]
        story = tell(members=members, first_weekday=first_day.weekday(), until=clock.elapsed(now))
        Member.objects.bulk_create(
            [Member(external_id=_member_ref(index), name=name) for index, name in enumerate(story.names)],
            batch_size=2000,
        )
        ingest(events=list(_events(story, clock)), source=SOURCE, by=None, create_missing=False, now=now)
        orders = _orders_write()
        for group, plan in zip(groups, GROUPS, strict=True):
            if plan.health == "archived":
                group_archive(by=staff["lin"], group=group)
        content_write(staff=staff, now=now)
        stories_write(staff=staff, groups=groups, now=now)
        posts = posts_write(staff=staff, groups=groups, now=now)
        team_write(staff=staff, groups=groups, now=now)
        positioning_write(staff=staff, groups=groups, now=now)
        seeds_write(staff=staff, now=now)
        entry_write(staff=staff, groups=groups, now=now)
        playbooks_write(staff=staff, groups=groups, now=now)
        conduct_write(staff=staff, groups=groups, now=now)
        questions_write(staff=staff, groups=groups, now=now)
        rules_write(lin=staff["lin"], branch=branches["hangzhou"], now=now)
        people_write(staff=staff, now=now)
        gifts_write(staff=staff, groups=groups, now=now)
        activities_write(staff=staff, groups=groups, now=now)
        talk_write(staff=staff, groups=groups, now=now)
        check_ins_write(staff=staff, groups=groups, now=now)
        spend_write(staff=staff, branches=branches, now=now)
        _sign_in_write(sign_ins)
        caretakers_write(groups=groups, now=now)
        told.send(sender=None, now=now)
    return Seeded(sign_ins, len(groups), len(story.names), Event.objects.count(), orders, posts)


class _Clock:
    """Turns the milliseconds of the story into instants. Each day begins at its own local midnight."""

    def __init__(self, first_day: date, zone: ZoneInfo) -> None:
        days = (first_day + timedelta(days=day) for day in range(DAYS + 2))
        self._midnights = [datetime.combine(day, time(), zone).astimezone(UTC) for day in days]

    def at(self, since_start: int) -> datetime:
        day, rest = divmod(since_start, DAY)
        return self._midnights[day] + timedelta(milliseconds=rest)

    def elapsed(self, now: datetime) -> int:
        return DAYS * DAY + int((now - self._midnights[DAYS]).total_seconds() * 1000)


def _group_ref(position: int) -> str:
    return f"qh-group-{position + 1:02}"


def _member_ref(index: int) -> str:
    return f"qh-{index + 10001}"


def _staff_write(branches: dict[str, Branch]) -> tuple[dict[str, User], list[SignIn]]:
    staff, sign_ins = {}, []
    for person in STAFF:
        password = "-".join(secrets.token_hex(2) for _part in range(3))
        staff[person.username] = staff_create(
            by=None,
            username=person.username,
            password=password,
            display_name=person.name,
            role=person.role,
            branch=branches.get(person.branch),
        )
        sign_ins.append(SignIn(person.username, password, person.role, person.branch))
    return staff, sign_ins


def _group_write(position: int, plan: GroupPlan, branches: dict[str, Branch], clock: _Clock, now: datetime) -> Group:
    forming = plan.health == "forming"
    fields = {name: getattr(plan.purpose, name) for name in POSITIONING}
    return group_create(
        by=None,
        now=min(now, clock.at(plan.opened * DAY + DAY // 3)),
        external_id=_group_ref(position),
        name=plan.name,
        branch=branches.get(plan.branch),
        destination=destination_create(kind="inapp"),
        **({"motivation": fields["motivation"], "pain_point": fields["pain_point"]} if forming else fields),
    )


def _events(story: Story, clock: _Clock) -> Iterator[IncomingEvent]:
    members = [_member_ref(index) for index in range(len(story.names))]
    groups = [_group_ref(position) for position in range(len(GROUPS))]
    channels = [*(channel.code for channel in CHANNELS), ""]
    columns = zip(
        story.member.tolist(),
        story.group.tolist(),
        story.kind.tolist(),
        story.at.tolist(),
        story.channel.tolist(),
        story.product.tolist(),
        strict=True,
    )
    for number, (member, group, kind, at, channel, product) in enumerate(columns):
        offered = PRODUCTS[product] if product >= 0 else None
        yield IncomingEvent(
            key=event_key(SOURCE, str(number)),
            member=members[member],
            group=groups[group],
            kind=KINDS[kind],
            at=clock.at(at),
            channel=channels[channel],
            value=offered.amount if offered else None,
            properties=json.dumps({"product": offered.name}, ensure_ascii=False) if offered else None,
        )


def _orders_write() -> int:
    """The orders behind the events of that kind, with the same keys."""
    events = Event.objects.filter(kind__slug=KINDS[ORDERED]).order_by("pk")
    rows = events.values_list("member_id", "at", "value", "properties__product", "key", "group_id")
    orders = [
        Order(
            member_id=member_id,
            ordered_at=at,
            amount=amount or 0,
            order_id=f"QH{at:%Y%m%d}{number:05}",
            quantity=1,
            product=product,
            key=key,
            group_id=group_id,
        )
        for number, (member_id, at, amount, product, key, group_id) in enumerate(rows, start=1)
    ]
    return len(Order.objects.bulk_create(orders))


def _sign_in_write(sign_ins: list[SignIn]) -> None:
    path = settings.DATA_DIR / "demo-sign-in.json"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        json.dump([vars(person) for person in sign_ins], handle, ensure_ascii=False, indent=2)
