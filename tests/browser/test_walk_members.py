"""Walks through the pages of members on a phone: as a member, as somebody who left, as a stranger.

Every page that the matrix gives a member is opened once in each language, in Chinese in the dark. Those that no thing
of tests/browser/things.py leads to are found by their links, starting from the page of the group.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, resolve, reverse

from tests.browser.conftest import PHONE
from tests.browser.watch import Watcher, fail_on
from tests.matrix import ROUTES

pytestmark = pytest.mark.browser

THEMES = {"en": "light", "zh-hans": "dark"}
# Files, which are no pages.
FILES = {"member:question_picture", "member:activity_calendar"}
# The links of a page that a thumb can follow.
LINKS = """() => [...document.querySelectorAll("main a[href]:not([download]), header a[href], nav a[href]")]
  .map((one) => one.href).filter((one) => one.startsWith(location.origin + "/m/"))"""


def phone(as_staff, things, language, cookie=""):
    """A phone, on which somebody is signed in where there is a cookie."""
    context = as_staff("", language, PHONE, theme=THEMES[language])
    if cookie:
        context.add_cookies([{"name": "member", "value": things[cookie], "domain": "127.0.0.1", "path": "/m/"}])
    return Watcher(context, language=language)


def examine(watcher, screenshots, name, language):
    watcher.look()
    watcher.check_accessibility()
    if os.environ.get("CI") != "true":
        (screenshots / "phone").mkdir(exist_ok=True)
        watcher.picture(screenshots / "phone" / f"{language}-{name.replace(':', '-')}.png")


def name_of(path):
    try:
        return resolve(path).view_name
    except Resolver404:
        return ""


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_is_faultless_for_a_member(as_staff, things, screenshots, language):
    watcher = phone(as_staff, things, language, "visitor_cookie")
    wanted = {name for name, route in ROUTES.items() if route.phone and route.phone[0] == 200} - FILES
    wanted.add("member:group")
    waiting = {"member:group": reverse("member:group", args=[things["page_token"]])}
    for name in sorted(wanted):
        route = ROUTES[name]
        if all(thing in things for thing in route.args.values()):
            arguments = {kwarg: things[thing] for kwarg, thing in route.args.items()}
            waiting.setdefault(name, reverse(name, kwargs=arguments) + route.query)
    seen = set()
    while waiting:
        name, address = waiting.popitem()
        seen.add(name)
        page = watcher.open(address)
        examine(watcher, screenshots, name, language)
        for link in page.evaluate(LINKS):
            parts = urlsplit(link)
            found = name_of(parts.path)
            if found in wanted - seen:
                waiting.setdefault(found, f"{parts.path}?{parts.query}" if parts.query else parts.path)
    watcher.where = "the pages of members"
    for name in sorted(wanted - seen):
        watcher.report(f"nothing leads to {name}: add {ROUTES[name].args} to tests/browser/things.py or to the demo")
    fail_on(watcher.problems)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_everybody_else_gets_a_page_that_says_how_to_go_on(as_staff, things, screenshots, language):
    group = reverse("member:group", args=[things["page_token"]])
    rules, me = f"{group}rules/", reverse("member:me")
    guessed = reverse("member:link", args=["1-aaaaaaaaaaaaaaaaaaaaaaaa"])
    visits = {
        "stranger": ("", [(group, 200), (rules, 403), (me, 403), (guessed, 404)]),
        "left": ("left_cookie", [(group, 200), (rules, 403), (me, 200)]),
        "undecided": ("undecided_cookie", [(group, 200), (rules, 403), (me, 200)]),
    }
    problems = []
    for who, (cookie, pages) in visits.items():
        watcher = phone(as_staff, things, language, cookie)
        for address, status in pages:
            watcher.open(address, status)
            examine(watcher, screenshots, f"{who}-{name_of(address)}", language)
        problems += watcher.problems
    fail_on(problems)
