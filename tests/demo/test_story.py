"""The invented community behaves like a real one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from campaigns.demo.brand import CHANNELS, DAYS, GROUPS, PRODUCTS
from campaigns.demo.story import (
    DAY,
    FRIENDED,
    HOUR,
    JOINED,
    KINDS,
    LEAD,
    LEFT,
    MESSAGE,
    ORDERED,
    TRIAL,
    tell,
)

MEMBERS = 6_000
NOON = DAYS * DAY + 12 * HOUR


@pytest.fixture(scope="module")
def story():
    return tell(members=MEMBERS, first_weekday=2, until=NOON)


def people(story, kind):
    return set(story.member[story.kind == kind].tolist())


def test_the_same_day_tells_the_same_story(story):
    again = tell(members=MEMBERS, first_weekday=2, until=NOON)
    assert again.names == story.names
    for column in ("member", "group", "kind", "at", "channel", "product"):
        assert np.array_equal(getattr(again, column), getattr(story, column))


def test_it_holds_as_many_events_as_a_report_needs_to_look_real(story):
    assert 150_000 <= len(story.at) <= 250_000
    assert len(people(story, JOINED)) == len(story.names) == MEMBERS


def test_events_come_in_order_and_none_lies_in_the_future(story):
    assert (np.diff(story.at) >= 0).all()
    assert story.at[0] >= 0
    assert story.at[-1] <= NOON


def test_each_step_of_the_journey_is_taken_by_fewer_people_who_took_the_one_before(story):
    steps = [people(story, kind) for kind in (JOINED, FRIENDED, LEAD, TRIAL, ORDERED)]
    for before, after in pairwise(steps):
        assert after < before
    assert 0.03 < len(steps[-1]) / MEMBERS < 0.10


def test_some_customers_come_back(story):
    orders = np.bincount(story.member[story.kind == ORDERED])
    assert 0.1 < (orders > 1).sum() / (orders > 0).sum() < 0.5


def test_channels_differ_in_what_they_are_worth(story):
    def conversion(code):
        position = [channel.code for channel in CHANNELS].index(code)
        joined = set(story.member[(story.kind == JOINED) & (story.channel == position)].tolist())
        return len(joined & people(story, ORDERED)) / len(joined)

    assert conversion("referral") > 2 * conversion("video-channel") > 2 * conversion("feed-ad")


def test_nobody_acts_in_a_group_before_joining_or_after_leaving_it(story):
    place = story.member * len(GROUPS) + story.group
    joined = np.full(place.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(joined, place[story.kind == JOINED], story.at[story.kind == JOINED])
    assert (story.at >= joined[place]).all()
    left = np.full(place.max() + 1, np.iinfo(np.int64).max)
    left[place[story.kind == LEFT]] = story.at[story.kind == LEFT]
    assert (story.at <= left[place]).all()


def test_talk_follows_the_hours_of_a_family(story):
    hours = np.bincount(story.at[story.kind == MESSAGE] // HOUR % 24, minlength=24)
    assert hours[21] > hours[15] > 5 * hours[3]


def test_groups_are_as_healthy_as_planned(story):
    week = story.at > NOON - 7 * DAY
    active = [len(np.unique(story.member[week & (story.group == position)])) for position in range(len(GROUPS))]
    size = [max(1, len(np.unique(story.member[story.group == position]))) for position in range(len(GROUPS))]
    share = {
        health: np.mean([one / of for one, of, plan in zip(active, size, GROUPS, strict=True) if plan.health == health])
        for health in {plan.health for plan in GROUPS}
    }
    assert share["new"] > share["lively"] > share["steady"] > share["declining"] > share["dead"] == 0
    assert share["forming"] == share["archived"] == 0


def test_a_new_member_is_less_likely_to_be_seen_each_month(story):
    first = np.full(MEMBERS, 10**9)
    week = story.at // (7 * DAY)
    np.minimum.at(first, story.member, week)
    early = np.flatnonzero(first <= 4)
    talk = story.kind == MESSAGE

    def seen(weeks_later):
        return len(np.intersect1d(story.member[talk & (week == first[story.member] + weeks_later)], early)) / len(early)

    kept = [seen(weeks) for weeks in (1, 4, 8, 12)]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > 2 * kept[-1] > 0.1


def test_orders_and_refunds_name_a_product(story):
    priced = story.product >= 0
    assert {KINDS[kind] for kind in np.unique(story.kind[priced])} == {"ordered", "refunded"}
    assert priced.sum() == np.isin(story.kind, [KINDS.index("ordered"), KINDS.index("refunded")]).sum()
    assert story.product.max() < len(PRODUCTS)


def test_a_quiet_hour_after_midnight_leaves_today_almost_empty():
    story = tell(members=500, first_weekday=0, until=DAYS * DAY + 60_000)
    assert len(people(story, JOINED)) == 500
    assert (story.at >= DAYS * DAY).sum() < 20
