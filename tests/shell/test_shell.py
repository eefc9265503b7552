from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone, translation
from django.views import defaults

from accounts.models import Role, User
from accounts.navigation import MENU, SETTINGS, menu_for
from community_ops.lib.changes import change_text, change_words
from community_ops.templatetags.charts import daily_chart
from community_ops.templatetags.ui import avatar, change, number, share, sparkline, words_for
from groups.models import Grade
from groups.selectors import Day
from members.models import PromotionRun
from tests.builders import NOW, make_group


def test_the_menu_shows_only_what_a_role_may_open(cast):
    def names(user):
        return {str(link.label) for _label, links in menu_for(user, "/") for link in links}

    assert {"Today", "Groups"} <= names(cast.ana)
    assert not {"Import", "Settings"} & names(cast.ana)
    assert "Settings" in names(cast.lin)
    assert "Settings" not in names(cast.mei)


def test_every_page_of_the_menu_opens_for_those_who_see_it(client, cast):
    for user in (cast.lin, cast.mei, cast.ana):
        client.force_login(user)
        for _label, links in menu_for(user, "/"):
            for link in links:
                assert client.get(link.url).status_code == 200, link.url


def test_every_setting_opens_and_leads_back(client, cast):
    client.force_login(cast.lin)
    overview = reverse("accounts:settings")
    pages = [reverse(place.name) for section in SETTINGS for place in section.places]
    for address in pages:
        assert f'href="{address}"' in client.get(overview).content.decode()
        page = client.get(address)
        assert page.status_code == 200, address
        assert f'breadcrumb-item"><a href="{overview}"' in page.content.decode(), address


def test_what_holds_for_every_branch_is_not_decided_by_an_administrator_of_one(client, cast):
    User.objects.filter(pk=cast.mei.pk).update(role=Role.ADMIN)
    client.force_login(cast.mei)
    overview = client.get(reverse("accounts:settings")).content.decode()
    for place in (place for section in SETTINGS for place in section.places):
        address = reverse(place.name)
        opened = client.get(address).status_code == 200
        assert opened is not place.for_all, address
        assert (f'href="{address}"' in overview) is opened, address
    run = PromotionRun.objects.create(year=2025, at=NOW)
    for address in (
        reverse("groups:preset", args=["sales"]),
        reverse("groups:preset_reset", args=["sales"]),
        reverse("members:tiers_save"),
        reverse("members:promotion_save"),
        reverse("members:grades_change"),
        reverse("members:promotion"),
        reverse("members:promotion_undo", args=[run.pk]),
        reverse("members:conduct_settings"),
        reverse("analytics:health_policy"),
        reverse("members:seed_criteria"),
    ):
        assert client.post(address, {"act": "usual"}).status_code == 403, address
    assert not Grade.objects.exists()


def test_settings_are_found_by_those_who_may_open_them(client, cast):
    for user, found in ((cast.lin, True), (cast.mei, False)):
        client.force_login(user)
        page = client.get(reverse("campaigns:search"), {"q": "retention"}).content.decode()
        assert (f'href="{reverse("members:retention")}"' in page) is found


def test_no_two_places_share_a_key():
    keys = [place.key for section in MENU for place in section.places]
    assert len(keys) == len(set(keys))


def test_the_menu_marks_where_one_is(client, cast):
    group = make_group()
    client.force_login(cast.lin)
    page = client.get(reverse("groups:detail", args=[group.pk])).content.decode()
    current = re.findall(r'<a href="([^"]+)"[^>]* aria-current="page" data-go', page)
    assert current == [reverse("groups:list")]


def test_pages_hold_no_inline_script_or_style_and_say_so(client, cast):
    client.force_login(cast.lin)
    response = client.get("/today/")
    assert "unsafe-inline" not in response["Content-Security-Policy"]
    page = response.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"\sstyle=|\son[a-z]+=", page)


def test_pages_of_staff_are_kept_by_no_cache_on_the_way(client, cast):
    client.force_login(cast.mei)
    for url in ("/today/", "/groups/", "/groups/?export=csv"):
        assert client.get(url)["Cache-Control"] == "private, no-cache"


# Errors


def test_what_is_not_there_is_a_designed_page_in_the_shell(client, cast):
    response = client.get("/nowhere/")
    assert response.status_code == 404
    assert "This page does not exist" in response.content.decode()
    client.force_login(cast.lin)
    assert 'aria-label="Main menu"' in client.get("/nowhere/").content.decode()


def test_what_is_forbidden_says_so(client, cast):
    client.force_login(cast.ana)
    response = client.get("/groups/new/")
    assert response.status_code == 403
    assert "ask an administrator" in response.content.decode()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_of_broken_requests_need_nothing_of_the_request(language):
    request = RequestFactory().get("/")
    with translation.override(language):
        broken = defaults.server_error(request)
        bad = defaults.bad_request(request, Exception("secret detail"))
    assert (broken.status_code, bad.status_code) == (500, 400)
    for response in (broken, bad):
        page = response.content.decode()
        assert f'lang="{language}"' in page
        assert "secret detail" not in page


def test_an_expired_form_says_what_to_do(db):
    response = Client(enforce_csrf_checks=True).post("/sign-in/", {})
    assert response.status_code == 403
    assert "This form has expired" in response.content.decode()


# Search


def test_search_finds_groups_and_pages_within_reach(client, cast):
    make_group("Reading of Hangzhou", branch=cast.hangzhou)
    make_group("Reading of Chengdu", branch=cast.chengdu)
    client.force_login(cast.mei)
    found = client.get("/search/?q=reading").context["found"]
    assert [group.name for group in found.groups] == ["Reading of Hangzhou"]
    found = client.get("/search/?q=GROUPS").context["found"]
    assert [str(link.label) for link in found.places] == ["Groups", "Rising and falling groups"]
    assert client.get("/search/?q=zzz").context["found"].nothing


@pytest.mark.parametrize("query", ["", "q=", "q=%00", "q=%25", "q=" + "x" * 500])
@pytest.mark.parametrize("part", ["", "&part=1"])
def test_search_takes_any_text(client, cast, query, part):
    client.force_login(cast.mei)
    assert client.get(f"/search/?{query}{part}").status_code == 200


def test_the_drop_down_shows_a_few_and_leads_to_all(client, cast):
    for index in range(8):
        make_group(f"Reading {index}")
    client.force_login(cast.lin)
    page = client.get("/search/?q=reading&part=1").content.decode()
    assert page.count('role="option"') == 7
    assert "/search/?q=reading" in page
    assert "<html" not in page


# Pieces


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (datetime(2026, 3, 2, 9, 5, tzinfo=UTC), "today 17:05"),
        (datetime(2026, 3, 1, 16, 0, tzinfo=UTC), "today 00:00"),
        (datetime(2026, 3, 1, 15, 59, tzinfo=UTC), "yesterday 23:59"),
        (datetime(2026, 3, 2, 16, 0, tzinfo=UTC), "tomorrow 00:00"),
        (datetime(2026, 3, 5, 1, 0, tzinfo=UTC), "5 Mar 09:00"),
        (datetime(2025, 12, 31, 1, 0, tzinfo=UTC), "31 Dec 2025"),
    ],
)
def test_times_are_said_as_people_say_them(value, words):
    assert words_for(timezone.localtime(value), timezone.localtime(NOW), with_clock=True) == words


def test_numbers_shares_and_changes_of_nothing_are_no_nonsense():
    assert (number(1234567), number(None)) == ("1,234,567", "–")
    assert (share(1, 3), share(1, 0), share(None, 3)) == ("33.3%", "–", "–")
    assert "up from 0" in change(5, 0)
    assert "no change" in change(0, 0)
    assert "50% fewer" in change(5, 10)
    assert "&lt;1% more" in change(10001, 10000)
    assert "change-down" in change(3, 2, "bad")


def test_a_change_from_a_tiny_figure_is_told_in_times():
    assert [change_words(now, 61).text for now in (609, 610, 10038)] == [
        "↑ 898% more", "↑ 10 times as many", "↑ 165 times as many",
    ]  # fmt: skip
    assert change_words(100_000, 100, amount=True).text == "↑ 1,000 times as much"
    assert change_words(5, -5).text == "↑ 200% more"
    assert [change_text(now, 61) for now in (0, 60, 61, 609, 10038)] == ["−100%", "−2%", "+0%", "+898%", "×165"]
    assert [change_text(5, before) for before in (None, 0, -3)] == ["", "", ""]


@pytest.mark.parametrize(
    ("name", "letters"),
    [("王小明", "小明"), ("贺明轩妈妈", "贺明"), ("Ana Lima", "AL"), ("mei", "ME"), ("", ""), ("<b>", "&lt;B")],
)
def test_a_face_shows_the_letters_of_a_name(name, letters):
    assert f">{letters}</span>" in avatar(name)


def test_charts_of_nothing_and_of_one_peak_can_be_drawn():
    today = NOW.date()
    assert sparkline([], "x") == sparkline([0, 0], "x") == ""
    assert "polyline" in sparkline([0, 5], "x")
    assert "<svg" in daily_chart([Day(today, 0, 0)] * 30)
    assert "1 message, 2 active members" in daily_chart([Day(today, 1, 2)] * 30)


def test_every_role_is_named_in_words():
    assert all(str(role.label) != role.value for role in Role)
