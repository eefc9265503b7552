"""How the programmes stand whose day is open: what the page of today shows of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from accounts.models import User
from campaigns.checkins.models import (
    CheckIn,
    CheckInGroup,
    CheckInProgramme,
    CheckInStanding,
    CheckInState,
    ProgrammeState,
)
from campaigns.checkins.rules import DAY, Hours
from campaigns.checkins.selectors import stands
from groups.models import Group, Permission
from members.models import Membership


@dataclass(frozen=True)
class Running:
    """A programme in some groups, on the day that is open: `present` members are expected, each once, and `counted` of
    them have checked in. `risky` have a streak to lose; `may_remind` says whether the person may post to one of the
    groups."""

    programme: CheckInProgramme
    number: int
    length: int | None
    hours: Hours
    groups: int
    present: int
    counted: int
    risky: int
    may_remind: bool

    @property
    def is_complete(self) -> bool:
        return self.counted >= self.present


def running_programmes(*, user: User, groups: QuerySet[Group], now: datetime) -> list[Running]:
    """The programmes with an open day in one of `groups`, which the person sees; what closes first comes first. Five
    queries, or six for whoever is not an administrator, however many programmes and groups there are."""
    among = groups.order_by().values("pk")
    places = CheckInGroup.objects.filter(until_day=None, group__in=among)
    begun = CheckInProgramme.objects.filter(state=ProgrammeState.RUNNING, first_day__lte=(now + DAY).date())
    found = begun.exclude(last_day__lt=(now - DAY * 2).date()).filter(pk__in=places.values("programme"))
    states = [(programme, stands(programme, now)) for programme in found]
    days = {programme.pk: state.day for programme, state in states if state.day is not None}
    if not days:
        return []
    here = places.filter(programme__in=days)
    counts = dict(here.order_by().values_list("programme").annotate(n=Count("pk")))
    present = Membership.objects.present().filter(member__erased_at=None, group__in=among)
    of_programme = present.filter(
        group__check_in_places__programme__in=days, group__check_in_places__until_day=None
    ).order_by()
    expected = dict(
        of_programme.values_list("group__check_in_places__programme").annotate(n=Count("member_id", distinct=True))
    )
    in_place = present.filter(
        member=OuterRef("member_id"),
        group__check_in_places__programme=OuterRef("programme_id"),
        group__check_in_places__until_day=None,
    )
    on_their_day = _on_days(days)
    done = CheckIn.objects.counted().filter(on_their_day).filter(Exists(in_place)).order_by()
    counted = dict(done.values_list("programme").annotate(n=Count("pk")))
    theirs = CheckIn.objects.filter(on_their_day, programme=OuterRef("programme_id"), member=OuterRef("member_id"))
    at_risk = (
        CheckInStanding.objects.at(now)
        .risky()
        .filter(programme__in=days, group__in=among)
        .exclude(Exists(theirs.exclude(state=CheckInState.REJECTED)))
        .order_by()
    )
    risky = dict(at_risk.values_list("programme").annotate(n=Count("pk")))
    remindable = set(here.filter(group__in=_postable(user).values("pk")).values_list("programme", flat=True))
    rows = [
        Running(
            programme,
            state.number,
            state.length,
            state.hours,
            counts.get(programme.pk, 0),
            expected.get(programme.pk, 0),
            counted.get(programme.pk, 0),
            risky.get(programme.pk, 0),
            programme.pk in remindable,
        )
        for programme, state in states
        if state.hours is not None
    ]
    return sorted(rows, key=lambda row: (row.hours.closes, row.programme.name, row.programme.pk))


def _postable(user: User) -> QuerySet[Group]:
    groups = Group.objects.visible_to(user).postable()
    return groups.permitted(user, Permission.POST) if user.may_write else groups.none()


def _on_days(days: dict[int, date]) -> Q:
    """Check-ins of each programme on its own open day: at one instant few days are open, whatever the zones."""
    by_day: dict[date, list[int]] = defaultdict(list)
    for number, day in days.items():
        by_day[day].append(number)
    wanted = Q()
    for day, numbers in by_day.items():
        wanted |= Q(day=day, programme__in=numbers)
    return wanted
