"""Questions that make no sense: each report says what is wrong, in the reader's language, and keeps what was typed."""

from __future__ import annotations

from html import unescape

import pytest
import time_machine
from django.test import Client

from tests.analytics.test_pages import did, page
from tests.builders import NOW, make_group, make_member
from tests.members.spend_things import spent

pytestmark = pytest.mark.django_db

RANGES = ("activity", "lifecycle", "stickiness", "leavers", "funnel", "best-hour", "channels", "carriers", "ranking")


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.mark.parametrize("report", RANGES)
def test_days_of_years_that_no_calendar_needs_are_refused(cast, report):
    for asked in ("to=0001-01-01", "from=0001-01-01&to=0001-01-02", "to=9999-12-31", "from=1926-01-01&to=2026-03-01"):
        found = page(cast.mei, f"/reports/{report}/?{asked}")
        assert "The year must be from 1971 to 2200." in found, asked
        assert f'value="{asked[-10:]}"' in found, asked
    assert "The range ends before it begins." in page(cast.mei, f"/reports/{report}/?from=2026-02-20&to=2026-02-01")
    assert "Enter a valid date." in page(cast.mei, f"/reports/{report}/?from=2026-02-30")


@pytest.mark.parametrize("report", ["activity", "retention", "funnel", "best-hour", "carriers"])
def test_numbers_that_name_no_group_are_refused(cast, report):
    theirs = make_group(branch=cast.chengdu)
    for number in ("9" * 24, "²", "abc", "-1", str(theirs.pk)):
        found = page(cast.mei, f"/reports/{report}/?group={number}")
        assert 'role="alert"' in found, number
        assert theirs.name not in found
    page(cast.mei, f"/reports/groups/?group={'9' * 24}&group=²&find=x")


def test_a_cohort_that_begins_in_another_age_is_refused_in_the_language_of_the_reader(cast):
    client = Client()
    client.force_login(cast.mei)
    client.cookies["language"] = "zh-hans"
    found = client.get("/reports/retention/?since=0001-01-01").content.decode()
    assert "起始日期: 年份必须在 1971 到 2200 之间。" in unescape(found)
    assert 'class="form-control is-invalid" value="0001-01-01"' in found


def test_a_channel_over_decades_is_told_from_its_first_money_on(cast):
    make_group(branch=cast.hangzhou, external_id="h")
    did(make_member("Ann"), "joined", 3, channel="gate")
    spend = spent(cast.mei, "gate", 900, now=NOW)
    found = page(cast.mei, f"/reports/channels/{spend.channel_id}/?from=1971-01-01")
    assert "¥900" in found
    assert found.count('<th scope="row"') < 100
