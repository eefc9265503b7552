"""Programmes of check-ins, and the ways to check in, for tests."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.models import User
from activity.models import Event
from activity.services import event_key
from campaigns.checkins.counting import check_in
from campaigns.checkins.models import CheckIn, CheckInProgramme, CheckInStanding
from campaigns.checkins.programmes import ProgrammeDraft, programme_create
from campaigns.checkins.rules import figures
from groups.models import Group
from members.conduct.judging import IncomingMessage, messages_take
from members.ingestion import IncomingEvent, ingest
from members.models import Member
from tests.builders import make_member

FIRST = date(2026, 3, 2)  # the Monday of tests.builders.NOW
ZONE = "Asia/Shanghai"


def make_programme(*groups: Group, now: datetime | None = None, by: Any = None, **fields: Any) -> CheckInProgramme:
    """A programme that began on FIRST: every day, all day."""
    values = {
        "name": "21 天阅读打卡",
        "groups": list(groups),
        "first_day": FIRST,
        "timezone": ZONE,
        "keyword": "打卡",
        **fields,
    }
    branch = groups[0].branch if groups else None
    return programme_create(by=by, now=now or timezone.now(), draft=ProgrammeDraft(**values), branch=branch)


def say(member: Member, group: Group, text: str, at: datetime, *, now: datetime | None = None, id: str = "") -> None:
    """The member writes in the group; another system tells it, at `now`."""
    ref = id or f"{member.pk} {group.pk} {text} {at.isoformat()}"
    message = IncomingMessage(event_key("tests", ref), member.external_id, group.external_id, at, "text", text)
    messages_take(messages=[message], source="tests", by=None, create_missing=False, now=now or at)


def tell(
    member: Member, group: Group, at: datetime, *, id: str, source: str = "tests", properties: str | None = None
) -> Any:
    """Another system tells a check-in as an event."""
    event = IncomingEvent(
        event_key(source, id), member.external_id, group.external_id, "check_in", at, properties=properties
    )
    return ingest(events=[event], source=source, by=None, create_missing=False, now=at)


def press(programme: CheckInProgramme, member: Member, group: Group, at: datetime, **more: Any) -> CheckIn:
    """The member presses the button."""
    return check_in(now=at, programme=CheckInProgramme.objects.get(pk=programme.pk), member=member, group=group, **more)


def standing(programme: CheckInProgramme, member: Member) -> tuple[int, int, int]:
    """Current, longest and total as they are kept."""
    row = CheckInStanding.objects.filter(programme=programme, member=member).first()
    return (row.current, row.longest, row.total) if row else (0, 0, 0)


def events_of(member: Member) -> int:
    """How many check-ins the reports count for a member."""
    return Event.objects.filter(member_id=member.pk, kind__slug="check_in").count()


def hold_true(programme: CheckInProgramme, now: datetime) -> None:
    """What is kept of every member is what their check-ins say."""
    programme = CheckInProgramme.objects.get(pk=programme.pk)
    for row in CheckInStanding.objects.filter(programme=programme):
        days = CheckIn.objects.filter(programme=programme, member=row.member)
        counted = set(days.counted().values_list("day", flat=True))
        waiting = set(days.waiting().values_list("day", flat=True))
        found = figures(programme.calendar, counted, now, waiting=waiting)
        kept = (row.current, row.longest, row.total, row.last_day, row.longest_on, row.ends_at)
        assert kept == (
            found.current, found.longest, found.total, found.last_day, found.longest_on, found.ends_at,
        )  # fmt: skip


def clock(hour: int, minute: int = 0) -> time:
    return time(hour, minute)


def check_in_things(*, by: User, group: Group, now: datetime) -> dict[str, int]:
    """A programme that began today, with a proof that waits; the numbers that addresses of its pages take."""
    today = now.astimezone(ZoneInfo(ZONE)).date()
    programme = make_programme(group, now=now, by=by, first_day=today, is_reviewed=True, proof="either")
    other = make_member("浩然爸爸", [group], now=now)
    row = check_in(now=now, programme=programme, member=other, group=group, text="读了三页")
    CheckInProgramme.objects.filter(pk=programme.pk).update(is_reviewed=False, proof="none")
    return {"check_ins": programme.pk, "check_in": row.pk}
