"""Walks through every page of the matrix in Chinese, on a desktop and on a phone; see test_walk.py."""

from __future__ import annotations

import pytest

from tests.browser.test_walk import WIDTHS, walk_as_administrator, walk_as_stranger

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_faultless_for_an_administrator(as_staff, things, screenshots, width):
    walk_as_administrator(as_staff, things, screenshots, "zh-hans", width)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_stranger_finds_a_door(as_staff, things, screenshots, width):
    walk_as_stranger(as_staff, things, screenshots, "zh-hans", width)
