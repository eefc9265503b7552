"""Walks through every page of the matrix in Chinese; see test_walk.py."""

from __future__ import annotations

import pytest

from tests.browser.test_walk import walk_as_administrator, walk_as_stranger

pytestmark = pytest.mark.browser


def test_every_page_is_faultless_for_an_administrator(as_staff, things, screenshots):
    walk_as_administrator(as_staff, things, screenshots, "zh-hans")


def test_a_stranger_finds_a_door(as_staff, things, screenshots):
    walk_as_stranger(as_staff, things, screenshots, "zh-hans")
