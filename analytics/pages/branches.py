"""Branches beside each other: how many members, how alive, what they bring, and how their groups are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import Count, DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Sum
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Branch, User
from accounts.policies import policy_get
from activity.models import Event
from analytics.definitions import BRANCHES
from analytics.health.days import Days, local_day
from analytics.health.models import DailyGroupStat, GroupHealth
from analytics.health.policy import HealthPolicy
from analytics.health.selectors import judged_day
from analytics.index.source import source_of
from analytics.pages.explain import Facts
from analytics.pages.parts import Cell, Head, Table, Text, percent, share_of, zone_words
from analytics.queries.activity import ActivityQuery, ActivityResult
from analytics.sources import Selection, SqlNames
from campaigns.orders.models import Order
from groups.models import Group, GroupState, HealthStage
from members.models import Member, Membership

SHORT, LONG = 7, 28  # days
WEEK_4 = (timedelta(days=28), timedelta(days=35))  # after joining
HEADQUARTERS = "none"
FIGURES = ("members", "active", "answered", "stayed", "buyers")

LABELS = {
    "groups": gettext_lazy("Groups"),
    "members": gettext_lazy("Members"),
    "active": gettext_lazy("Active, 7 days"),
    "active_share": gettext_lazy("Active share"),
    "stayed": gettext_lazy("Back in week 4"),
    "orders": gettext_lazy("Orders, 28 days"),
    "conversion": gettext_lazy("Buyers among members"),
    "floor": gettext_lazy("Floor kept"),
    "answers": gettext_lazy("Answers, 28 days"),
}


@dataclass(frozen=True)
class Number:
    """A figure, that of the period before (None where there is none), and the list behind it."""

    key: str
    value: int | float | None
    before: int | float | None = None
    url: str = ""
    is_share: bool = False

    @property
    def text(self) -> str:
        return percent(self.value) if self.is_share else f"{self.value or 0:,}"

    @property
    def change(self) -> str:
        """How it stands against the period before, in points for shares; nothing where there is no period before."""
        if self.value is None or self.before is None:
            return ""
        if self.is_share:
            return f"{self.value - self.before:+.1f}".replace("-", "−")
        return f"{self.value - self.before:+,}".replace("-", "−")


@dataclass(frozen=True)
class Row:
    """A branch; without `branch` the groups of headquarters."""

    branch: Branch | None
    numbers: list[Number]
    stages: list[tuple[HealthStage, int, str]]

    @property
    def name(self) -> str:
        return self.branch.name if self.branch else _("Headquarters")


@dataclass(frozen=True)
class Periods:
    """The days that are compared. Newcomers are those whose fifth week in the group is over."""

    short: Days
    short_before: Days
    long: Days
    long_before: Days
    newcomers: Days
    newcomers_before: Days

    @classmethod
    def up_to(cls, today: date) -> Periods:
        day = timedelta(days=1)

        def back(last: date, length: int) -> tuple[Days, Days]:
            first = last - (length - 1) * day
            return Days(first, last), Days(first - length * day, first - day)

        return cls(*back(today, SHORT), *back(today, LONG), *back(today - WEEK_4[1] - day, LONG))


def branch_rows(user: User, now: datetime, zone: ZoneInfo) -> list[Row]:
    """A row for each branch that a person may see. A constant number of queries."""
    periods = Periods.up_to(local_day(now))
    policy = policy_get(HealthPolicy)
    groups = Group.objects.visible_to(user).open()
    branches: list[Branch | None] = list(Branch.objects.visible_to(user).order_by("name", "pk"))
    if user.is_headquarters:
        branches.append(None)
    count_groups = _by(groups, "branch", n=Count("pk"))
    places = Membership.objects.visible_to(user).in_open_groups()
    members = _by(places.present(), "group__branch", n=Count("member", distinct=True))
    active = [_active(user, days, zone, now) for days in (periods.short, periods.short_before)]
    stayed = [_newcomers(places, days) for days in (periods.newcomers, periods.newcomers_before)]
    orders = [_orders(places.present(), days) for days in (periods.long, periods.long_before)]
    done = [_done(groups, days, policy.floor) for days in (periods.long, periods.long_before)]
    judged = [_judged(groups, days) for days in (periods.long, periods.long_before)]
    stages = _stages(groups)
    rows = []
    for branch in branches:
        key = branch.pk if branch else None
        code = branch.code if branch else ""
        if branch is None and not count_groups.get(None):
            continue
        here = members.get(key, {}).get("n", 0)
        came, came_before = (found.get(key, {"came": 0, "stayed": 0}) for found in stayed)
        sold, sold_before = (found.get(key, {"orders": 0, "buyers": 0}) for found in orders)
        did, did_before = (found.get(key, {"answers": 0, "kept": 0}) for found in done)
        days_judged, days_judged_before = (found.get(key, {"n": 0})["n"] for found in judged)
        links = _Links(branch)
        now_active, then_active = active[0].get(code, 0), active[1].get(code, 0)
        rows.append(
            Row(
                branch,
                [
                    Number("groups", count_groups.get(key, {}).get("n", 0), url=links.list("groups:list")),
                    Number("members", here, url=links.people("members")),
                    Number("active", now_active, then_active, links.people("active")),
                    Number("active_share", share_of(now_active, here), is_share=True),
                    Number(
                        "stayed",
                        share_of(came["stayed"], came["came"]),
                        share_of(came_before["stayed"], came_before["came"]),
                        links.people("stayed"),
                        is_share=True,
                    ),
                    Number("orders", sold["orders"], sold_before["orders"], links.people("buyers")),
                    Number("conversion", share_of(sold["buyers"], here), is_share=True, url=links.people("buyers")),
                    Number(
                        "floor",
                        share_of(did["kept"], days_judged),
                        share_of(did_before["kept"], days_judged_before),
                        links.list("analytics:health"),
                        is_share=True,
                    ),
                    Number("answers", did["answers"], did_before["answers"], links.people("answered")),
                ],
                [
                    (stage, stages.get((key, stage.value), 0), links.list("analytics:health", stage=stage.value))
                    for stage in HealthStage
                ],
            )
        )
    return rows


@dataclass(frozen=True)
class BranchHead:
    """The head of a column, and what stands behind its "?"."""

    key: str
    label: Text
    definition: Text
    facts: Facts
    is_number: bool = True


def branch_heads(now: datetime, zone: ZoneInfo) -> list[BranchHead]:
    """Each figure with the days that it is about, where it is not about now."""
    periods = Periods.up_to(local_day(now))
    about = {"active": periods.short, "active_share": periods.short, "stayed": periods.newcomers}
    about |= dict.fromkeys(("orders", "conversion", "floor", "answers"), periods.long)
    texts = BRANCHES | {"active_share": BRANCHES["active"], "conversion": BRANCHES["orders"]}

    def head(key: str, label: Text, *, is_number: bool = True) -> BranchHead:
        days = about.get(key)
        said = f"{days.first:%Y-%m-%d} – {days.last:%Y-%m-%d}" if days else ""
        return BranchHead(key, label, texts[key], Facts(said, zone_words(zone, now), now), is_number)

    figures = [head(key, label) for key, label in LABELS.items()]
    return [*figures, head("stages", _("Groups by stage"), is_number=False)]


class _Links:
    def __init__(self, branch: Branch | None) -> None:
        self.key = str(branch.pk) if branch else HEADQUARTERS
        self.number = branch.pk if branch else 0

    def list(self, name: str, **more: str) -> str:
        return f"{reverse(name)}?{urlencode({'branch': self.key, **more})}"

    def people(self, figure: str) -> str:
        return f"{reverse('analytics:branch_people', args=[self.number])}?{urlencode({'figure': figure})}"


def _by(rows: QuerySet[Any], branch: str, **figures: Any) -> dict[int | None, dict[str, int]]:
    found = rows.order_by().values(branch).annotate(**figures).values_list(branch, *figures)
    return {key: dict(zip(figures, values, strict=True)) for key, *values in found}


def _active(user: User, days: Days, zone: ZoneInfo, now: datetime) -> dict[str, int]:
    """Members with any event in groups of a branch, by its code; those of headquarters under ""."""
    question: dict[str, Any] = {
        "timezone": zone.key,
        "metric": "unique",
        "interval": "month",
        "range": {"from": days.first.isoformat(), "to": days.last.isoformat()},
    }

    def asked(selection: Selection, **more: Any) -> ActivityResult:
        query = ActivityQuery.read({**question, **more}, zone=zone, now=now)
        return query.compute(source_of(selection), SqlNames(), now=now)

    result = asked(Selection(user), breakdown={"by": "branch"})
    found = {code: figures["overall"] for code, figures in (result.breakdown or {}).items()}
    if user.is_headquarters:
        # What happened outside of any group has no branch either, and is nobody's.
        own = frozenset(Group.objects.open().filter(branch=None).values_list("pk", flat=True))
        found[""] = asked(Selection(user, group_ids=own)).all["overall"]
    return found


def _joined(places: QuerySet[Membership], days: Days) -> QuerySet[Any]:
    """Newcomers of these days, with whether they did something in their fifth week there."""
    after = [ExpressionWrapper(OuterRef("joined_at") + span, output_field=DateTimeField()) for span in WEEK_4]
    later = Event.objects.filter(
        member_id=OuterRef("member_id"), group_id=OuterRef("group_id"), at__gte=after[0], at__lt=after[1]
    )
    came = places.filter(joined_at__gte=days.start, joined_at__lt=days.end)
    return came.annotate(came_back=Exists(later))


def _newcomers(places: QuerySet[Membership], days: Days) -> dict[int | None, dict[str, int]]:
    return _by(_joined(places, days), "group__branch", came=Count("pk"), stayed=Count("pk", filter=Q(came_back=True)))


def _orders(present: QuerySet[Membership], days: Days) -> dict[int | None, dict[str, int]]:
    """Orders of members who are in a group of the branch; in two branches they count in both."""
    buyers = present.filter(member__orders__ordered_at__gte=days.start, member__orders__ordered_at__lt=days.end)
    return _by(
        buyers,
        "group__branch",
        orders=Count("member__orders", distinct=True),
        buyers=Count("member", distinct=True),
    )


def _done(groups: QuerySet[Group], days: Days, floor: int) -> dict[int | None, dict[str, int]]:
    stats = DailyGroupStat.objects.filter(group__in=groups, day__range=(days.first, days.last))
    stats = stats.alias(done=F("posts") + F("staff"))
    kept = Count("pk", filter=Q(done__gte=floor, group__state=GroupState.ACTIVE))
    return _by(stats, "group__branch", answers=Sum("answers", default=0), kept=kept)


def _judged(groups: QuerySet[Group], days: Days) -> dict[int | None, dict[str, int]]:
    """How many days of active groups there were."""
    rows = GroupHealth.objects.filter(group__in=groups, day__range=(days.first, days.last))
    return _by(rows.filter(group__state=GroupState.ACTIVE), "group__branch", n=Count("pk"))


def _stages(groups: QuerySet[Group]) -> dict[tuple[int | None, str], int]:
    day = judged_day()
    rows = GroupHealth.objects.filter(group__in=groups, day=day) if day else GroupHealth.objects.none()
    found = rows.order_by().values("group__branch", "stage").annotate(n=Count("pk"))
    return {(row["group__branch"], row["stage"]): row["n"] for row in found}


# The members behind a figure


def members_behind(
    user: User, now: datetime, *, branch: Branch | None, figure: str
) -> tuple[QuerySet[Member], list[str]]:
    """The members whom one of FIGURES counts in a branch, without one at headquarters; and what they have in common."""
    periods = Periods.up_to(local_day(now))
    groups = Group.objects.visible_to(user).open().filter(branch=branch)
    name = branch.name if branch else _("Headquarters")
    places = Membership.objects.filter(group__in=groups)
    present = places.present()
    members = Member.objects.visible_to(user)

    def did(days: Days, **where: Any) -> QuerySet[Member]:
        inside = Event.objects.filter(
            member_id=OuterRef("pk"), group_id__in=groups.values("pk"), at__gte=days.start, at__lt=days.end, **where
        )
        return members.filter(Exists(inside))

    bought = Order.objects.filter(ordered_at__gte=periods.long.start, ordered_at__lt=periods.long.end)
    chosen: dict[str, tuple[Any, Any, Days | None]] = {
        "members": (lambda: members.filter(pk__in=present.values("member")), LABELS["members"], None),
        "active": (lambda: did(periods.short), LABELS["active"], periods.short),
        "answered": (lambda: did(periods.long, kind__slug="answer"), LABELS["answers"], periods.long),
        "stayed": (
            lambda: members.filter(
                pk__in=_joined(places, periods.newcomers).filter(came_back=True).values("member_id")
            ),
            LABELS["stayed"],
            periods.newcomers,
        ),
        "buyers": (
            lambda: members.filter(pk__in=present.values("member")).filter(pk__in=bought.values("member")),
            LABELS["orders"],
            periods.long,
        ),
    }
    rows, label, days = chosen[figure]
    words = [name, str(label), *([f"{days.first:%Y-%m-%d} – {days.last:%Y-%m-%d}"] if days else [])]
    return rows(), words


def branch_table(rows: Iterable[Row]) -> Table:
    """The comparison as a file."""
    heads = [Head(_("Branch"), number=False, name=True)]
    for key, label in LABELS.items():
        heads.append(Head(label))
        if key in ("active", "stayed", "orders", "floor", "answers"):
            heads.append(Head(_("%(figure)s, before") % {"figure": label}))
    heads += [Head(stage.label) for stage in HealthStage]
    cells = []
    for row in rows:
        line = [Cell(row.name, row.name)]
        for number in row.numbers:
            line.append(Cell(number.value, number.text))
            if number.key in ("active", "stayed", "orders", "floor", "answers"):
                line.append(Cell(number.before, ""))
        line += [Cell(count, str(count)) for _stage, count, _url in row.stages]
        cells.append(line)
    return Table(_("Branches"), heads, cells)
