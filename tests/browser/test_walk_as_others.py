"""Walks through pages of the matrix as those who are not administrators.

How a page looks is examined in test_walk.py, and tests/test_urls.py asks for each address as each of these people. Here
a browser opens one page in six, others for each person, in one language.
"""

from __future__ import annotations

from itertools import islice

import pytest

from tests.browser.conftest import PHONE, WIDE
from tests.browser.watch import Watcher, fail_on, pages

pytestmark = pytest.mark.browser

# Refusals look the same everywhere.
REFUSALS = 5
ONE_IN = 6


# `bo` works in Chengdu: to Mei's branch he is what Out is in the tests of addresses.
@pytest.mark.parametrize(
    ("username", "who", "language", "width", "first"),
    [("mei", "mei", "zh-hans", PHONE, 0), ("ana", "ana", "en", WIDE, 1), ("bo", "out", "zh-hans", WIDE, 2)],
)
def test_every_role_gets_pages_without_errors(as_staff, things, username, who, language, width, first):
    watcher = Watcher(as_staff(username, language, width), language=language)
    refusals = 0
    for _name, address, status in islice(pages(who, things), first, None, ONE_IN):
        refusals += status in (403, 404)
        if status == 200 or (status != 302 and refusals <= REFUSALS):
            watcher.open(address, status)
            watcher.look()
    fail_on(watcher.problems)
