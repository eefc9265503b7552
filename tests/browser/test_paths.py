"""Ways that only a browser goes: the funnel is built, hours are drawn, a file is looked at, the digest is set."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_work import open_page

pytestmark = pytest.mark.browser
PATIENT = 30_000  # milliseconds: the first funnel after a start compiles its kernels


def test_steps_are_dragged_moved_by_keys_and_kept_in_the_address(as_staff):
    context = as_staff("ana")
    context.set_default_navigation_timeout(4 * PATIENT)
    page = open_page(context, "/reports/funnel/?step=joined&step=message&step=ordered&exclude=left&after=1")
    kinds = page.locator("[data-list] select[name=step]")

    def order():
        return kinds.evaluate_all("(selects) => selects.map((select) => select.value)")

    # By the grip, onto the place below the last one.
    page.locator("[data-grip]").first.drag_to(
        page.locator("[data-step]").nth(2), target_position={"x": 40, "y": 30}, steps=8
    )
    assert order() == ["message", "ordered", "joined"]
    expect(page).to_have_url(re.compile("step=message&.*step=ordered&.*step=joined"), timeout=PATIENT)
    kinds.nth(2).focus()
    page.keyboard.press("Alt+ArrowUp")
    assert order() == ["message", "joined", "ordered"]
    expect(page.locator("[data-said]")).to_have_text("Step moved to place 2")
    assert page.evaluate("document.activeElement.dataset.act") == "up"

    # The numbers in the exclusion follow the steps; the last one stays the last.
    page.get_by_role("button", name="Add a step").click()
    assert page.locator("select[name=before_step]").input_value() == "4"
    page.get_by_role("button", name="Remove the step").last.click()
    assert page.locator("select[name=before_step]").input_value() == "3"
    page.get_by_role("button", name="Leave out who meanwhile").click()
    expect(page.locator("li[data-excluded]")).to_have_count(2)
    page.get_by_role("button", name="Remove the exclusion").last.click()
    expect(page.locator("li[data-excluded]")).to_have_count(1)
    expect(page).to_have_url(re.compile("before_step=3"), timeout=PATIENT)
    expect(page.locator("#report canvas").first).to_be_visible(timeout=PATIENT)


def test_the_hours_are_drawn_and_the_table_beside_them_opens_the_readers(as_staff):
    page = open_page(as_staff("ana", width=390), "/reports/best-hour/?measure=activity&preset=30d")
    expect(page.locator(".plot-heat canvas").first).to_be_visible(timeout=PATIENT)
    page.locator(".heat-hours td a").first.click()
    expect(page.locator("h1")).to_have_text("Members behind a number", timeout=PATIENT)


def test_a_file_without_a_column_that_is_needed_says_which_and_shows_its_rows_once_it_is_chosen(as_staff, tmp_path):
    path = tmp_path / "spend.csv"
    path.write_text("渠道,花费,哪天\nposter7,80,2026-03-01\n", encoding="utf-8")
    page = open_page(as_staff("lin"), "/imports/?kind=spend")
    page.locator("input[type=file]").set_input_files(path)
    page.locator("form:has(input[type=file]) button").first.click()
    preview = page.locator("#preview")
    expect(preview).to_contain_text('Which column is "First day"?')
    page.locator("#column_first_day").select_option("哪天")
    expect(preview).to_contain_text("1 new")


def test_the_weekly_digest_is_set_in_the_profile(as_staff):
    page = open_page(as_staff("ana"), "/profile/")
    form = page.locator("#digest")
    form.get_by_label("Send me the week by e-mail").check()
    form.get_by_label("E-mail address").fill("")
    form.get_by_role("button", name="Save").click()
    expect(form.locator(".invalid-feedback")).to_have_text("Say where to send it.")
    expect(form.get_by_label("Send me the week by e-mail")).to_be_checked()
    form.get_by_label("E-mail address").fill("ana@example.com")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The weekly digest is on.")).to_be_visible()
    expect(form.get_by_label("E-mail address")).to_have_value("ana@example.com")


def test_the_letter_is_looked_at_in_its_own_style_before_it_comes(as_staff):
    context = as_staff("ana", width=390)
    page = open_page(context, "/profile/digest/")
    with context.expect_page(timeout=4 * PATIENT) as opened:
        page.get_by_role("link", name="Look at the letter").click()
    letter = opened.value
    expect(letter.locator("h1")).to_have_text("Your week")
    expect(letter.locator(".letter")).to_have_css("border-radius", "10px")
    assert letter.evaluate("document.documentElement.scrollWidth") == 390
