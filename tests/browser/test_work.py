"""A working day in the browser: what people do, from the first click to what comes of it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import PHONE
from tests.conftest import wait_until

pytestmark = pytest.mark.browser
SHANGHAI = ZoneInfo("Asia/Shanghai")


def open_page(context: BrowserContext, path: str) -> Page:
    page = context.new_page()
    page.goto(path)
    return page


def test_signing_in_leads_to_today_and_a_wrong_password_says_so(demo, as_staff):
    page = open_page(as_staff(), "/groups/")
    expect(page).to_have_url(re.compile(r"/sign-in/\?next="))
    page.locator("[name=username]").fill("mei")
    page.locator("[name=password]").fill("not-her-password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.locator("[name=password]").fill(demo.passwords["mei"])
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/groups/$"))
    page.get_by_role("button", name="Your menu").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile(r"/sign-in/"))


def test_a_group_is_made_a_post_planned_and_members_read_it(demo, as_staff):
    page = open_page(as_staff("mei"), "/groups/")
    page.get_by_role("link", name="Create a group").click()
    page.locator("[name=name]").fill("杭州·六年级阅读打卡")
    page.get_by_role("button", name="Keep as forming").click()
    expect(page.get_by_role("heading", name="六年级阅读打卡")).to_contain_text("Forming")

    page.get_by_role("link", name="Complete the positioning").first.click()
    answers = {
        "purpose": "每天一起读 20 分钟。",
        "pain_point": "家长没有时间陪读，孩子读不下去。",
        "usage_scene": "每晚睡前，在群里打卡。",
        "promise": "二十一天养成阅读习惯。",
        "slogan": "一起读，读得久。",
        "internal_slogan": "天天有回应。",
    }
    expect(page.get_by_role("button", name="Next", exact=True)).to_be_visible()
    for _step in range(10):
        for name, answer in answers.items():
            field = page.locator(f"[name={name}]")
            if field.is_visible():
                field.fill(answer)
        if page.locator("[name=motivation]").is_visible():
            page.locator("[name=motivation]").select_option("growth")
        if page.get_by_role("button", name="Open the group").is_visible():
            break
        page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_role("button", name="Open the group").click()
    expect(page.get_by_role("heading", name="六年级阅读打卡")).to_contain_text("Active")

    page.get_by_role("link", name="Plan a post").first.click()
    page.locator("[name=title]").fill("欢迎来到六年级")
    page.locator("[name=body]").fill("明天七点开始第一次共读 <b>请准备好书</b>")
    tomorrow = datetime.now(SHANGHAI) + timedelta(days=1)
    page.locator("[name=day]").fill(f"{tomorrow:%Y-%m-%d}")
    page.locator("[name=clock]").fill("07:00")
    expect(page.locator("#post-check")).to_contain_text("07:00")
    page.get_by_role("button", name="Plan the post").click()
    expect(page.get_by_role("heading", name="欢迎来到六年级")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Planned")

    demo.manage("dispatch_due", "--now", f"{tomorrow:%Y-%m-%d}T07:00:10+08:00")

    def sent() -> bool:
        page.reload()
        return page.locator("main .state", has_text="Sent").count() > 0

    wait_until(sent, seconds=30)
    page.get_by_role("link", name="六年级阅读打卡").first.click()
    page.get_by_role("link", name="Channel and page").click()
    address = page.locator("a[href*='/m/g/']").first.get_attribute("href")
    assert address
    phone = open_page(as_staff("", language="zh-hans", width=PHONE), address)
    expect(phone.get_by_role("heading", name="欢迎来到六年级")).to_be_visible()
    expect(phone.locator("article").first).to_contain_text("<b>请准备好书</b>")


def test_a_file_is_uploaded_looked_over_and_imported_and_its_rejected_rows_come_back(as_staff):
    page = open_page(as_staff("bo"), "/imports/")
    group = f"上传测试群 {datetime.now(SHANGHAI):%H%M%S}"
    rows = [f"2026-03-02 08:{minute:02},{group},上传成员{minute}" for minute in range(40)]
    content = "\n".join(["时间,群,成员", *rows, f"后天,{group},上传成员1"]).encode()
    page.locator("[name=file]").set_input_files({"name": "三月.csv", "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", name="三月.csv")).to_be_visible()
    expect(page.locator("main")).to_contain_text("1 rejected")
    page.get_by_role("button", name="Start the import").click()
    expect(page.get_by_role("link", name="Rejected rows with reasons")).to_be_visible(timeout=30_000)
    page.reload()
    expect(page.locator(".figure-box", has_text="Imported")).to_contain_text("40")
    with page.expect_download() as download:
        page.get_by_role("link", name="Rejected rows with reasons").click()
    assert "后天" in download.value.path().read_text(encoding="utf-8-sig")
    page.goto(f"/groups/?q={group}")
    expect(page.get_by_role("link", name=group)).to_be_visible()


def test_a_number_of_a_report_opens_the_members_behind_it(as_staff):
    page = open_page(as_staff("ana"), "/reports/funnel/")
    row = page.locator("main table tbody tr").nth(1)
    number = row.locator("a").first
    counted = number.inner_text()
    number.click()
    expect(page).to_have_url(re.compile(r"/reports/people/\?"))
    expect(page.locator("main")).to_contain_text(counted)
    expect(page.locator("main table tbody tr").first).to_be_visible()


def test_language_and_theme_are_switched_and_kept(as_staff):
    page = open_page(as_staff("yun"), "/today/")
    page.get_by_role("button", name="切换到简体中文").click()
    expect(page.get_by_role("heading", name="今天")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", re.compile("zh-hans", re.IGNORECASE))
    page.locator("[data-bs-toggle=dropdown].btn-user").click()
    with page.expect_response("**/theme/"):
        page.locator("button[name=theme][value=dark]").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.goto("/groups/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page.get_by_role("heading", name="群", exact=True)).to_be_visible()
    page.locator("[data-bs-toggle=dropdown].btn-user").click()
    with page.expect_response("**/theme/"):
        page.locator("button[name=theme][value=auto]").click()
    page.get_by_role("button", name="Switch to English").click()
    expect(page.get_by_role("heading", name="Groups", exact=True)).to_be_visible()


def test_the_keyboard_goes_everywhere(as_staff):
    page = open_page(as_staff("lin"), "/today/")
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search groups, members, pages")).to_be_focused()
    page.keyboard.type("阅读打卡 1")
    expect(page.get_by_role("listbox", name="Results").get_by_role("option").first).to_contain_text("阅读打卡 1 群")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="三年级阅读打卡 1 群")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile(r"/posts/$"))
    page.wait_for_load_state()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()


def test_the_menu_opens_on_a_phone(as_staff):
    page = open_page(as_staff("mei", width=PHONE), "/today/")
    expect(page.get_by_role("link", name="Groups", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Open the menu").click()
    page.get_by_role("link", name="Groups", exact=True).click()
    expect(page).to_have_url(re.compile(r"/groups/$"))


def test_a_stranger_applies_on_a_phone_and_reads_the_answer_in_another_language(as_staff, things):
    page = open_page(as_staff("", width=PHONE), f"/m/g/{things['page_token']}/join/")
    for box in page.locator("main textarea, main input[type=text]").all():
        if box.get_attribute("tabindex") != "-1":
            box.fill("wx_browser_test")
    for group in page.locator("main fieldset").all():
        group.locator("input[type=radio]").first.check()
    page.locator("[name=name]").fill("新来的家长")
    page.locator("main form button").click()
    expect(page).to_have_url(re.compile(r"/m/a/"))
    page.get_by_role("button", name="简体中文").click()
    expect(page).to_have_url(re.compile(r"/m/a/"))
    expect(page.locator("html")).to_have_attribute("lang", re.compile("zh-hans", re.IGNORECASE))
