"""Whom a clean-up lists, and whom it spares.

A person is listed for each reason that holds: silent, never introduced, strikes in force. The narrowing conditions must
hold as well. Whoever has a reason to be spared is shown with it and not put on a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import User
from groups.models import Group, Permission, Tier
from members.cleanup.models import CleanupExemption, CleanupItem, ItemState
from members.conduct.models import Violation
from members.models import JourneyStage, MemberRole, Membership

SILENT, SHY, STRIKES = "silent", "shy", "strikes"
SPARED: dict[str, Promise] = {
    "listed": gettext_lazy("on a clean-up already"),
    "exempt": gettext_lazy("exempt"),
    "role": gettext_lazy("has a role in the group"),
    "newcomer": gettext_lazy("joined lately"),
    "payer": gettext_lazy("has bought"),
}


@dataclass(frozen=True)
class Conditions:
    """What is asked for. Days are times of 24 hours up to the moment of asking; 0 means that it is not asked for.

    Listed for any of: not seen in the group for `silent_days`; in it for `shy_days` without an introduction; `strikes`
    in force there. Only those who joined more than `joined_days` ago and, with `never_bought`, never bought anything.
    Spared: who holds a role in the group, joined within `newcomer_days`, or has bought. `groups` are numbers; empty is
    every open group in the person's reach.
    """

    groups: list[int] = field(default_factory=list)
    silent_days: int = 0
    shy_days: int = 0
    strikes: int = 0
    joined_days: int = 0
    never_bought: bool = False
    newcomer_days: int = 14
    spare_roles: bool = True
    spare_payers: bool = True

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Conditions:
        """The conditions that a row keeps; fields it does not name have their default."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in kept.items() if name in known})

    def kept(self) -> dict[str, Any]:
        return asdict(self)

    def check(self) -> None:
        """Raises ValidationError when nobody could ever be listed, or everybody."""
        if not (self.silent_days or self.shy_days or self.strikes):
            raise ValidationError(
                _("Say for what people are listed: silence, no introduction, or strikes."), code="no_reason"
            )


def cleanup_groups(conditions: Conditions, *, user: User) -> QuerySet[Group]:
    """The groups that are cleaned up: open, and ones in which the person may review members."""
    groups = Group.objects.visible_to(user).permitted(user, Permission.REVIEW).open()
    return groups.filter(pk__in=conditions.groups) if conditions.groups else groups


def cleanup_listed(conditions: Conditions, *, groups: QuerySet[Group], now: datetime) -> QuerySet[Any]:
    """The memberships of everybody who is listed, with `strikes_now` and `spared`: a word of SPARED, or empty for who
    goes on the run."""
    rows = Membership.objects.present().filter(group__in=groups.order_by().values("pk"))
    reasons = Q(pk=None)
    if conditions.silent_days:
        reasons |= Q(last_seen_at__lte=now - timedelta(days=conditions.silent_days))
    if conditions.shy_days:
        reasons |= Q(introduced_at=None, joined_at__lte=now - timedelta(days=conditions.shy_days))
    if conditions.strikes:
        held = Violation.objects.in_force(now).filter(member=OuterRef("member"), group=OuterRef("group"))
        total = held.order_by().values("group").annotate(total=Sum("strikes")).values("total")
        rows = rows.annotate(strikes_now=Coalesce(Subquery(total, output_field=IntegerField()), 0))
        reasons |= Q(strikes_now__gte=conditions.strikes)
    else:
        rows = rows.annotate(strikes_now=Value(0))
    if conditions.joined_days:
        rows = rows.filter(joined_at__lte=now - timedelta(days=conditions.joined_days))
    bought = ~Q(member__tier=Tier.NON_PAYING) | Q(member__stage__gte=JourneyStage.CUSTOMER)
    if conditions.never_bought:
        rows = rows.exclude(bought)
    mine = {"membership": OuterRef("pk")}
    spared = [
        When(Exists(CleanupItem.objects.filter(state=ItemState.OPEN, **mine)), then=Value("listed")),
        When(Exists(CleanupExemption.objects.in_force(now).filter(**mine)), then=Value("exempt")),
    ]
    if conditions.spare_roles:
        roles = MemberRole.objects.filter(ended_at=None, **mine)
        spared.append(When(Exists(roles), then=Value("role")))
    if conditions.newcomer_days:
        spared.append(When(joined_at__gt=now - timedelta(days=conditions.newcomer_days), then=Value("newcomer")))
    if conditions.spare_payers:
        spared.append(When(bought, then=Value("payer")))
    return rows.filter(reasons).annotate(spared=Case(*spared, default=Value("")))


def why(conditions: Conditions, row: Membership, *, now: datetime) -> list[tuple[str, int]]:
    """The reasons that hold for a row of cleanup_listed, each with its figure."""
    found = []
    silent = (now - row.last_seen_at).days
    if conditions.silent_days and silent >= conditions.silent_days:
        found.append((SILENT, silent))
    there = (now - row.joined_at).days
    if conditions.shy_days and row.introduced_at is None and there >= conditions.shy_days:
        found.append((SHY, there))
    strikes = int(getattr(row, "strikes_now", 0))
    if conditions.strikes and strikes >= conditions.strikes:
        found.append((STRIKES, strikes))
    return found


def why_words(reasons: list[tuple[str, int]]) -> list[str]:
    """The reasons as people read them."""
    words = []
    for reason, number in reasons:
        if reason == SILENT:
            words.append(ngettext("silent for %(number)d day", "silent for %(number)d days", number))
        elif reason == SHY:
            words.append(
                ngettext("not introduced after %(number)d day", "not introduced after %(number)d days", number)
            )
        else:
            words.append(ngettext("%(number)d strike in force", "%(number)d strikes in force", number))
        words[-1] %= {"number": number}
    return words


def condition_words(conditions: Conditions) -> list[str]:
    """What is asked for, in short pieces."""
    words = []
    if conditions.silent_days:
        words.append(_("silent for %(days)d days") % {"days": conditions.silent_days})
    if conditions.shy_days:
        words.append(_("not introduced after %(days)d days") % {"days": conditions.shy_days})
    if conditions.strikes:
        words.append(_("%(number)d strikes or more") % {"number": conditions.strikes})
    if conditions.joined_days:
        words.append(_("joined more than %(days)d days ago") % {"days": conditions.joined_days})
    if conditions.never_bought:
        words.append(_("never bought anything"))
    return words
