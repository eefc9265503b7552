"""Reads of the ledger as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, CharField, Count, Q, Sum, Value, When
from django.db.models.functions import Left, StrIndex
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from groups.models import Group, Permission
from members.models import Member
from members.points.models import ISSUER, Account, Transfer
from members.points.reasons import label_of_kind

Text = str | Promise
OTHER = "other"


@dataclass(frozen=True)
class Held:
    """What the accounts of one purpose hold together."""

    label: Text
    accounts: int
    points: int


@dataclass(frozen=True)
class Moved:
    label: Text
    transfers: int
    points: int


@dataclass(frozen=True)
class Check:
    """Whether the books are right. Both should be 0."""

    total: int
    overdrawn: int

    @property
    def is_right(self) -> bool:
        return not self.total and not self.overdrawn


PURPOSES: dict[str, Text] = {
    "members": _("Members"),
    "budget": _("Budgets, not planned yet"),
    "envelope": _("Red envelopes, not claimed yet"),
    "prizes": _("Spent on prizes"),
    ISSUER: _("Given out in all"),
    OTHER: _("Other purposes"),
}


def held_by_purpose() -> list[Held]:
    """The accounts by what they are for, from the sums of their transfers. One query."""
    purpose = Case(
        When(member__isnull=False, then=Value("members")),
        When(code=ISSUER, then=Value(ISSUER)),
        When(code__startswith="budget:", then=Value("budget")),
        When(code__startswith="envelope:", then=Value("envelope")),
        When(code="prizes", then=Value("prizes")),
        default=Value(OTHER),
        output_field=CharField(),
    )
    rows = Account.objects.with_balance().annotate(purpose=purpose).order_by().values("purpose")
    found = {row["purpose"]: row for row in rows.annotate(n=Count("pk"), points=Sum("held"))}
    return [
        Held(label, found[slug]["n"], found[slug]["points"] or 0) for slug, label in PURPOSES.items() if slug in found
    ]


def ledger_check() -> Check:
    """Adds up every account from its own transfers. Two queries."""
    balances = Account.objects.with_balance().order_by()
    return Check(balances.aggregate(n=Sum("held"))["n"] or 0, balances.filter(Q(held__lt=0) & ~Q(code=ISSUER)).count())


def moved_since(since: datetime) -> list[Moved]:
    """What points moved for, the most first. One query."""
    kind = Left("key", StrIndex("key", Value(":")) - 1)
    named = Transfer.objects.filter(at__gte=since, key__contains=":").order_by().annotate(kind=kind)
    rows = named.values("kind").annotate(n=Count("pk"), points=Sum("amount")).order_by("-points", "kind")
    return [Moved(label_of_kind(row["kind"]), row["n"], row["points"]) for row in rows]


def may_book(user: User, members: Iterable[Member]) -> bool:
    """Whether this person may give points to these members and take them: whose roles let them send red envelopes in a
    group of each. At most two queries."""
    if user.is_admin and user.is_headquarters:
        return True
    numbers = {member.pk for member in members}
    groups = Group.objects.visible_to(user).permitted(user, Permission.ENVELOPES)
    reached = Member.objects.filter(pk__in=numbers, memberships__group__in=groups).distinct()
    return reached.count() == len(numbers)
