"""What the members of the demo did, as arrays: a small simulation, the same every time for the same day.

Nothing here touches the database. Time is counted in milliseconds since the local midnight that began the first day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from campaigns.demo.brand import (
    ADULT_GIVEN,
    CHANNELS,
    DAYS,
    GIVEN,
    GROUPS,
    NICKNAMES,
    PRODUCTS,
    SURNAMES,
    GroupPlan,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HOUR = 3_600_000
DAY = 24 * HOUR
SEED = 20_260_301

# In the order in which they are recorded when they fall on one instant.
KINDS = (
    "joined",
    "introduced",
    "post_seen",
    "check_in",
    "message",
    "question",
    "answer",
    "like",
    "link_click",
    "friended",
    "lead",
    "trial",
    "invited",
    "ordered",
    "refunded",
    "left",
)
(
    JOINED,
    INTRODUCED,
    SEEN,
    CHECK_IN,
    MESSAGE,
    QUESTION,
    ANSWER,
    LIKE,
    CLICK,
    FRIENDED,
    LEAD,
    TRIAL,
    INVITED,
    ORDERED,
    REFUNDED,
    LEFT,
) = range(len(KINDS))


def _hours(*weights: int) -> Floats:
    return np.array(weights, dtype=np.float64) / sum(weights)


# Share of a day's talk by hour: before school, the lunch break, and the evening when the children do their homework.
_TALK = _hours(3, 1, 1, 1, 1, 3, 14, 34, 38, 36, 28, 27, 44, 36, 33, 24, 26, 34, 38, 50, 78, 92, 54, 16)
_RITUAL = _hours(1, 0, 0, 0, 0, 4, 34, 62, 28, 14, 8, 8, 14, 10, 6, 5, 8, 14, 26, 52, 96, 84, 22, 4)
_READ = _hours(3, 1, 1, 1, 1, 3, 26, 70, 46, 40, 22, 20, 62, 44, 24, 20, 20, 26, 44, 40, 78, 72, 36, 12)
_OFFICE = _hours(0, 0, 0, 0, 0, 0, 0, 2, 14, 40, 52, 46, 22, 26, 48, 52, 50, 40, 30, 34, 44, 30, 8, 1)
_RHYTHM = {CHECK_IN: _RITUAL, SEEN: _READ, FRIENDED: _OFFICE, LEAD: _OFFICE, TRIAL: _OFFICE, ORDERED: _OFFICE}


@dataclass(frozen=True)
class Story:
    """Parallel arrays of events in the order in which they happened, and the names of the members they are about."""

    names: list[str]
    member: Ints
    group: Ints
    kind: Ints
    at: Ints
    channel: Ints  # position in CHANNELS, -1 = none
    product: Ints  # position in PRODUCTS, -1 = none


class _Log:
    """Collects events group by group of arrays; nothing is looked at one by one."""

    def __init__(self) -> None:
        self._parts: list[tuple[Ints, Ints, Ints, Ints]] = []

    def add(self, kind: int, member: Ints, group: Ints, at: Ints) -> None:
        self._parts.append((member, group, np.full(len(member), kind, dtype=np.int64), at))

    def columns(self) -> tuple[Ints, Ints, Ints, Ints]:
        member, group, kind, at = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        return member, group, kind, at


def tell(*, members: int, first_weekday: int, until: int) -> Story:
    """The story of `members` people up to `until` (ms since the start); `first_weekday` is 0 for a Monday."""
    rng = np.random.default_rng(SEED)
    log = _Log()
    weekday = (first_weekday + np.arange(DAYS + 1)) % 7

    home = _homes(rng, members)
    joined = _join_times(rng, home, weekday)
    # Who would join later today came on one of the four weeks before, so that today looks like any other day so far.
    age = DAYS - np.array([plan.opened for plan in GROUPS])[home]
    earlier = 1 + (rng.random(members) * np.clip(age, 0, 28)).astype(np.int64)
    joined = np.where(joined <= until, joined, joined - earlier * DAY)
    channel = rng.choice(len(CHANNELS), size=members, p=[channel.share for channel in CHANNELS])
    intent = np.array([channel.intent for channel in CHANNELS])[channel]
    loyalty = np.array([channel.loyalty for channel in CHANNELS])[channel]
    zeal = rng.gamma(1.3, 1 / 1.3, members)  # how much a person talks; most little, a few very much

    member, group, since = _memberships(rng, home, joined)
    everyone = np.arange(members)
    log.add(JOINED, member, group, since)
    silent_after = _silence(rng, loyalty[member] * np.clip(zeal[member], 0.4, 1.8) ** 0.5)
    _daily_life(rng, log, member, group, since, zeal[member], silent_after, weekday)

    introduces = rng.random(len(member)) < np.clip(0.42 + 0.22 * zeal[member], 0, 0.93)
    log.add(INTRODUCED, member[introduces], group[introduces], since[introduces] + _delay(rng, introduces.sum(), 5))
    leaves = rng.random(len(member)) < np.clip(0.30 - 0.10 * loyalty[member] - 0.05 * zeal[member], 0.02, 1)
    away = since[leaves] + ((silent_after[leaves] + rng.exponential(9, leaves.sum())) * DAY).astype(np.int64)
    log.add(LEFT, member[leaves], group[leaves], _to_rhythm(rng, away, LEFT))

    _journey(rng, log, everyone, home, joined, intent, zeal)
    columns = _settle(*log.columns(), until=until)
    return Story(_names(rng, members), *columns, *_details(rng, columns, channel))


def _homes(rng: np.random.Generator, members: int) -> Ints:
    """The first group of every member, by the planned sizes."""
    shares = np.array([plan.size for plan in GROUPS])
    return np.sort(rng.choice(len(GROUPS), size=members, p=shares / shares.sum()))


def _join_times(rng: np.random.Generator, home: Ints, weekday: Ints) -> Ints:
    """A rush when a group opens, a trickle after it, and three weeks in which the brand advertised."""
    times = np.zeros(len(home), dtype=np.int64)
    open_weight = np.where(weekday >= 5, 1.35, 0.95)
    for start, lift in ((24, 2.4), (61, 3.0), (96, 2.2)):
        open_weight[start : start + 7] *= lift
    for position, plan in enumerate(GROUPS):
        here = np.flatnonzero(home == position)
        days = np.arange(plan.opened, _last_day(plan) + 1)
        rush = np.exp(-(days - plan.opened) / 3.5)
        weight = 0.38 * rush / rush.sum() + 0.62 * open_weight[days] / open_weight[days].sum()
        day = rng.choice(days, size=len(here), p=weight)
        times[here] = _at_hour(rng, day, _TALK)
    return times


def _last_day(plan: GroupPlan) -> int:
    """The last day on which anything happens in a group."""
    return {"dead": DAYS - 34 + plan.opened % 9, "archived": DAYS - 41}.get(plan.health, DAYS)


def _memberships(rng: np.random.Generator, home: Ints, joined: Ints) -> tuple[Ints, Ints, Ints]:
    """Everybody's first group, and for one in six a second one of the same branch some days later."""
    open_groups: dict[str, list[int]] = {}
    for position, plan in enumerate(GROUPS):
        if plan.health in ("lively", "steady", "new"):
            open_groups.setdefault(plan.branch, []).append(position)
    again = np.flatnonzero(rng.random(len(home)) < 0.16)
    second = np.array([rng.choice(open_groups[GROUPS[home[one]].branch]) for one in again], dtype=np.int64)
    opened = np.array([GROUPS[position].opened for position in second]) * DAY
    since = np.maximum(joined[again], opened) + _delay(rng, len(again), 12 * 24)
    keep = second != home[again]
    return (
        np.concatenate([np.arange(len(home)), again[keep]]),
        np.concatenate([home, second[keep]]),
        np.concatenate([joined, since[keep]]),
    )


def _silence(rng: np.random.Generator, loyalty: Floats) -> Floats:
    """Days after joining until a member falls silent: a third within days, a third within weeks, the rest stay."""
    which = rng.random(len(loyalty)) * np.clip(loyalty, 0.4, 2)
    mean = np.where(which < 0.26, 3.0, np.where(which < 0.55, 22.0, 190.0))
    return rng.exponential(mean)


def _pulse(plan: GroupPlan) -> Floats:
    """How lively a group is on each day; 1 is a normal day of a steady group."""
    days = np.arange(DAYS + 1)
    if plan.health == "lively":
        pulse = np.full(DAYS + 1, 1.5)
    elif plan.health == "declining":
        pulse = 1.05 * np.clip(1 - (days - (DAYS - 52)) / 52 * 0.93, 0.07, 1)
    elif plan.health in ("dead", "archived"):
        last = _last_day(plan)
        pulse = np.clip((last - days) / 30, 0, 1)
    elif plan.health == "new":
        pulse = np.full(DAYS + 1, 1.3)
    else:
        pulse = 0.95 + 0.08 * np.sin(days / 9 + plan.opened)
    pulse[: plan.opened] = 0
    return pulse


def _daily_life(
    rng: np.random.Generator,
    log: _Log,
    member: Ints,
    group: Ints,
    since: Ints,
    zeal: Floats,
    silent_after: Floats,
    weekday: Ints,
) -> None:
    """What people do in their groups, day by day: one draw for each membership and day."""
    pulse = np.stack([_pulse(plan) for plan in GROUPS])
    ritual = np.array([plan.purpose.check_in for plan in GROUPS])
    mood = np.array([1.04, 1.06, 1.08, 1.03, 0.92, 0.86, 1.0])[weekday] * rng.normal(1, 0.05, DAYS + 1)
    age = np.arange(DAYS + 1)[None, :] - (since // DAY)[:, None]
    present = (age >= 0) & (age <= silent_after[:, None])
    lively = pulse[group] * mood[None, :] * present
    fresh = 0.10 + 0.24 * np.exp(-np.clip(age, 0, None) / 9.0)
    row, day = np.nonzero(rng.random(age.shape) < np.clip(fresh * lively * zeal[:, None], 0, 0.92))
    loud, habit = zeal[row], ritual[group[row]]

    def spread(kind: int, counts: Ints) -> None:
        chosen = np.repeat(np.arange(len(row)), counts)
        who = row[chosen]
        at = _at_hour(rng, day[chosen], _RHYTHM.get(kind, _TALK))
        log.add(kind, member[who], group[who], np.maximum(at, since[who] + rng.integers(60_000, HOUR, len(who))))

    def some(probability: Floats | float) -> Ints:
        return (rng.random(len(row)) < probability).astype(np.int64)

    spread(MESSAGE, some(0.62) * (1 + rng.poisson(np.clip(1.35 * loud, 0.3, 6))))
    spread(CHECK_IN, some(np.where(habit, 0.58, 0.0)))
    spread(LIKE, some(0.32) * (1 + rng.poisson(0.8, len(row))))
    spread(QUESTION, some(0.075))
    spread(ANSWER, some(np.clip(0.02 + 0.035 * loud, 0, 0.2)))
    spread(SEEN, some(0.7))
    spread(CLICK, some(0.10))
    spread(INVITED, some(0.008))
    # Readers who say nothing.
    row, day = np.nonzero(rng.random(age.shape) < 0.06 * lively)
    spread(SEEN, np.ones(len(row), dtype=np.int64))


def _journey(
    rng: np.random.Generator, log: _Log, who: Ints, home: Ints, joined: Ints, intent: Floats, zeal: Floats
) -> None:
    """The way to the order: each step is taken by some of those who took the one before, after a delay in hours."""
    warmth = intent * np.array([plan.purpose.intent for plan in GROUPS])[home] * np.clip(0.55 + 0.45 * zeal, 0.5, 1.6)
    steps = (
        (FRIENDED, 0.42, 0.55, 30.0),
        (LEAD, 0.34, 0.8, 96.0),
        (TRIAL, 0.55, 0.35, 80.0),
        (ORDERED, 0.37, 0.6, 110.0),
        (ORDERED, 0.30, 0.4, 700.0),
        (ORDERED, 0.26, 0.3, 620.0),
    )
    at = joined.copy()
    for kind, share, pull, hours in steps:
        goes_on = rng.random(len(who)) < np.clip(share * warmth[who] ** pull, 0, 0.9)
        who, at = who[goes_on], at[goes_on]
        at = _to_rhythm(rng, at + _delay(rng, len(who), hours), kind)
        log.add(kind, who, home[who], at)
        if kind == ORDERED:
            regret = rng.random(len(who)) < 0.05
            log.add(REFUNDED, who[regret], home[who[regret]], at[regret] + _delay(rng, regret.sum(), 90))


def _settle(member: Ints, group: Ints, kind: Ints, at: Ints, *, until: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Drops what has not happened yet, what a closed group cannot hold and what follows a departure; sorts the rest."""
    last = np.array([(_last_day(plan) + 1) * DAY for plan in GROUPS])[group]
    place = member * len(GROUPS) + group
    left = np.full(place.max() + 1, np.iinfo(np.int64).max)
    left[place[kind == LEFT]] = at[kind == LEFT]
    keep = (at <= until) & (at < last) & (at <= left[place])
    order = np.lexsort((kind[keep], at[keep]))
    return tuple(column[keep][order] for column in (member, group, kind, at))


def _details(rng: np.random.Generator, columns: tuple[Ints, Ints, Ints, Ints], channel: Ints) -> tuple[Ints, Ints]:
    """The channel of the steps of the journey, and what each order and refund was for."""
    member, _group, kind, _at = columns
    channels = np.where(np.isin(kind, (JOINED, FRIENDED, LEAD, TRIAL, ORDERED)), channel[member], -1)
    product = np.full(len(kind), -1, dtype=np.int64)
    orders = np.flatnonzero(kind == ORDERED)
    _, first = np.unique(member[orders], return_index=True)
    repeats = np.ones(len(orders), dtype=bool)
    repeats[first] = False
    for again in (False, True):
        choices = [position for position, offered in enumerate(PRODUCTS) if offered.again == again]
        shares = np.array([PRODUCTS[position].share for position in choices])
        chosen = orders[repeats == again]
        product[chosen] = rng.choice(choices, size=len(chosen), p=shares / shares.sum())
    latest = dict(zip(member[orders].tolist(), product[orders].tolist(), strict=True))
    refunds = np.flatnonzero(kind == REFUNDED)
    product[refunds] = [latest[one] for one in member[refunds].tolist()]
    return channels, product


def _at_hour(rng: np.random.Generator, day: Ints, rhythm: Floats) -> Ints:
    """An instant within each day, by the rhythm of its hours."""
    hour = rng.choice(24, size=len(day), p=rhythm)
    return day * DAY + hour * HOUR + rng.integers(0, HOUR, len(day))


def _to_rhythm(rng: np.random.Generator, at: Ints, kind: int) -> Ints:
    """Moves instants to an hour at which such a thing is done, never back in time."""
    moved = _at_hour(rng, at // DAY, _RHYTHM.get(kind, _TALK))
    return np.where(moved > at, moved, moved + DAY)


def _delay(rng: np.random.Generator, count: int, hours: float) -> Ints:
    """Waiting times with a long tail: most much shorter than the mean of `hours`, a few many times as long."""
    return (rng.lognormal(np.log(hours) - 0.5, 1.0, count) * HOUR).astype(np.int64) + 60_000


def _names(rng: np.random.Generator, members: int) -> list[str]:
    """Names as parents use them in groups: most after their child, some their own, some a nickname."""
    style = rng.choice(4, size=members, p=(0.46, 0.12, 0.30, 0.12))
    surname, given, adult, nick = (
        rng.integers(0, len(words), members) for words in (SURNAMES, GIVEN, ADULT_GIVEN, NICKNAMES)
    )
    return [
        (
            f"{SURNAMES[s]}{GIVEN[g]}妈妈",
            f"{SURNAMES[s]}{GIVEN[g]}爸爸",
            f"{SURNAMES[s]}{ADULT_GIVEN[a]}",
            NICKNAMES[n],
        )[which]
        for which, s, g, a, n in zip(
            style.tolist(), surname.tolist(), given.tolist(), adult.tolist(), nick.tolist(), strict=True
        )
    ]
