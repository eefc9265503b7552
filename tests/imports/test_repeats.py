"""How equal rows of a file are told apart."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from members.imports.runner import Repeats


@given(st.lists(st.lists(st.integers(0, 5), max_size=30), max_size=12))
def test_each_thing_is_numbered_by_how_many_equal_ones_came_before(batches: list[list[int]]):
    repeats, seen = Repeats(), Counter[int]()
    for batch in batches:
        expected = []
        for thing in batch:
            expected.append(seen[thing])
            seen[thing] += 1
        assert repeats.number([blake2b(str(thing).encode()).digest() for thing in batch]) == expected
