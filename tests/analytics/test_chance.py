"""Ranges of shares, against published numbers, and when a difference is more than chance."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.chance import Shares, is_apart, quantile, wilson

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_range_is_the_published_one(part, whole, low, high):
    found = wilson(part / whole, whole)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_of_nobody_anything_is_possible():
    assert (wilson(0.0, 0).low, wilson(0.0, 0).high) == (0.0, 1.0)


def test_looking_at_many_cells_asks_for_more():
    assert quantile() == pytest.approx(1.96, abs=0.001)
    assert quantile(168) > 3.6


def test_a_difference_is_judged_by_newcombes_method():
    # Newcombe's example (a) of the same journal, page 873: 56/70 against 48/80 lies 0.0524 to 0.3339 apart.
    assert is_apart(56, 70, 48, 80)
    assert is_apart(48, 80, 56, 70)
    assert not is_apart(9, 10, 3, 10, comparisons=20)
    assert not is_apart(5, 10, 4, 10)
    assert not is_apart(0, 0, 4, 10)


def test_clusters_that_do_the_same_together_are_worth_fewer_people():
    cell = np.zeros(10, np.int64)
    whole = np.full(10, 100, np.int64)
    together = Shares.of(cell, np.array([0, 100] * 5, np.int64), whole, 1)
    apart = Shares.of(cell, np.full(10, 50, np.int64), whole, 1)
    assert together.share(0) == apart.share(0) == 0.5
    assert apart.people(0) == 1000
    assert together.people(0) == pytest.approx(9)  # ten clusters that each act as one
    wide, narrow = together.between(0), apart.between(0)
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)
    assert apart.enough(10, 1000, 500)[0]
    assert not apart.enough(11, 30, 5)[0]
    assert not together.enough(10, 30, 1)[0]
    assert not apart.enough(10, 30, 501)[0]
