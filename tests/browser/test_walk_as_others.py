"""Walks through every page of the matrix as those who are not administrators.

How a page looks is examined in test_walk.py; here it is who gets what, without an error, each person in one language.
"""

from __future__ import annotations

import pytest

from tests.browser.conftest import PHONE, WIDE
from tests.browser.watch import Watcher, fail_on, pages

pytestmark = pytest.mark.browser

# Refusals look the same everywhere, and tests/test_urls.py asks for every one of them.
REFUSALS = 5


# `bo` works in Chengdu: to Mei's branch he is what Out is in the tests of addresses.
@pytest.mark.parametrize(
    ("username", "who", "language", "width"),
    [("mei", "mei", "zh-hans", PHONE), ("ana", "ana", "en", WIDE), ("bo", "out", "zh-hans", WIDE)],
)
def test_every_role_gets_pages_without_errors(as_staff, things, username, who, language, width):
    watcher = Watcher(as_staff(username, language, width), language=language)
    refusals = 0
    for _name, address, status in pages(who, things):
        refusals += status in (403, 404)
        if status == 200 or (status != 302 and refusals <= REFUSALS):
            watcher.open(address, status)
            watcher.look()
    fail_on(watcher.problems)
