"""What pages show of check-ins: to a member of their own, to staff of groups and days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, QuerySet

from campaigns.checkins.making_up import cards_left, days_to_make_up, has_cards
from campaigns.checkins.models import (
    CheckIn,
    CheckInDay,
    CheckInProgramme,
    CheckInReward,
    CheckInStanding,
    CheckInState,
    CheckInThreshold,
    Goal,
    ProgrammeState,
    Reach,
    Source,
)
from campaigns.checkins.querysets import CheckInProgrammeQuerySet, CheckInStandingQuerySet
from campaigns.checkins.rules import DAY, Calendar, Hours, ranks
from groups.models import Group
from members.models import Member, Membership
from members.points.services import points_of

# A programme that is over is shown to its members for a while.
SHOWN_AFTER = timedelta(days=14)
SHOWN_BEFORE = timedelta(days=7)
BOARD = 10


def programmes_of_group(group: Group, now: datetime) -> CheckInProgrammeQuerySet:
    """The programmes that members of a group see now: those that run or rest, begin soon, or ended lately."""
    today = now.date()
    shown = CheckInProgramme.objects.filter(
        places__group=group, places__until_day=None, first_day__lte=today + SHOWN_BEFORE
    )
    return (
        shown.exclude(state=ProgrammeState.STOPPED)
        .exclude(last_day__lt=today - SHOWN_AFTER)
        .order_by("first_day", "pk")
    )


@dataclass(frozen=True)
class Now:
    """How a programme stands at an instant. `day` is open until `hours.closes`; while nothing is, `next_opens` says
    when the next day begins, nothing when none follows."""

    day: date | None
    hours: Hours | None
    next_opens: datetime | None
    is_over: bool
    number: int
    length: int | None


def stands(programme: CheckInProgramme, now: datetime) -> Now:
    calendar = programme.calendar
    today = calendar.local_day(now)
    day = calendar.day_at(now) if programme.state == ProgrammeState.RUNNING else None
    if day is not None and not calendar.is_day(day):
        day = None
    opens = None
    if day is None and programme.state == ProgrammeState.RUNNING:
        following = next((hours for hours in _ahead(calendar, today) if hours.opens > now), None)
        opens = following.opens if following else None
    length = None
    if calendar.last_day is not None:
        length = sum(1 for _day in calendar.days(calendar.first_day, calendar.last_day))
    number = sum(1 for _day in calendar.days(calendar.first_day, day or today))
    is_over = calendar.last_day is not None and day is None and opens is None and today >= calendar.last_day
    return Now(day, calendar.hours(day) if day else None, opens, is_over, number, length)


def _ahead(calendar: Calendar, today: date) -> list[Hours]:
    days = list(calendar.days(today, today + DAY * 2))
    if (later := calendar.next_day(today + DAY * 2)) is not None:
        days.append(later)
    return [hours for day in days if (hours := calendar.hours(day)) is not None]


@dataclass(frozen=True)
class Cell:
    """A day of the calendar of a member. `state` is counted, made_up, waiting, rejected, missed, open, ahead or none;
    `may_make_up` says that a card can save it."""

    day: date
    state: str
    may_make_up: bool = False


@dataclass(frozen=True)
class Step:
    """A threshold as a member sees it."""

    threshold: CheckInThreshold
    reached: int
    reward: CheckInReward | None

    @property
    def left(self) -> int:
        return max(0, self.threshold.count - self.reached)


@dataclass(frozen=True)
class Aim:
    """The goal of a group: `done` of `wanted`, in `unit` percent or check-ins."""

    goal: str
    done: int
    wanted: int
    present: int = 0
    counted: int = 0

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.done / self.wanted)) if self.wanted else 0

    @property
    def is_reached(self) -> bool:
        return self.done >= self.wanted


@dataclass(frozen=True)
class Place:
    """A row of the leaderboard."""

    rank: int
    standing: CheckInStanding
    is_me: bool = False

    @property
    def streak(self) -> int:
        return int(self.standing.streak)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Own:
    """What a member sees of themselves in a programme. `today` is their check-in of the open day."""

    now: Now
    today: CheckIn | None
    streak: int
    standing: CheckInStanding
    steps: list[Step]
    to_make_up: list[date]
    cards: int
    balance: int

    @property
    def is_done(self) -> bool:
        return self.today is not None and self.today.state != CheckInState.REJECTED


def own_of(programme: CheckInProgramme, member: Member, group: Group, now: datetime) -> Own:
    """Some eight queries, however long the programme lasts."""
    state = stands(programme, now)
    standing = CheckInStanding.objects.at(now).filter(programme=programme, member=member).first()
    today = CheckIn.objects.filter(programme=programme, member=member, day=state.day).first() if state.day else None
    rewards = {
        reward.threshold_id: reward
        for reward in CheckInReward.objects.filter(programme=programme, member=member).select_related("prize")
    }
    row = standing or CheckInStanding(programme=programme, member=member, group=group)
    steps = [
        Step(threshold, row.longest if threshold.reach == Reach.STREAK else row.total, rewards.get(threshold.pk))
        for threshold in CheckInThreshold.objects.filter(programme=programme).select_related("prize")
        if threshold.removed_at is None or threshold.pk in rewards
    ]
    cards = has_cards(programme)
    return Own(
        now=state,
        today=today,
        streak=standing.streak if standing else 0,  # type: ignore[attr-defined]
        standing=row,
        steps=sorted(steps, key=lambda step: (step.threshold.count, step.threshold.reach)),
        to_make_up=days_to_make_up(programme=programme, member=member, group=group, now=now) if cards else [],
        cards=cards_left(programme=programme, member=member) if cards else 0,
        balance=points_of(member) if programme.card_price else 0,
    )


def month_of(
    programme: CheckInProgramme, member: Member, month: date, now: datetime, to_make_up: list[date]
) -> list[list[Cell | None]]:
    """The weeks of a month, Monday first, with what the member did on each day. One query."""
    first = month.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    rows = CheckIn.objects.filter(programme=programme, member=member, day__gte=first, day__lt=following)
    done = {day: (state, source) for day, state, source in rows.values_list("day", "state", "source")}
    cells: list[Cell | None] = [None] * first.weekday()
    for number in range((following - first).days):
        day = first + DAY * number
        cells.append(Cell(day, _state(programme.calendar, day, done.get(day), now), day in to_make_up))
    cells += [None] * (-len(cells) % 7)
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]


def _state(calendar: Calendar, day: date, done: tuple[str, str] | None, now: datetime) -> str:
    if done is not None:
        state, source = done
        return "made_up" if source == Source.MAKE_UP and state == CheckInState.COUNTED else state
    hours = calendar.hours(day) if calendar.is_day(day) else None
    if hours is None:
        return "none"
    if hours.closes <= now:
        return "missed"
    return "open" if hours.opens <= now else "ahead"


def aim_of(programme: CheckInProgramme, group: Group, now: datetime, day: date | None) -> Aim | None:
    """How far a group is with its goal; at most two queries."""
    if programme.goal == Goal.NONE:
        return None
    if programme.goal == Goal.TOTAL:
        done = CheckIn.objects.counted().filter(programme=programme, group=group).count()
        return Aim(programme.goal, done, programme.goal_value)
    if day is None:
        return None
    present, counted = rate_of(programme, group, day)
    # Whole percents, rounded down: 69.9% is not 70%.
    return Aim(programme.goal, 100 * counted // present if present else 0, programme.goal_value, present, counted)


def rate_of(programme: CheckInProgramme, group: Group, day: date) -> tuple[int, int]:
    """Members present in a group, and how many of them have checked in on a day so far."""
    present = Membership.objects.present().filter(group=group, member__erased_at=None)
    done = CheckIn.objects.counted().filter(programme=programme, day=day).values("member_id")
    return present.count(), present.filter(member_id__in=done).count()


def board_rows(programme: CheckInProgramme, now: datetime) -> CheckInStandingQuerySet:
    """Everybody with a day that counts, in the order of the board."""
    rows = CheckInStanding.objects.at(now).filter(programme=programme, total__gt=0, member__erased_at=None)
    return rows.select_related("member").in_order()


def board_of(programme: CheckInProgramme, group: Group, member: Member | None, now: datetime) -> list[Place]:
    """The first of the leaderboard of a group, and the member's own row where it stands further down. Equal figures
    have equal ranks. Three queries."""
    present = Membership.objects.present().filter(group=group).values("member_id")
    rows = board_rows(programme, now).filter(member_id__in=present)
    top = list(rows[:BOARD])
    places = [
        Place(rank, row, member is not None and row.member_id == member.pk)
        for rank, row in zip(ranks([row.place for row in top]), top, strict=True)
    ]
    if member is None or any(place.is_me for place in places):
        return places
    mine = rows.filter(member=member).first()
    if mine is None:
        return places
    return [*places, Place(rows.better_than(mine).count() + 1, mine, True)]


def about_to_break(programme: CheckInProgramme, groups: QuerySet[Group], now: datetime) -> CheckInStandingQuerySet:
    """Members with a streak of three days or more who have not checked in today, the longest first."""
    day = programme.calendar.day_at(now)
    if day is None:
        return CheckInStanding.objects.none()
    done = CheckIn.objects.filter(programme=programme, day=day).exclude(state=CheckInState.REJECTED)
    rows = CheckInStanding.objects.at(now).risky().filter(programme=programme, group__in=groups)
    return rows.exclude(member_id__in=done.values("member_id")).select_related("member", "group")


@dataclass(frozen=True)
class GroupRate:
    """How a group checks in: `days` are its last closed days, `today` the open one."""

    group: Group
    present: int
    counted: int
    days: list[CheckInDay]

    @property
    def course(self) -> list[int]:
        return [day.counted for day in self.days]

    @property
    def last(self) -> list[CheckInDay]:
        return self.days[-3:]


def group_rates(programme: CheckInProgramme, groups: QuerySet[Group], now: datetime) -> list[GroupRate]:
    """Each group of the programme with its rate of the open day, or of the last one. Constant queries."""
    state = stands(programme, now)
    closed = CheckInDay.objects.filter(programme=programme, group__in=groups, closed_at__isnull=False)
    by_group: dict[int, list[CheckInDay]] = {}
    for row in closed.filter(day__gte=programme.calendar.local_day(now) - DAY * 31).order_by("day"):
        by_group.setdefault(row.group_id, []).append(row)
    named = list(groups.filter(check_in_places__programme=programme, check_in_places__until_day=None).order_by("name"))
    present = Membership.objects.present().filter(group__in=named, member__erased_at=None).order_by()
    counts = dict(present.values_list("group_id").annotate(n=Count("pk")))
    day = state.day
    done: dict[int, int] = {}
    if day is not None:
        checked = CheckIn.objects.counted().filter(programme=programme, day=day).values("member_id")
        done = dict(present.filter(member_id__in=checked).values_list("group_id").annotate(n=Count("pk")))
    rates = []
    for group in named:
        days = by_group.get(group.pk, [])
        if day is None and days:
            rates.append(GroupRate(group, days[-1].present, days[-1].counted, days))
        else:
            rates.append(GroupRate(group, counts.get(group.pk, 0), done.get(group.pk, 0), days))
    return rates
