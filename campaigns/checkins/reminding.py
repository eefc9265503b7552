"""Groups are reminded of a day that is open: by the clock (see dues.py), or because somebody asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from campaigns.checkins.counting import open_day
from campaigns.checkins.models import CheckInDay, CheckInProgramme
from campaigns.checkins.selectors import GroupRate, group_rates
from community_ops.lib.languages import language_of
from delivery.models import Delivery, Missed
from delivery.services import Content, NewDelivery, deliveries_plan, message_create
from groups.channel import channel_kind
from groups.models import Group, GroupState, Permission

# A reminder that leaves later than this says nothing true any more.
WORTH = timedelta(minutes=30)


@dataclass(frozen=True)
class Candidate:
    """A group of a programme on the open day. `row` is its day; `why_not` says why it is not told, and nothing when it
    is."""

    rate: GroupRate
    row: CheckInDay | None
    why_not: str

    @property
    def group(self) -> Group:
        return self.rate.group

    @property
    def words(self) -> Content:
        """What it reads; of a group that is told."""
        assert self.row
        return reminder_words(self.row, self.rate.present, self.rate.counted)


def candidates_of(*, programme: CheckInProgramme, user: User, now: datetime) -> list[Candidate]:
    """The groups that a person sees, with what speaks against telling them now. Constant queries."""
    day = open_day(programme, now)
    seen = Group.objects.visible_to(user)
    rates = group_rates(programme, seen, now)
    rows = {
        row.group_id: row
        for row in CheckInDay.objects.filter(programme=programme, day=day, closed_at=None, closes_at__gt=now)
    }
    permitted = set(seen.permitted(user, Permission.POST).values_list("pk", flat=True)) if user.may_write else set()
    keys = {_key_by_hand(programme.pk, rate.group.pk, day): rate.group.pk for rate in rates}
    told = Delivery.objects.filter(dedupe_key__in=list(keys)).values_list("dedupe_key", flat=True)
    reminded = {keys[key] for key in told}
    found = []
    for rate in rates:
        if row := rows.get(rate.group.pk):
            row.programme, row.group = programme, rate.group
        found.append(Candidate(rate, row, _why_not(rate, row, rate.group.pk in permitted, rate.group.pk in reminded)))
    return found


def _why_not(rate: GroupRate, row: CheckInDay | None, permitted: bool, reminded: bool) -> str:
    if not permitted:
        return _("You may not post to it.")
    if rate.group.state != GroupState.ACTIVE:
        return _("Nothing can be posted to it now.")
    if reminded:
        return _("It was reminded by hand today.")
    if rate.counted >= rate.present:
        return _("Everybody has checked in.") if rate.present else _("Nobody is in it.")
    return "" if row else _("Its day begins in a moment.")


def groups_remind(*, by: User, now: datetime, programme: CheckInProgramme) -> int:
    """Posts a reminder at once to each group of a programme where somebody has not checked in and to which the person
    may post, by hand once a day; returns to how many. Raises CheckInRefused when no day is open."""
    with transaction.atomic():
        day = open_day(programme, now)
        # The days are the lock: of two who ask at once, the second finds the groups reminded.
        held = CheckInDay.objects.select_for_update(no_key=True).filter(programme=programme, day=day).order_by("pk")
        list(held.values_list("pk", flat=True))
        count = 0
        for candidate in candidates_of(programme=programme, user=by, now=now):
            if candidate.row is None or candidate.why_not:
                continue
            key = _key_by_hand(programme.pk, candidate.group.pk, day)
            reminder_plan(
                row=candidate.row, present=candidate.rate.present, counted=candidate.rate.counted, key=key, now=now
            )
            count += 1
        if count:
            audit_record(by=by, action="checkins.reminded", subject=programme, after={"day": day, "groups": count})
    return count


def _key_by_hand(programme_id: int, group_id: int, day: date) -> str:
    return f"check-in:{programme_id}:{group_id}:{day:%Y%m%d}:by-hand"


def reminder_plan(*, row: CheckInDay, present: int, counted: int, key: str, now: datetime) -> None:
    """Plans the post that reminds a group of a day: once for each `key`."""
    group = row.group
    delivery = NewDelivery(
        dedupe_key=key,
        kind=channel_kind(group),
        destination_id=group.destination_id,
        group_id=group.pk,
        group_ref=group.external_id,
        due_at=now,
        missed=Missed.LATE,
        late_until=min(row.closes_at, now + WORTH),
    )
    deliveries_plan(message=message_create(content=reminder_words(row, present, counted)), rows=[delivery])


def reminder_words(row: CheckInDay, present: int, counted: int) -> Content:
    """What the group reads: how many have done it, and nobody's name."""
    programme = row.programme
    closes = row.closes_at.astimezone(programme.calendar.zone)
    with translation.override(language_of(f"{programme.name} {programme.text}")):
        title = _("%(name)s: %(counted)d of %(present)d have checked in") % {
            "name": programme.name,
            "counted": counted,
            "present": present,
        }
        text = _("Today is open until %(clock)s.") % {"clock": f"{closes:%H:%M}"}
        if programme.keyword:
            how = _("Write “%(keyword)s” here to check in.") % {"keyword": programme.keyword}
            text = f"{text}\n{how}"
        words = _("Check in")
    path = reverse("member:check_in", args=[row.group.page_token, programme.pk])
    link = f"{settings.PUBLIC_URL}{path}" if programme.by_page and settings.PUBLIC_URL else ""
    return Content(title=title[:200], text=text, link=link, link_title=words if link else "")
