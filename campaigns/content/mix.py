"""The mix of values: what a group was sent in a week, by what it gives its readers, against what it aims at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.functional import Promise

from delivery.models import Delivery, State, Value
from groups.models import Group, GroupPlan
from groups.presets.selectors import presets_all

# Fewer classified posts than this say little: one post more or less moves a share by a fifth or more.
FEW = 5
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Share:
    """A value: how many posts had it, in percent of those that have one, and what the group aims at."""

    value: str
    label: str | Promise
    count: int
    percent: int | None
    target: int | None


@dataclass(frozen=True)
class Mix:
    """A week of one group. `off` is by how many points in all the shares miss the target, nothing without both;
    `suggestion` is the value that is furthest below."""

    sent: int
    unclassified: int
    shares: list[Share]
    off: int | None
    suggestion: Share | None

    @property
    def classified(self) -> int:
        return self.sent - self.unclassified

    @property
    def is_small(self) -> bool:
        return 0 < self.classified < FEW


def week_of(day: date) -> date:
    """The Monday of the week in which a day lies."""
    return day - timedelta(days=day.weekday())


def week_bounds(monday: date) -> tuple[datetime, datetime]:
    """The instants at which a local week begins and the next one does."""
    return tuple(timezone.make_aware(datetime.combine(day, time())) for day in (monday, monday + WEEK))  # type: ignore[return-value]


def group_mixes(groups: Sequence[Group], monday: date) -> dict[int, Mix]:
    """The mix of each group in the week that begins on `monday`, by the group's number. Three queries."""
    targets = _targets(groups)
    counts: dict[int, dict[str, int]] = {}
    start, end = week_bounds(monday)
    sent = Delivery.objects.filter(
        group_id__in=[group.pk for group in groups], state=State.SENT, settled_at__gte=start, settled_at__lt=end
    )
    rows = sent.order_by().values_list("group_id", "message__value").annotate(n=Count("pk"))
    for group_id, value, number in rows:
        counts.setdefault(group_id, {})[value] = number
    return {group.pk: mix_of(counts.get(group.pk, {}), targets.get(group.pk)) for group in groups}


def mix_of(counts: Mapping[str, int], target: Mapping[str, int] | None) -> Mix:
    sent = sum(counts.values())
    classified = sent - counts.get("", 0)
    shares = []
    for value, label in Value.choices:
        number = counts.get(value, 0)
        percent = round(100 * number / classified) if classified else None
        shares.append(Share(value, label, number, percent, target.get(value, 0) if target else None))
    off, suggestion = None, None
    if target and classified:
        gaps = {share.value: (share.target or 0) - 100 * share.count / classified for share in shares}
        off = round(sum(abs(gap) for gap in gaps.values()) / 2)
        furthest = max(shares, key=lambda share: gaps[share.value])
        # What one post more would not bring nearer to the target is no suggestion.
        if gaps[furthest.value] > 100 / (2 * (classified + 1)):
            suggestion = furthest
    return Mix(sent, counts.get("", 0), shares, off, suggestion)


def _targets(groups: Iterable[Group]) -> dict[int, Mapping[str, int]]:
    """What each group took over when it opened, or else what the preset of its motivation says."""
    groups = list(groups)
    plans = GroupPlan.objects.filter(group__in=[group.pk for group in groups]).values_list("group_id", "mix")
    targets: dict[int, Mapping[str, int]] = dict(plans)
    if any(group.pk not in targets and group.motivation for group in groups):
        presets = {preset.motivation: preset.mix for preset in presets_all()}
        for group in groups:
            if group.pk not in targets and group.motivation in presets:
                targets[group.pk] = presets[group.motivation]
    return targets


def mix_groups(groups: QuerySet[Group]) -> QuerySet[Group]:
    """The groups whose mix is looked at: those that are posted to."""
    return groups.filter(state__in=["forming", "active"]).order_by("name", "pk")
