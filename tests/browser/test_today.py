"""A morning on the page of today: one thing after the other with the keyboard alone, without leaving the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

# Where the focus is: on a bundle that is closed, on a row that offers an act, or elsewhere.
WHERE = """() => {
  const at = document.activeElement;
  if (!at.matches('.row-link')) return 'elsewhere';
  if (at.matches('summary')) return at.parentElement.open ? 'open bundle' : 'closed bundle';
  return at.closest('li.task')?.querySelector('.task-acts button') ? 'row' : 'elsewhere';
}"""


def act_on_next(page: Page) -> None:
    """Moves down to a row that something can be done with, opening what is closed, and presses its first button."""
    for _step in range(40):
        where = page.evaluate(WHERE)
        if where == "row":
            break
        if where == "closed bundle":
            page.keyboard.press("Enter")
        page.keyboard.press("j")
    assert page.evaluate(WHERE) == "row"
    before = int(page.locator("#needs-count").inner_text())
    page.keyboard.press("x")
    expect(page.locator("#needs-count")).to_have_text(str(before - 1))
    expect(page.locator(".row-link:focus")).to_have_count(1)


def test_five_things_are_done_and_one_taken_back_by_keyboard_without_a_page_load(demo, as_staff):
    page = as_staff("mei").new_page()
    page.goto("/today/")
    page.evaluate("window.stillHere = true")
    for _thing in range(5):
        act_on_next(page)
    for _thing in range(5):
        if page.locator(".note-undo").count():
            break
        act_on_next(page)

    left = int(page.locator("#needs-count").inner_text())
    page.locator(".note-undo").last.focus()
    page.keyboard.press("Enter")

    expect(page.locator("#needs-count")).to_have_text(str(left + 1))
    assert page.evaluate("window.stillHere")
    page.reload()
    expect(page.locator("#needs-count")).to_have_text(str(left + 1))
