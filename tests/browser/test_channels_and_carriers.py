"""What a channel costs is written down, imported and followed to the members; invitations are opened by keyboard."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_work import open_page

pytestmark = pytest.mark.browser
CHANNEL = "official-account"
PATIENT = 30_000  # milliseconds: a worker has to take the file up


def numbers_of(page: Page) -> list[float]:
    """Joins, spend and cost per join of the channel."""
    cells = page.locator("#report tbody tr").filter(has_text=CHANNEL).locator("td")
    texts = (cells.nth(place).inner_text().split()[0] for place in (1, 5, 6))
    return [float(text.strip("¥").replace(",", "")) for text in texts]


def test_spend_that_is_written_down_makes_a_join_dearer_and_the_number_opens_who_joined(as_staff):
    page = open_page(as_staff("lin"), f"/reports/channels/?preset=90d&q={CHANNEL}")
    joins, spend, per_join = numbers_of(page)
    assert per_join == pytest.approx(spend / joins, abs=0.006)
    page.get_by_role("link", name="Write down spend").click()
    page.locator("[name=channel]").fill(CHANNEL)
    page.locator("[name=amount]").fill("1000")
    day = datetime.now(ZoneInfo("Asia/Shanghai")) - timedelta(days=10)
    page.locator("[name=first_day]").fill(f"{day:%Y-%m-%d}")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("Spend on channels")

    page.goto("/reports/channels/")
    # The bar narrows the list without leaving the page, and keeps the last 90 days as such.
    page.get_by_role("searchbox", name="Code of a channel").fill(CHANNEL)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"preset=90d&q={CHANNEL}$"))
    expect(page.locator("#report tbody tr")).to_have_count(1)
    assert numbers_of(page) == pytest.approx([joins, spend + 1000, (spend + 1000) / joins], abs=0.006)
    cost = page.get_by_role("button", name="What is “Cost per join”?")
    cost.click()
    expect(page.locator("#explain-per_join")).to_contain_text("Asia/Shanghai")
    page.keyboard.press("Escape")

    page.locator("#report tbody tr td").nth(1).get_by_role("link").first.click()
    expect(page.locator("h1")).to_have_text("Members behind a number")
    expect(page.locator(".list-count")).to_contain_text(f"of {joins:,.0f}")


def test_a_wrong_row_of_an_imported_file_says_why(as_staff):
    page = open_page(as_staff("lin"), "/imports/?kind=spend")
    rows = [
        "channel,first day,last day,amount,currency",
        "poster-9,2026-01-05,2026-01-11,700,CNY",
        "poster-9,2026-01-12,2026-01-01,700,CNY",
    ]
    page.locator("input[type=file]").set_input_files(
        {"name": "spend.csv", "mimeType": "text/csv", "buffer": "\n".join(rows).encode()}
    )
    page.get_by_role("button", name="Upload").click()
    reason = page.locator(".preview-reasons li")
    expect(reason).to_contain_text("Line 3:")
    page.get_by_role("button", name="Start the import").click()
    figures = page.locator(".import-state .figure")
    expect(figures).to_have_text(["2", "1", "0", "1"], timeout=PATIENT)
    with page.expect_download() as download:
        page.get_by_role("link", name="Rejected rows with reasons").click()
    rejected = download.value.path().read_text(encoding="utf-8-sig")
    assert "2026-01-12" in rejected
    assert "last day" in rejected.casefold()


def test_invitations_are_followed_by_keyboard_and_the_leaderboard_is_narrowed(as_staff):
    page = open_page(as_staff("ana", width=390, theme="dark"), "/reports/carriers/tree/")
    first = page.locator(".tree > li > details").first
    first.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(first).to_have_attribute("open", "")
    page.keyboard.press("Tab")
    expect(first.get_by_role("link", name="Open the page of this member").first).to_be_focused()
    page.keyboard.press("Tab")
    deeper = page.locator(".tree details details > summary, .tree li > a").filter(has=page.locator(":focus"))
    assert page.evaluate("document.activeElement.closest('.tree ul') !== null"), deeper

    page.goto("/reports/carriers/")
    every = page.locator("#report tbody tr").count()
    page.locator("[data-group-picker] > summary").click()
    page.locator("#groups-found label.pick").first.click()
    expect(page).to_have_url(re.compile(r"preset=90d&.*group=\d+|group=\d+.*preset=90d"))
    expect(page.locator("[data-asked]")).to_contain_text("Groups")
    expect(page.locator("#report tbody tr")).not_to_have_count(0)
    assert every > 1
    save = page.get_by_role("link", name="Save this report")
    expect(save).to_have_attribute("href", re.compile(r"group=\d+"))
