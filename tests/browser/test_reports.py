"""Reports leave the browser: as a picture, on paper; and the dashboard is put in order by the mouse."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.test_work import open_page

pytestmark = pytest.mark.browser
PATIENT = 30_000  # milliseconds: the first report after a start compiles its kernels


def test_a_chart_is_saved_as_a_picture_by_keyboard_and_the_page_goes_onto_paper(as_staff, tmp_path):
    page = open_page(as_staff("ana", theme="dark"), "/reports/activity/?preset=7d&by=branch")
    refused = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    button = page.locator("[data-plot-save]").first
    expect(page.locator("[data-plot] canvas").first).to_be_visible(timeout=PATIENT)
    button.focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(".png")
    data = Path(download.value.path()).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">I", data[16:20]) == (2000,)  # 1000 wide, twice as fine
    # White, also out of a dark screen.
    corner = page.evaluate(
        """async (bytes) => {
            const picture = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/png" }));
            const pen = new OffscreenCanvas(1, 1).getContext("2d");
            pen.drawImage(picture, 0, 0);
            return [...pen.getImageData(0, 0, 1, 1).data];
        }""",
        list(data),
    )
    assert corner == [255, 255, 255, 255]

    # On paper: the question in words, no way around, tables as long as they are, in light.
    page.emulate_media(media="print")
    for gone in (".shell-nav", ".topbar", ".page-actions", ".report-form", "[data-plot-save]"):
        expect(page.locator(gone).first).to_be_hidden()
    expect(page.locator("[data-asked]")).to_contain_text("Asia/Shanghai")
    head = page.locator(".report-table thead").first
    assert head.evaluate("(head) => getComputedStyle(head).display") == "table-header-group"
    assert page.locator(".report-table").first.evaluate("(box) => getComputedStyle(box).maxHeight") == "none"
    page.evaluate(
        """() => addEventListener("beforeprint", () => {
            const width = document.querySelector(".plot-paper").style.width;
            document.body.dataset.onPaper = [document.documentElement.dataset.bsTheme, width];
        })"""
    )
    assert page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True).startswith(b"%PDF")
    assert page.locator("body").get_attribute("data-on-paper") == "light,640px"
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
    assert refused == []


def test_cards_of_the_dashboard_load_one_by_one_and_are_dragged(as_staff):
    page = open_page(as_staff("ana"), "/reports/dashboard/")
    cards = page.locator("[data-card]")
    expect(page.locator(".dash-body canvas")).to_have_count(cards.count(), timeout=PATIENT)
    expect(page.get_by_role("button", name="Print")).to_be_enabled()
    names = [card.get_attribute("data-name") for card in cards.all()]
    with page.expect_response("**/reports/dashboard/order/") as kept:
        cards.nth(0).locator("[data-grip]").drag_to(cards.nth(1), target_position={"x": 200, "y": 20})
    assert kept.value.status == 204
    expect(page.locator("[data-dash-says]")).to_contain_text("place 2")
    page.reload()
    expect(cards.first).to_have_attribute("data-name", names[1])
    # And back, with the button that does the same.
    page.locator("[data-card]").nth(1).locator('button[value="earlier"]').click()
    expect(cards.first).to_have_attribute("data-name", names[0], timeout=PATIENT)


def test_a_phone_reaches_every_figure_of_a_group_in_health_and_ranking(as_staff):
    page = open_page(as_staff("ana", width=390), "/reports/health/")
    row = page.locator(".list-card tbody tr").first
    for figure in ("Members", "Active, 7 days", "Noise", "Since"):
        expect(row.locator(".row-rest").get_by_text(figure)).to_be_visible()
    page.goto("/reports/ranking/")
    heads = page.locator(".list-card thead th")
    expect(heads).to_have_count(7)
    for head in heads.all():
        head.scroll_into_view_if_needed()
        expect(head).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def drawn(page, script):
    """What a script says of the first chart, as `chart`, and of what it was told to draw, as `told`."""
    expect(page.locator("[data-plot] canvas").first).to_be_visible(timeout=PATIENT)
    chart = 'const chart = echarts.getInstanceByDom(document.querySelector("[data-plot]")), told = chart.getOption();'
    return page.evaluate(f"() => {{ {chart} return {script}; }}")


def test_the_way_to_a_day_that_is_not_over_is_dotted(as_staff):
    page = open_page(as_staff("ana"), "/reports/activity/?preset=7d")
    names, dashes, values = drawn(
        page,
        """[
            told.series.map((line) => line.name),
            told.series.map((line) => [line.lineStyle.type].flat().join()),
            told.series.map((line) => line.data.map((point) => Number.isFinite(point?.value ?? point))),
        ]""",
    )
    assert names[0] == names[1]
    assert dashes[:2] == ["solid", "1,4"]
    assert values[:2] == [[True] * 6 + [False], [False] * 5 + [True] * 2]
    legend = drawn(page, 'chart.getModel().getComponent("legend").getData().map((entry) => entry.get("name"))')
    assert legend.count(names[0]) == 1
    # The members of such a day open by a click as well.
    x, y = drawn(page, "chart.convertToPixel({ seriesIndex: 1 }, [6, told.series[1].data[6].value])")
    page.locator("[data-plot]").first.click(position={"x": x, "y": y})
    page.wait_for_url("**/reports/people/**", timeout=PATIENT)


def test_a_month_that_is_alone_and_not_over_is_a_point(as_staff):
    page = open_page(as_staff("ana"), "/reports/activity/?preset=month&interval=month")
    assert drawn(page, "told.series[1].data.map((point) => point.symbol)") == ["emptyCircle"]
    parts = '{ name: "2026-02", dataIndex: 0, seriesId: "0" }, { name: "2026-02", dataIndex: 0, seriesId: "0 open" }'
    month, *told = drawn(page, f"told.tooltip[0].formatter([{parts}])").splitlines()
    assert month == "2026-02 …"
    assert len(told) == 1, "a line in two parts is told once"
