"""A prize is sent from the page of today on a phone: its number typed, marked, taken back, without leaving the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_prize_is_marked_as_sent_in_place_and_taken_back(demo, as_staff):
    page = as_staff("mei", width=390).new_page()
    page.goto("/today/")
    page.evaluate("window.stillHere = true")
    action = page.locator("form[action$='/sent/']").first.get_attribute("action")
    form = page.locator(f"form[action='{action}']")

    form.get_by_role("textbox").fill("顺丰 SF1")
    page.keyboard.press("Enter")

    expect(form).to_have_count(0)
    page.locator(".note-undo").last.click()
    expect(form).to_have_count(1)
    assert page.evaluate("window.stillHere")
