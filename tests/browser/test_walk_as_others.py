"""Walks through every page of the matrix as those who are not administrators.

How a page looks is examined in test_walk.py; here it is who gets what, without an error, in each language and width.
"""

from __future__ import annotations

import pytest

from tests.browser.test_walk import LANGUAGES, WIDTHS
from tests.browser.watch import Watcher, fail_on, pages

pytestmark = pytest.mark.browser


# `bo` works in Chengdu: to Mei's branch he is what Out is in the tests of addresses.
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("username", "who"), [("mei", "mei"), ("ana", "ana"), ("bo", "out")])
def test_every_role_gets_pages_without_errors(as_staff, things, screenshots, username, who, language, width):
    watcher = Watcher(as_staff(username, language, width), language=language)
    for name, address, status in pages(who, things):
        if status != 302:
            watcher.open(address, status)
            watcher.look()
            watcher.picture(screenshots / f"{username}-{language}-{width}-{name}.png")
    fail_on(watcher.problems)
