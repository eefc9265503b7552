from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Case, Exists, F, IntegerField, OuterRef, Q, Value, When

if TYPE_CHECKING:
    from accounts.models import User
    from campaigns.checkins.models import (  # noqa: F401  named in the bases below
        CheckIn,
        CheckInDay,
        CheckInProgramme,
        CheckInStanding,
    )


# From so many days on a streak is one that hurts to lose.
SAVED_FROM = 3


class CheckInProgrammeQuerySet(models.QuerySet["CheckInProgramme"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every programme, a branch its own and those that run in one of its groups."""
        if user.branch_id is None:
            return self
        from campaigns.checkins.models import CheckInGroup  # the model needs this file first

        here = CheckInGroup.objects.filter(programme=OuterRef("pk"), group__branch_id=user.branch_id)
        return self.filter(Q(branch_id=user.branch_id) | Exists(here))

    def matching(self, text: str) -> Self:
        return self.filter(Q(name__icontains=text) | Q(text__icontains=text))


class CheckInQuerySet(models.QuerySet["CheckIn"]):
    def visible_to(self, user: User) -> Self:
        return self if user.branch_id is None else self.filter(group__branch_id=user.branch_id)

    def counted(self) -> Self:
        return self.filter(state="counted")

    def waiting(self) -> Self:
        return self.filter(state="waiting")


class CheckInStandingQuerySet(models.QuerySet["CheckInStanding"]):
    def visible_to(self, user: User) -> Self:
        return self if user.branch_id is None else self.filter(group__branch_id=user.branch_id)

    def at(self, now: datetime) -> Self:
        """`streak`, the current one as it stands at an instant: nothing once its last hour has passed."""
        alive = When(Q(ends_at=None) | Q(ends_at__gt=now), then=F("current"))
        return self.annotate(streak=Case(alive, default=Value(0), output_field=IntegerField()))

    def in_order(self) -> Self:
        """The order of the board, beside at(): the longer streak first, then more days in all. Among equals, who
        reached their longest streak on an earlier day stands above; the time of day never matters."""
        rows: Self = self.order_by("-streak", "-total", F("longest_on").asc(nulls_last=True), "member__name", "pk")
        return rows

    def better_than(self, row: CheckInStanding) -> Self:
        """Those who stand above a row, beside at()."""
        streak = row.streak  # type: ignore[attr-defined]
        rows: Self = self.filter(Q(streak__gt=streak) | Q(streak=streak, total__gt=row.total))
        return rows

    def risky(self) -> Self:
        """Streaks that are worth saving, beside at(): of members who are still in the group."""
        here = Q(member__memberships__group=F("group")) & (
            Q(member__memberships__left_at=None)
            | Q(member__memberships__last_seen_at__gt=F("member__memberships__left_at"))
        )
        rows: Self = self.filter(here, streak__gte=SAVED_FROM, member__erased_at=None)
        return rows.order_by("-streak", "member__name", "pk")

    def ended(self, now: datetime) -> Self:
        """Those whose streak is to be looked at again."""
        return self.filter(ends_at__lte=now)


class CheckInDayQuerySet(models.QuerySet["CheckInDay"]):
    def to_remind(self, now: datetime) -> Self:
        return self.filter(reminded_at=None, closed_at=None, remind_at__lte=now, closes_at__gt=now)

    def to_close(self, now: datetime) -> Self:
        return self.filter(closed_at=None, closes_at__lte=now)
