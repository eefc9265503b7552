"""Who holds a role is looked up in a compiled loop: it says what a plain count says."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.columns import allowed
from analytics.kernels_ledger import holding
from analytics.ledger.columns import Places, table_of


@pytest.mark.parametrize("groups", [None, [], [1, 3]])
def test_who_holds_one_of_some_memberships(groups):
    rng = np.random.default_rng(7)
    member, number, group = rng.integers(1, 40, 100), rng.permutation(100) + 1, rng.integers(1, 6, 100)
    nothing = np.zeros(100, np.int64)
    places = table_of(Places, np.stack([member, number, nothing, nothing, group], axis=1))
    skip = rng.random(len(places.members)) < 0.2
    held = np.array([3, 8, 17, 40, 41, 62])  # others have a number beyond the bits
    marks = np.zeros(40, np.bool_)
    allow = allowed(None if groups is None else np.array(groups, np.int64))
    holding(places, skip, allow, np.packbits(allowed(held), bitorder="little"), marks)
    skipped = set(places.members[skip].tolist())
    told = {
        m
        for m, n, g in zip(member.tolist(), number.tolist(), group.tolist(), strict=True)
        if n in held and m not in skipped and (groups is None or g in groups)
    }
    assert set(np.flatnonzero(marks).tolist()) == told
