"""Events of one instant count in any order, and each of them serves one step."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from analytics.queries.funnel import FunnelQuery
from tests.analytics.worlds import World

pytestmark = pytest.mark.once

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def counts(events, steps, order="ordered", **more):
    """`events`: instants, each a string of kinds; a capital letter is the same kind through the channel "vip"."""
    rows = [
        ("m", kind.lower(), f"2026-03-01T10:00:{second:02}+00:00", "vip" if kind.isupper() else "", "")
        for second, instant in enumerate(events.split())
        for kind in instant
    ]
    asked = {
        "range": {"from": "2026-03-01", "to": "2026-03-01"},
        "order": order,
        "steps": [{"kind": step.lower(), "where": {"channel": "vip"} if step.isupper() else {}} for step in steps],
        **more,
    }
    world = World(rows)
    return FunnelQuery.read(asked, zone=ZoneInfo("UTC"), now=NOW).compute(world, world, now=NOW).all.counts


@pytest.mark.parametrize(
    ("events", "steps", "want"),
    [
        ("cba", "abc", [1, 1, 1]),
        ("a cb", "abc", [1, 1, 1]),
        # The narrow step needs the event that came first, so the wide one must give it up.
        ("Aa", "aA", [1, 1]),
        ("aA", "aA", [1, 1]),
        ("a Bb c", "abBc", [1, 1, 1, 1]),
        ("Aaa", "aaAa", [1, 1, 1, 0]),
        ("a", "aA", [1, 0]),
    ],
)
def test_ordered_steps_share_an_instant_as_far_as_its_events_go(events, steps, want):
    assert counts(events, steps) == want


@pytest.mark.parametrize(
    ("events", "steps", "want"),
    [
        ("a b c", "abc", [1, 1, 1]),
        ("cba", "abc", [1, 1, 1]),
        # What happened with the start may come before it, what happened with the end after it ...
        ("az b c", "abc", [1, 1, 1]),
        ("a b cz", "abc", [1, 1, 1]),
        # ... but an instant in the middle must be used up.
        ("a bz c", "abc", [1, 1, 0]),
        # Taking both events of the first instant would end the run; taking one leads on.
        ("ab b c d", "abcd", [1, 1, 1, 1]),
    ],
)
def test_strict_steps_follow_one_another_in_some_order_of_each_instant(events, steps, want):
    assert counts(events, steps, "strict") == want


@pytest.mark.parametrize(
    ("events", "steps", "want"),
    [
        ("A a", "aA", [1, 1]),
        ("a a", "aA", [1, 0]),
        ("c b a", "abc", [1, 1, 1]),
        ("a a b", "aab", [1, 1, 1]),
    ],
)
def test_steps_in_any_order_are_served_by_different_events(events, steps, want):
    assert counts(events, steps, "unordered") == want


def test_an_excluded_event_at_the_very_instant_of_a_step_does_no_harm():
    exclusions = [{"kind": "x", "after_step": 1, "before_step": 2}]
    assert counts("ax b", "ab", exclusions=exclusions) == [1, 1]
    assert counts("a bx", "ab", exclusions=exclusions) == [1, 1]
    assert counts("a x b", "ab", exclusions=exclusions) == [0, 0]
    assert counts("a x b", "ab", "unordered", exclusions=exclusions) == [1, 0]
    assert counts("a x a b", "ab", "strict", exclusions=exclusions) == [1, 1]


def test_what_breaks_a_strict_run_off_may_come_before_what_would_spoil_it():
    spoiled = [{"kind": "x", "after_step": 2, "before_step": 3}]
    assert counts("ay b x", "abc", "strict", exclusions=spoiled) == [1, 0, 0]
    assert counts("a b x", "abc", "strict", exclusions=spoiled) == [0, 0, 0]
