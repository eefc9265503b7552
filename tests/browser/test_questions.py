"""A question from a phone without JavaScript to its answer in the console."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE

pytestmark = pytest.mark.browser

SIGN_IN = """
from django.utils import timezone
from members.models import Question
from members.visitors.services import link_code, link_make
row = Question.objects.filter(state="open").select_related("member", "group").first()
link = link_make(by=None, now=timezone.now(), member=row.member, group=row.group)
print("LINK", link_code(link), row.group.page_token)
"""


def test_a_member_asks_without_javascript_and_staff_answer(demo, chromium, as_staff):
    said = re.search(r"LINK (\S+) (\S+)", demo.python(SIGN_IN))
    phone = chromium.new_context(
        base_url=demo.url, locale="en", java_script_enabled=False, viewport={"width": PHONE, "height": 844}
    )
    page = phone.new_page()
    page.goto(f"/m/i/{said[1]}/")
    page.locator("main form button").first.click()
    page.goto(f"/m/g/{said[2]}/questions/")
    agree = page.get_by_role("button", name="I have read this and agree")
    if agree.count():
        agree.click()
        page.goto(f"/m/g/{said[2]}/questions/")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.locator("[name=text]").fill("打卡漏了两天还能补吗？")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_text("Does one of these help?")).to_be_visible()
    expect(page.locator("[name=text]")).to_have_value("打卡漏了两天还能补吗？")
    page.get_by_role("button", name="None of these: ask").click()
    expect(page.get_by_text("Nobody has answered yet")).to_be_visible()

    desk = as_staff("mei").new_page()
    desk.goto("/questions/?q=打卡漏了两天")
    desk.get_by_role("link", name="打卡漏了两天").click()
    desk.get_by_role("link", name="Use this answer").first.click()
    desk.get_by_role("button", name="Answer", exact=True).click()
    expect(desk.get_by_role("heading", name="Answer", exact=True)).to_be_visible()
    page.reload()
    page.get_by_role("button", name="This is it").click()
    expect(page.get_by_text("✓ This is it")).to_be_visible()
    phone.close()
