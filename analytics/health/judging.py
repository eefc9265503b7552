"""From the figures of a group to a stage with its reasons. docs/health.md tells the rules in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from statistics import median
from typing import Any

from analytics.health.models import Alarm
from analytics.health.policy import HealthPolicy
from groups.models import HealthStage

WINDOW = 14  # days that are judged
BLOCKS = 4  # windows before, against which they are judged
LOOKBACK = WINDOW * (1 + BLOCKS)
WEEK = 7
SEEN = 30  # days without any interaction after which staff are out of sight
LONGEST_DECLINE = WINDOW * BLOCKS  # days after which a lower level is what is usual now
RECOVERED = 0.75  # share of the usual activity with which a decline is over
FEWEST = 3  # members who come or go before a share of them is looked at
RUN = 3  # days in a row that make a warning

Reason = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    stage: str
    alarm: int
    noise: float
    reasons: list[Reason]


class Course:
    """The figures of one group over consecutive days from `first` on, days without anything included.

    `born` is the day of its first sign of life; `ceiling` is messages a day from which on it is noisy;
    `owned_since` the day from which on an owner or administrator is known as a member and can be seen at work.
    """

    def __init__(
        self,
        *,
        first: date,
        figures: Mapping[str, Sequence[int]],
        born: date,
        ceiling: int,
        owned_since: date | None = None,
    ) -> None:
        self.first, self.born, self.ceiling, self.owned_since = first, born, ceiling, owned_since
        self.members = figures["members"]
        self.messages = figures["messages"]
        self.interactions = figures["interactions"]
        self._sums = {
            name: [0, *accumulate(figures[name])] for name in ("active", "messages", "joined", "left", "interactions")
        }

    def total(self, name: str, day: int, days: int) -> int:
        """The sum of a figure over `days` days that end with number `day`."""
        sums = self._sums[name]
        return sums[day + 1] - sums[max(0, day + 1 - days)]


@dataclass(frozen=True)
class Before:
    """Where the group stood the day before: the stage, since when, and for a decline the activity it fell from."""

    stage: str
    since: date
    usual: float = 0


def judge(course: Course, day: int, policy: HealthPolicy, before: Before | None = None) -> Verdict:
    """What the figures up to day number `day` of the course say. Nothing later is looked at.

    A stage is easier to keep than to enter, so that a group at a threshold does not change every other day.
    """
    on = course.first + timedelta(days=day)
    age = (on - course.born).days + 1
    members = course.members[day]
    now = course.total("active", day, WINDOW)
    past = _past(course, day, age)
    usual = median(past) if past else 0
    reasons: list[Reason] = []
    if age > policy.new_days and _is_dead(course, day, age, policy, before):
        stage = HealthStage.DEAD
        span = WINDOW if now <= policy.dead_activity else 2 * WINDOW
        reasons.append({"code": "silent", "active": course.total("active", day, span), "days": span})
    elif age <= policy.new_days:
        stage = HealthStage.FORMING
        reasons.append({"code": "new", "age": age, "days": policy.new_days})
    elif members < policy.least_members:
        stage = HealthStage.FORMING
        reasons.append({"code": "few_members", "members": members, "least": policy.least_members})
    elif ill := [reason for reason in (_fell(now, usual, on, policy, before), _leaving(course, day, policy)) if reason]:
        stage = HealthStage.DECLINING
        reasons += ill
    else:
        grew = _grew(course, day, policy, before)
        stage = HealthStage.GROWING if grew else HealthStage.ACTIVE
        reasons += [grew] if grew else []
        if usual < policy.least_activity:
            reasons.append({"code": "too_little", "usual": usual, "least": policy.least_activity})
        else:
            code = "held" if now >= usual * RECOVERED else "eased"
            reasons.append({"code": code, "active": now, "usual": usual})
    alarm = Alarm.ACT if stage in (HealthStage.DEAD, HealthStage.DECLINING) else Alarm.NONE
    for reason in (_noise(course, day), None if stage == HealthStage.DEAD else _floor(course, day, policy)):
        if reason:
            reasons.append(reason)
            alarm = max(alarm, Alarm.LOOK)
    noise = course.total("messages", day, WEEK) / WEEK / members if members else 0.0
    return Verdict(stage, alarm, round(noise, 3), reasons)


def _past(course: Course, day: int, age: int) -> list[int]:
    """The activity of each whole window before the one that is judged, as far as the figures reach.

    The first window of a group's life is left out: the rush of the opening is not what is usual. Fewer than two windows
    say nothing.
    """
    known = min((min(age - WINDOW, day + 1) - WINDOW) // WINDOW, BLOCKS)
    return (
        [course.total("active", day - WINDOW * number, WINDOW) for number in range(1, known + 1)] if known > 1 else []
    )


def _is_dead(course: Course, day: int, age: int, policy: HealthPolicy, before: Before | None) -> bool:
    now = course.total("active", day, WINDOW)
    alive = min(policy.least_activity, max(course.members[day], policy.dead_activity + 1))
    if now <= policy.dead_activity:
        return True
    if before and before.stage == HealthStage.DEAD:
        return now < alive
    return age >= 2 * WINDOW and course.total("active", day, 2 * WINDOW) < alive


def _fell(now: int, usual: float, on: date, policy: HealthPolicy, before: Before | None) -> Reason | None:
    if before and before.stage == HealthStage.DECLINING and before.usual and (on - before.since).days < LONGEST_DECLINE:
        # Against what was usual before the decline: the last weeks are part of it.
        usual = before.usual
        is_low = now < usual * RECOVERED
    else:
        # A count that happens by itself varies by about its square root: twice as much is no chance.
        is_low = usual >= policy.least_activity and now <= usual * (1 - policy.decline / 100)
        is_low = is_low and usual - now > 2 * usual**0.5
    return (
        {"code": "fell", "active": now, "usual": usual, "percent": round(100 - 100 * now / usual)} if is_low else None
    )


def _leaving(course: Course, day: int, policy: HealthPolicy) -> Reason | None:
    left, joined = course.total("left", day, WINDOW), course.total("joined", day, WINDOW)
    members = course.members[day] - joined + left
    if left < FEWEST or joined >= left or left < members * policy.leaving / 100:
        return None
    return {"code": "leaving", "left": left, "members": members, "percent": round(100 * left / members)}


def _grew(course: Course, day: int, policy: HealthPolicy, before: Before | None) -> Reason | None:
    net = course.total("joined", day, WINDOW) - course.total("left", day, WINDOW)
    members = course.members[day] - net
    needed = policy.growth / 100 * (0.5 if before and before.stage == HealthStage.GROWING else 1)
    return {"code": "grew", "net": net, "members": members} if net >= FEWEST and net >= members * needed else None


def _noise(course: Course, day: int) -> Reason | None:
    last = course.messages[max(0, day + 1 - RUN) : day + 1]
    if len(last) < RUN or min(last) <= course.ceiling:
        return None
    return {"code": "noisy", "messages": round(sum(last) / RUN), "ceiling": course.ceiling, "days": RUN}


def _floor(course: Course, day: int, policy: HealthPolicy) -> Reason | None:
    last = course.interactions[max(0, day + 1 - RUN) : day + 1]
    # Where nothing that staff do can be seen, nothing can be said about it.
    on = course.first + timedelta(days=day)
    owned = course.owned_since is not None and course.owned_since <= on
    seen = owned or course.total("interactions", day, SEEN) > 0
    if not seen or len(last) < RUN or max(last) >= policy.floor:
        return None
    return {"code": "below_floor", "interactions": sum(last), "floor": policy.floor, "days": RUN}
