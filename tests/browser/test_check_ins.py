"""Twenty-one days of check-ins on a member's phone, without a script, while the server's clock is moved on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from campaigns.checkins.dues import check_ins_tick
from campaigns.checkins.models import CheckInStanding
from campaigns.checkins.programmes import ThresholdDraft
from campaigns.models import Award
from campaigns.prizes.services import prize_create
from members.points.services import points_of
from members.visitors.services import link_code, link_make
from tests.base import make_cast
from tests.builders import NOW, make_group, make_member
from tests.campaigns.checkins.things import FIRST, make_programme, say
from tests.members.visitors import phone_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DAY = timedelta(days=1)


class Clock:
    """What the server believes the time is."""

    now: datetime = NOW


@pytest.fixture
def clock(monkeypatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr("django.utils.timezone.now", lambda: moved.now)
    return moved


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, java_script_enabled=False, locale="en-GB", has_touch=True
    )
    yield context.new_page()
    context.close()


@pytest.mark.once
def test_a_member_keeps_a_streak_for_twenty_one_days_on_a_phone_without_a_script(live_server, clock, phone):
    cast = make_cast()
    group = make_group("阅读打卡", branch=cast.hangzhou)
    member = make_member("子涵妈妈", [group])
    book = prize_create(by=cast.lin, now=NOW, title="签名绘本", stock=3)
    programme = make_programme(
        group, now=NOW, last_day=FIRST + DAY * 20, free_cards=1,
        thresholds=[ThresholdDraft("streak", 7, 20), ThresholdDraft("streak", 21, 0, book)],
    )  # fmt: skip
    phone_of(member)  # who agrees to the consent text, where there is one
    link = link_make(by=cast.mei, now=NOW, member=member, group=group)
    phone.goto(f"{live_server.url}/m/i/{link_code(link)}/")
    phone.get_by_role("button", name="That is me").click()
    phone.get_by_role("link", name="Check in").click()
    for number in range(21):
        clock.now = NOW + DAY * number
        if number == 4:
            continue  # forgotten
        if number not in (*range(4), 5, 6, 13, 20):
            say(member, group, "打卡 今天读了三页", clock.now)
            continue
        phone.reload() if number != 5 else phone.goto(phone.url.partition("?")[0])
        expect(phone.locator(".checkin-day")).to_have_text(f"Day {number + 1} of 21")
        phone.get_by_role("button", name="Check in").click()
        expect(phone.locator(".checkin-done")).to_contain_text("Done for today")
        if number == 5:
            expect(phone.locator(".checkin-figures strong").first).to_have_text("1")
            phone.locator("button[value='2026-03-06']").click()
            expect(phone.locator(".checkin-figures strong").first).to_have_text("6")
            assert points_of(member) == 0
    expect(phone.locator(".checkin-figures strong").first).to_have_text("21")
    expect(phone.locator(".checkin-steps .is-reached")).to_have_count(2)
    expect(phone.locator("td.is-counted")).to_have_count(20)
    expect(phone.locator("td.is-made_up")).to_have_count(1)
    assert (points_of(member), Award.objects.get().prize) == (20, book)
    clock.now = NOW + DAY * 30
    check_ins_tick(now=clock.now)
    phone.reload()
    expect(phone.locator(".checkin-now")).to_contain_text("This programme is over.")
    assert CheckInStanding.objects.get(programme=programme).current == 21
