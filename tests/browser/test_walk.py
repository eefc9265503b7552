"""Walks through every page of the matrix, on a desktop and on a phone, in English; test_walk_in_chinese.py does so in
Chinese, at the same time by another process."""

from __future__ import annotations

import pytest

from tests.browser.conftest import PHONE, WIDE
from tests.browser.watch import Watcher, fail_on, pages

pytestmark = pytest.mark.browser

WIDTHS = (WIDE, PHONE)
# What the matrix has no line for: lists that find nothing, other states, addresses that do not exist.
MORE = {
    "groups-none": ("/groups/?q=zzzz", 200),
    "members-none": ("/members/?q=zzzz", 200),
    "search-none": ("/search/?q=zzzz", 200),
    "not-found": ("/groups/999999/", 404),
}
DARK = ("campaigns:today", "groups:list", "groups:detail", "members:detail", "analytics:funnel", "campaigns:posts")


def walk_as_administrator(as_staff, things, screenshots, language, width):
    """Opens every page, looks at it, has axe examine it, and takes its picture."""
    watcher = Watcher(as_staff("lin", language, width), language=language)
    visits = [visit for visit in pages("lin", things) if visit[2] == 200]
    visits += [(name, address, status) for name, (address, status) in MORE.items()]
    for name, address, status in visits:
        watcher.open(address, status)
        watcher.look()
        watcher.check_accessibility()
        watcher.picture(screenshots / f"lin-{language}-{width}-{name}.png")
    fail_on(watcher.problems)


def walk_as_stranger(as_staff, things, screenshots, language, width):
    """The same for the pages that nobody has to sign in for."""
    watcher = Watcher(as_staff("", language, width), language=language)
    for name, address, status in pages("stranger", things):
        if status == 200:
            watcher.open(address)
            watcher.look()
            watcher.check_accessibility()
            watcher.picture(screenshots / f"stranger-{language}-{width}-{name}.png")
    fail_on(watcher.problems)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_faultless_for_an_administrator(as_staff, things, screenshots, width):
    walk_as_administrator(as_staff, things, screenshots, "en", width)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_stranger_finds_a_door(as_staff, things, screenshots, width):
    walk_as_stranger(as_staff, things, screenshots, "en", width)


@pytest.mark.parametrize(("language", "width"), [("en", WIDE), ("zh-hans", PHONE)])
def test_pages_can_be_read_in_the_dark(as_staff, things, screenshots, language, width):
    watcher = Watcher(as_staff("lin", language, width, theme="dark"), language=language)
    for name, address, _status in pages("lin", things):
        if name.replace("-", ":", 1) in DARK:
            watcher.open(address)
            watcher.check_accessibility(["color-contrast"])
            watcher.picture(screenshots / f"lin-{language}-{width}-{name}-dark.png")
    fail_on(watcher.problems)
