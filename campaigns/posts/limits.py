"""How much a group is sent, and when it is left in peace: the policy of the community, what a group decides otherwise,
and the guards that hold to it in the moment of sending."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.policies import policy_get
from campaigns.posts.models import GroupSending
from delivery.models import GroupDay

MOST_A_DAY = 200


@dataclass(frozen=True)
class SendingPolicy:
    """What holds for every group that decides nothing else. A quota of 0 is none; equal hours are no quiet hours.
    Two posts within `apart_minutes` are shown as a conflict.

    Nothing is limited until an administrator says so: a post that another system plans must not stay unsent for a rule
    that nobody made.
    """

    KEY: ClassVar[str] = "sending"
    daily_quota: int = 0
    quiet_from: str = "00:00"
    quiet_until: str = "00:00"
    apart_minutes: int = 15


@dataclass(frozen=True)
class Limits:
    """What holds for one group; the hours are on the clock of the installation."""

    daily_quota: int
    quiet_from: time
    quiet_until: time

    @property
    def has_quiet_hours(self) -> bool:
        return self.quiet_from != self.quiet_until

    def is_quiet(self, at: datetime) -> bool:
        return self.is_quiet_by(timezone.localtime(at).time())

    def is_quiet_by(self, clock: time) -> bool:
        """By the clock of the installation, which a caller with many times reads once for each."""
        clock = clock.replace(microsecond=0)
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= clock < self.quiet_until
        return clock >= self.quiet_from or clock < self.quiet_until


def limits_of_all() -> Limits:
    """What holds where a group decides nothing. One query."""
    policy = policy_get(SendingPolicy)
    return Limits(policy.daily_quota, time.fromisoformat(policy.quiet_from), time.fromisoformat(policy.quiet_until))


def limits_of(group_ids: Collection[int] | None = None) -> LimitsByGroup:
    """What holds for each of these groups (None: any). Two queries."""
    rows = GroupSending.objects.all()
    if group_ids is not None and len(group_ids) <= 500:
        rows = rows.filter(group_id__in=list(group_ids))
    return LimitsByGroup(limits_of_all(), {row.group_id: row for row in rows})


@dataclass(frozen=True)
class LimitsByGroup:
    of_all: Limits
    own: Mapping[int, GroupSending]

    def __getitem__(self, group_id: int) -> Limits:
        row = self.own.get(group_id)
        if row is None:
            return self.of_all
        quota = self.of_all.daily_quota if row.daily_quota is None else row.daily_quota
        if row.quiet_from is None or row.quiet_until is None:
            return Limits(quota, self.of_all.quiet_from, self.of_all.quiet_until)
        return Limits(quota, row.quiet_from, row.quiet_until)

    def quota(self, group_id: int) -> int:
        return (self[group_id] if group_id in self.own else self.of_all).daily_quota

    def quiet_among(self, group_ids: frozenset[int], clock: time) -> frozenset[int]:
        """Those of the groups that are quiet at this time of day. Most decide nothing, so they are not asked one by
        one."""
        own = self.own.keys() & group_ids
        quiet = group_ids - own if self.of_all.is_quiet_by(clock) else frozenset()
        return quiet | {pk for pk in own if self[pk].is_quiet_by(clock)}


def quota_left(group_ids: Collection[int], now: datetime) -> dict[int, int | None]:
    """How many posts each group may still get today; None where nothing limits them. Three queries."""
    limits = limits_of(group_ids)
    used = used_on(timezone.localdate(now), group_ids)
    return {
        pk: max(0, limits[pk].daily_quota - used.get(pk, 0)) if limits[pk].daily_quota else None for pk in group_ids
    }


def used_on(day: date, group_ids: Collection[int]) -> dict[int, int]:
    """How much of its quota each group has used up on a day. One query."""
    rows = GroupDay.objects.filter(day=day)
    if len(group_ids) <= 500:
        rows = rows.filter(group_id__in=list(group_ids))
    return dict(rows.values_list("group_id", "used"))


def hours_checked(quiet_from: time | None, quiet_until: time | None) -> None:
    """Raises ValidationError when only one end of the quiet hours is given."""
    if (quiet_from is None) != (quiet_until is None):
        name = "quiet_until" if quiet_until is None else "quiet_from"
        raise ValidationError({name: ValidationError(_("Give both ends of the quiet hours, or neither."))})
