"""A manager's morning: from the figure that moved to the members behind it, and what it means, by keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_figure_explains_itself_by_keyboard_and_the_range_changes_without_a_page_load(demo, as_staff):
    page = as_staff("ana").new_page()
    page.goto("/reports/")
    page.evaluate("window.stillHere = true")
    question = page.get_by_role("button", name="What is “Joined”?")
    question.focus()
    page.keyboard.press("Enter")
    box = page.get_by_role("dialog", name="Joined")
    expect(box).to_be_visible()
    expect(box).to_contain_text("Asia/Shanghai")
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(question).to_be_focused()

    before = page.locator(".overview-range").inner_text()
    page.get_by_text("7 days", exact=True).click()
    expect(page.locator(".overview-range")).not_to_have_text(before)
    page.wait_for_url("**days=7**")
    assert page.evaluate("window.stillHere")
    page.locator(".figure-box a[href*='figure=joined']").click()
    expect(page.locator("h1")).to_have_text("Members behind a number")


def test_a_part_that_fails_says_so_and_is_asked_again(demo, as_staff):
    page = as_staff("ana").new_page()
    page.route("**/reports/part/?part=figures-active*", lambda route: route.abort())
    page.goto("/reports/")
    part = page.locator("[data-late].is-failed")
    expect(part).to_contain_text("This part could not be loaded.")
    expect(part).to_have_attribute("aria-busy", "false")
    expect(page.get_by_role("button", name="Print")).to_be_disabled()
    page.unroute_all()
    part.get_by_role("button", name="Ask again").click()
    expect(page.locator(".figure-box a[href*='figure=active']")).to_be_visible(timeout=20_000)
    expect(page.locator("[data-late]")).to_have_count(0)
    expect(page.get_by_role("button", name="Print")).to_be_enabled()


def test_paper_is_white_out_of_a_dark_screen_where_no_chart_is_drawn(as_staff):
    page = as_staff("ana", theme="dark").new_page()
    page.goto("/reports/ranking/")
    assert page.evaluate(
        """() => ["", "beforeprint", "afterprint"].map((moment) => {
            if (moment) dispatchEvent(new Event(moment));
            return document.documentElement.dataset.bsTheme;
        })"""
    ) == ["dark", "light", "dark"]
