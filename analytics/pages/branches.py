"""Branches beside each other: how many members, how alive, what they bring, and how their groups are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import DateTimeField, Exists, ExpressionWrapper, OuterRef, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from accounts.models import Branch, User
from accounts.policies import policy_get
from activity.models import Event
from analytics.branch_figures import WEEK_4, BranchCount, Periods
from analytics.definitions import BRANCHES
from analytics.health.days import Days, local_day
from analytics.health.policy import HealthPolicy
from analytics.health.selectors import judged_day
from analytics.pages.explain import Facts
from analytics.pages.parts import Cell, Head, Table, Text, percent, share_of, zone_words
from campaigns.orders.models import Order
from groups.models import Group, HealthStage
from members.models import Member, Membership

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


def branch_rows(user: User, now: datetime) -> list[Row]:
    """A row for each branch that a person may see. A constant number of queries."""
    branches: list[Branch | None] = list(Branch.objects.visible_to(user).order_by("name", "pk"))
    if user.is_headquarters:
        branches.append(None)
    keys = [branch.pk if branch else None for branch in branches]
    periods = Periods.up_to(local_day(now))
    counted = BranchCount(user, keys, periods, policy_get(HealthPolicy).floor, judged_day()).figures()
    rows = []
    for branch, key in zip(branches, keys, strict=True):
        found, links = counted[key], _Links(branch)
        if branch is None and not found.groups:
            continue
        rows.append(
            Row(
                branch,
                [
                    Number("groups", found.groups, url=links.list("groups:list")),
                    Number("members", found.members, url=links.people("members")),
                    Number("active", found.active.now, found.active.before, links.people("active")),
                    Number("active_share", share_of(found.active.now, found.members), is_share=True),
                    Number(
                        "stayed",
                        share_of(found.stayed.now, found.came.now),
                        share_of(found.stayed.before, found.came.before),
                        links.people("stayed"),
                        is_share=True,
                    ),
                    Number("orders", found.orders.now, found.orders.before, links.people("buyers")),
                    Number(
                        "conversion",
                        share_of(found.buyers.now, found.members),
                        is_share=True,
                        url=links.people("buyers"),
                    ),
                    Number(
                        "floor",
                        share_of(found.kept.now, found.judged.now),
                        share_of(found.kept.before, found.judged.before),
                        links.list("analytics:health"),
                        is_share=True,
                    ),
                    Number("answers", found.answers.now, found.answers.before, links.people("answered")),
                ],
                [
                    (stage, found.stages[stage.value], links.list("analytics:health", stage=stage.value))
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
    """Each figure with the days that it is about, or with the moment."""
    periods = Periods.up_to(local_day(now))
    moments = dict.fromkeys(("groups", "members"), pgettext("range", "now"))
    if judged := judged_day():
        moments["stages"] = _("up to the end of %(day)s") % {"day": f"{judged:%Y-%m-%d}"}
    about = {"active": periods.short, "active_share": periods.short, "stayed": periods.newcomers}
    about |= dict.fromkeys(("orders", "conversion", "floor", "answers"), periods.long)
    texts = BRANCHES | {"active_share": BRANCHES["active"], "conversion": BRANCHES["orders"]}

    def head(key: str, label: Text, *, is_number: bool = True) -> BranchHead:
        days = about.get(key)
        said = f"{days.first:%Y-%m-%d} – {days.last:%Y-%m-%d}" if days else moments.get(key, "")
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


def _joined(places: QuerySet[Membership], days: Days) -> QuerySet[Any]:
    """Newcomers of these days, with whether they did something in their fifth week there."""
    after = [ExpressionWrapper(OuterRef("joined_at") + span, output_field=DateTimeField()) for span in WEEK_4]
    later = Event.objects.filter(
        member_id=OuterRef("member_id"), group_id=OuterRef("group_id"), at__gte=after[0], at__lt=after[1]
    )
    came = places.filter(joined_at__gte=days.start, joined_at__lt=days.end)
    return came.annotate(came_back=Exists(later))


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
