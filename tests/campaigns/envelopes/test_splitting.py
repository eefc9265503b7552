"""A random division is exact, fair by position, and leaves nobody without."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.envelopes.splitting import split

pytestmark = pytest.mark.once
# Beyond these a fair division falls once in a thousand; the dice are seeded, so a fair one never does.
CHI_SQUARE = {9: 27.88, 19: 43.82}


def chi_square(counts: list[int]) -> float:
    expected = sum(counts) / len(counts)
    return sum((count - expected) ** 2 / expected for count in counts)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["random", "equal"]), st.integers(1, 200), st.integers(0, 5000), st.integers(0, 2**32))
def test_shares_add_up_and_none_is_empty(kind, shares, more, seed):
    found = split(kind, shares + more, shares, random.Random(seed))
    assert (len(found), sum(found)) == (shares, shares + more)
    assert min(found) > 0


def test_equal_shares_differ_by_a_point_at_most():
    assert split("equal", 11, 4, random.Random()) == [3, 3, 3, 2]


@pytest.mark.parametrize(("amount", "shares"), [(3, 4), (3, 0), (0, 1)])
def test_a_share_without_a_point_is_refused(amount, shares):
    with pytest.raises(ValueError, match="at least one point"):
        split("random", amount, shares, random.Random())


def test_every_way_to_divide_is_equally_likely():
    dice = random.Random(8)
    ways = Counter(tuple(split("random", 6, 3, dice)) for _time in range(10_000))
    assert len(ways) == 10
    assert chi_square(list(ways.values())) < CHI_SQUARE[9]


@pytest.mark.parametrize("pick", [max, min])
def test_the_largest_and_the_smallest_share_stand_anywhere(pick):
    """Whoever comes first has the same chances as whoever comes last."""
    dice = random.Random(88)
    places: Counter[int] = Counter()
    for _time in range(6_000):
        # Amounts so large that two equal shares are rare; those would count for the earlier place.
        found = split("random", 10_000_000, 20, dice)
        places[found.index(pick(found))] += 1
    assert chi_square([places[place] for place in range(20)]) < CHI_SQUARE[19]


def test_no_position_gets_more_or_varies_more_than_another():
    dice = random.Random(888)
    rounds = [split("random", 2000, 10, dice) for _time in range(8_000)]
    for place in range(10):
        amounts = [found[place] for found in rounds]
        mean = sum(amounts) / len(amounts)
        spread = (sum((amount - mean) ** 2 for amount in amounts) / len(amounts)) ** 0.5
        assert mean == pytest.approx(200, rel=0.05)
        assert spread == pytest.approx(180, rel=0.08)
