"""How an amount is divided into shares."""

from __future__ import annotations

import random

from campaigns.envelopes.models import Split


def split_equal(amount: int, shares: int) -> list[int]:
    """As equal as whole points can be: the first ones get what does not divide, a point each."""
    least, over = divmod(amount, shares)
    return [least + (position < over) for position in range(shares)]


def split_random(amount: int, shares: int, rng: random.Random) -> list[int]:
    """Every way to divide `amount` into so many shares of at least one point is equally likely.

    The amount is a row of points with a gap between each two; `shares - 1` of the gaps are chosen. That is exact to the
    point by construction, and no position is better than another: swapping two shares gives a way that is as likely.
    (The rule "up to double the mean of what is left", which is common, gives each position the same mean as well, but
    the later ones vary more: whoever waits plays for higher stakes.)
    """
    cuts = sorted(rng.sample(range(1, amount), shares - 1))
    return [end - start for start, end in zip([0, *cuts], [*cuts, amount], strict=True)]


def split(kind: str, amount: int, shares: int, rng: random.Random) -> list[int]:
    if not 0 < shares <= amount:
        raise ValueError("every share holds at least one point")
    return split_equal(amount, shares) if kind == Split.EQUAL else split_random(amount, shares, rng)
