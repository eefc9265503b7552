"""The calendar in the browser: an entry moved by mouse and by keyboard, looked at, called off, and put back."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.browser.test_work import open_page

pytestmark = pytest.mark.browser
PATIENT = 30_000  # milliseconds: a page is loaded anew after each act
SHANGHAI = ZoneInfo("Asia/Shanghai")
PREPARE = """
import json
from django.utils import timezone
from accounts.models import User
from campaigns.posts.services import Schedule, post_create
from groups.services import group_create
mei, now = User.objects.get(username="mei"), timezone.now()
group = group_create(by=None, now=now, external_id="calendar-group", name="日历试验群", motivation="growth",
    purpose="一起读书", branch=mei.branch)
post = post_create(by=mei, now=now, title="日历试验", body="{group} 的朋友们好", groups=[group],
    schedule=Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY;COUNT=1", start="START"))
print(json.dumps(post.occurrences.get().pk))
"""
LOOK = """
import json
from campaigns.models import Occurrence
from delivery.models import Delivery
row = Delivery.objects.get(occurrence_id=PK)
print(json.dumps([row.due_at.isoformat(), row.state, Occurrence.objects.get(pk=PK).due_at.isoformat()]))
"""


def test_an_entry_is_dragged_carried_by_keys_read_as_its_group_will_called_off_and_put_back(demo, as_staff):
    # Wednesday of next week at noon: the days beside it are on the same page, whatever day it is.
    today = datetime.now(SHANGHAI).replace(hour=12, minute=0, second=0, microsecond=0)
    day = today + timedelta(days=9 - today.weekday())
    pk = json.loads(demo.python(PREPARE.replace("START", f"{day:%Y-%m-%dT%H:%M}")))

    def kept() -> tuple[datetime, str]:
        due, state, occurrence = json.loads(demo.python(LOOK.replace("PK", str(pk))))
        assert due == occurrence
        return datetime.fromisoformat(due).astimezone(SHANGHAI), state

    page = open_page(as_staff("mei"), f"/calendar/?view=week&day={day:%Y-%m-%d}&q=calendar-group")
    entry = page.locator(f"#e{pk}")
    expect(entry).to_contain_text("12:00", timeout=PATIENT)

    # By mouse, to the top of the hour two days later: nothing happens before it was read and sent.
    friday = day + timedelta(days=2, hours=3)
    cell = page.locator(f'.cal-cell[data-day="{friday:%Y-%m-%d}"][data-hour="15"]')
    entry.drag_to(cell, target_position={"x": 20, "y": 3})
    panel = page.locator("#calendar-panel")
    expect(panel).to_contain_text("To 1 group", timeout=PATIENT)
    expect(panel).to_contain_text("15:00")
    assert kept()[0] == day
    panel.get_by_role("button", name="Move", exact=True).click()
    expect(entry).to_contain_text("15:00", timeout=PATIENT)
    page.locator("#toasts .note").hover()  # while it is read, a note stays
    assert kept() == (friday, "planned")
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(entry).to_contain_text("12:00", timeout=PATIENT)
    assert kept()[0] == day

    # By keys: picked up, a day and half an hour later, put down.
    entry.focus()
    page.keyboard.press("m")
    expect(page.locator("#calendar-says")).to_contain_text("日历试验 is picked up")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator("#calendar-says")).to_contain_text("12:30")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("button", name="Move", exact=True)).to_be_focused(timeout=PATIENT)
    page.keyboard.press("Enter")
    expect(entry).to_contain_text("12:30", timeout=PATIENT)
    assert kept()[0] == day + timedelta(days=1, minutes=30)

    # The panel says what the group will read; from it this time is called off, and restored by Undo.
    entry.press("Enter")
    expect(panel.locator(".cal-read")).to_contain_text("日历试验群 的朋友们好", timeout=PATIENT)
    panel.get_by_role("button", name="Call off this one").click()
    expect(entry).to_have_class(re.compile("cal-called_off"), timeout=PATIENT)
    page.locator("#toasts .note").hover()
    assert kept()[1] == "cancelled"
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(entry).to_have_class(re.compile("cal-planned"), timeout=PATIENT)
    assert kept()[1] == "planned"

    # Stopping the whole post is previewed and leads back to the calendar.
    entry.press("Enter")
    panel.get_by_role("link", name="Stop…").click()
    expect(page.locator("main")).to_contain_text("1 delivery", timeout=PATIENT)
    page.get_by_role("button", name="Stop it for good").click()
    expect(entry).to_have_class(re.compile("cal-stopped"), timeout=PATIENT)
