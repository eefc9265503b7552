"""Walks through every page of the matrix in English; test_walk_in_chinese.py does so in Chinese, at the same time by
another process."""

from __future__ import annotations

import os

import pytest

from tests.browser.conftest import HEIGHTS, PHONE, WIDE
from tests.browser.watch import Watcher, fail_on, pages

pytestmark = pytest.mark.browser

LANGUAGES = ("en", "zh-hans")
IN_CI = os.environ.get("CI") == "true"
# What the matrix has no line for: lists that find nothing, other states, addresses that do not exist.
MORE = {
    "groups-none": ("/groups/?q=zzzz", 200),
    "members-none": ("/members/?q=zzzz", 200),
    "search-none": ("/search/?q=zzzz", 200),
    "not-found": ("/groups/999999/", 404),
}
DARK = ("campaigns:today", "groups:list", "groups:detail", "members:detail", "analytics:funnel", "campaigns:posts")


# Every page is seen at both widths. In CI each of them in one language: what does not fit is English on a phone, and
# what axe looks at hardly depends on the language; there it examines every page once, at one width or the other.
WIDTHS = {"en": (PHONE,), "zh-hans": (WIDE,)} if IN_CI else dict.fromkeys(LANGUAGES, (WIDE, PHONE))
EXAMINED = {"en": PHONE, "zh-hans": WIDE}
# Finding colours out is the slowest of all rules, and on a phone there are no others than on a desktop.
NOT_AGAIN = {"en": () if IN_CI else ("color-contrast",), "zh-hans": ()}


def walk(watcher, visits, pictures, language):
    """Opens each page once, looks at it, has axe examine it at one width, and takes its pictures.

    Nobody looks at the pictures of a CI run, and they take as long as the pages.
    """
    widths = WIDTHS[language]
    for number, (name, address, status) in enumerate(visits):
        watcher.resize(widths[0], HEIGHTS[widths[0]])
        watcher.open(address, status)
        for width in widths:
            watcher.resize(width, HEIGHTS[width])
            watcher.look()
            if width == EXAMINED[language] and (not IN_CI or number % 2 == LANGUAGES.index(language)):
                watcher.check_accessibility(but=NOT_AGAIN[language])
            if not IN_CI:
                watcher.picture(pictures / f"{language}-{width}-{name}.png")
    fail_on(watcher.problems)


def walk_as_administrator(as_staff, things, screenshots, language):
    visits = [visit for visit in pages("lin", things) if visit[2] == 200]
    visits += [(name, address, status) for name, (address, status) in MORE.items()]
    (screenshots / "lin").mkdir(exist_ok=True)
    walk(Watcher(as_staff("lin", language), language=language), visits, screenshots / "lin", language)


def walk_as_stranger(as_staff, things, screenshots, language):
    """The same for the pages that nobody has to sign in for."""
    visits = [visit for visit in pages("stranger", things) if visit[2] == 200]
    (screenshots / "stranger").mkdir(exist_ok=True)
    walk(Watcher(as_staff("", language), language=language), visits, screenshots / "stranger", language)


def test_every_page_is_faultless_for_an_administrator(as_staff, things, screenshots):
    walk_as_administrator(as_staff, things, screenshots, "en")


def test_a_stranger_finds_a_door(as_staff, things, screenshots):
    walk_as_stranger(as_staff, things, screenshots, "en")


@pytest.mark.parametrize(("language", "width"), [("en", WIDE), ("zh-hans", PHONE)])
def test_pages_can_be_read_in_the_dark(as_staff, things, screenshots, language, width):
    watcher = Watcher(as_staff("lin", language, width, theme="dark"), language=language)
    for name, address, _status in pages("lin", things):
        if name.replace("-", ":", 1) in DARK:
            watcher.open(address)
            watcher.check_accessibility(["color-contrast"])
    fail_on(watcher.problems)
