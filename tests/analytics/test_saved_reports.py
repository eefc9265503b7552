"""Reports that people keep under a name, share, and pin on a dashboard of their own."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape, strip_tags

from accounts.models import AuditEntry
from analytics.models import Pin, SavedReport
from analytics.saved.models import MOST_PINS
from analytics.saved.registry import KINDS
from analytics.saved.services import (
    PinsFull,
    StaleReport,
    report_change,
    report_delete,
    report_pin,
    report_restore,
    report_save,
    report_unpin,
)
from members.segments.services import segment_create
from tests.builders import NOW, make_group, make_member
from tests.races import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def keep(by, question="preset=30d", name="Actives", kind="activity", sharing="owner"):
    return report_save(by=by, now=NOW, kind=kind, question=question, name=name, sharing=sharing)


def names(user):
    return sorted(SavedReport.objects.visible_to(user).values_list("name", flat=True))


def shown(user):
    return [pin.report.name for pin in Pin.objects.on_dashboard_of(user)]


def test_a_manager_saves_a_report_from_its_page_and_finds_it_on_the_dashboard(cast):
    make_member("Ann", groups=[make_group()])
    ana = browser(cast.ana)
    html = ana.get("/reports/activity/?preset=7d&metric=total").content.decode()
    address = re.search(r'href="(/reports/saved/new/[^"]+)"', html)[1].replace("&amp;", "&")
    assert "Last 7 days" in ana.get(address).content.decode()
    response = ana.post(address, {"name": "Events of the week", "sharing": "all", "pin": "on"}, follow=True)
    assert response.redirect_chain[-1][0] == "/reports/dashboard/"
    assert "Events of the week" in response.content.decode()
    report = SavedReport.objects.get()
    assert (report.owner, report.kind, report.sharing) == (cast.ana, "activity", "all")
    assert AuditEntry.objects.get(action="report.saved").actor == cast.ana
    card = ana.get(f"/reports/dashboard/{report.pk}/").content.decode()
    assert re.search(r'figure-label">Events .*?figure num">1<', card, re.DOTALL)
    assert 'data-plot="card-' in card
    assert "<details" in card


def test_the_list_tells_reports_of_one_name_apart_on_a_phone_too(cast):
    keep(cast.ana, sharing="all")
    keep(cast.mei, sharing="all")
    rows = re.findall(
        r'<span class="row-sub d-md-none">(.*?)</span></td>', browser(cast.ana).get("/reports/saved/").content.decode()
    )
    assert sorted(strip_tags(row) for row in rows) == ["Activity", "Activity · mei"]


def test_a_range_is_said_in_chinese_with_chinese_punctuation(cast):
    ana = browser(cast.ana)
    ana.cookies["language"] = "zh-hans"
    report = keep(cast.ana)
    assert "近 30 天，2026年2月1日 – 2026年3月2日" in ana.get(f"/reports/dashboard/{report.pk}/").content.decode()


def test_a_name_is_asked_for_and_a_question_that_makes_no_sense_is_not_kept(cast):
    mei = browser(cast.mei)
    response = mei.post("/reports/saved/new/?report=funnel", {"name": " ", "sharing": "nobody"})
    assert response.status_code == 422
    assert "is-invalid" in response.content.decode()
    assert mei.get("/reports/saved/new/?report=nothing").status_code == 404
    assert mei.get("/reports/saved/new/?report=activity&metric=nonsense").status_code == 302
    assert not SavedReport.objects.exists()
    with pytest.raises(ValidationError):
        keep(cast.mei, name="  ")


@pytest.mark.parametrize(
    ("kind", "asked", "kept"),
    [
        ("activity", "preset=30d&metric=total&by=&page=3", "metric=total&kind=%2A&window=7&preset=30d"),
        (
            "activity",
            "preset=7d&from=2026-01-01&to=2026-01-31&interval=week",
            "metric=unique&interval=week&kind=%2A&window=7&from=2026-01-01&to=2026-01-31",
        ),
        (
            "retention",
            "period=day",
            "period=day&intervals=8&mode=first_time&measure=on&start=%2A&back=%2A&least=1&what=activity",
        ),
        (
            "funnel",
            "step=joined&step=ordered&through=&through=&order=strict",
            "step=joined&step=ordered&window=14&unit=day&order=strict&touch=first_touch&preset=90d",
        ),
    ],
)
def test_what_was_relative_stays_relative_and_dates_that_were_typed_stay(cast, kind, asked, kept):
    response = browser(cast.mei).post(
        f"/reports/saved/new/?report={kind}&{asked}", {"name": "Mine", "sharing": "owner"}
    )
    assert response.status_code == 302, response.content.decode()
    assert SavedReport.objects.get().question == kept


def test_the_last_30_days_move_along(cast, at_noon):
    report = keep(cast.mei, "preset=7d")
    mei = browser(cast.mei)
    assert "24 Feb 2026 – 2 Mar 2026" in mei.get(f"/reports/dashboard/{report.pk}/").content.decode()
    at_noon.move_to(NOW + timedelta(days=10))
    assert "6 Mar 2026 – 12 Mar 2026" in mei.get(f"/reports/dashboard/{report.pk}/").content.decode()


def test_who_sees_a_report_is_up_to_its_owner(cast):
    keep(cast.mei, name="mine")
    keep(cast.mei, name="branch", sharing="branch")
    keep(cast.mei, name="all", sharing="all")
    keep(cast.lin, name="headquarters", sharing="branch")
    assert names(cast.mei) == ["all", "branch", "mine"]
    assert names(cast.out) == ["all"]
    assert names(cast.ana) == names(cast.lin) == ["all", "branch", "headquarters"]


def test_only_the_owner_and_headquarters_change_a_report_and_two_editors_are_told(cast):
    report = keep(cast.mei, sharing="all")
    for person, status in ((cast.mei, 200), (cast.lin, 200), (cast.ana, 403), (cast.out, 403)):
        assert browser(person).get(f"/reports/saved/{report.pk}/edit/").status_code == status
    sent = {"name": "Renamed", "sharing": "owner", "version": 1}
    assert browser(cast.mei).post(f"/reports/saved/{report.pk}/edit/", sent).status_code == 302
    late = browser(cast.mei).post(f"/reports/saved/{report.pk}/edit/", {**sent, "name": "Too late"})
    assert late.status_code == 409
    assert "Too late" in late.content.decode()
    report.refresh_from_db()
    assert (report.name, report.sharing, report.version) == ("Renamed", "owner", 2)


def test_deleting_can_be_undone_and_the_pin_comes_back_with_it(cast):
    report = keep(cast.mei, sharing="all")
    for person in (cast.mei, cast.out):
        report_pin(user=person, report=report)
    page = browser(cast.mei).post(f"/reports/saved/{report.pk}/delete/", follow=True).content.decode()
    undo = re.search(rf'action="(/reports/saved/{report.pk}/restore/[^"]*)"', page)[1]
    assert shown(cast.mei) == shown(cast.out) == []
    assert browser(cast.out).post(undo).status_code == 404
    browser(cast.mei).post(undo)
    assert shown(cast.mei) == shown(cast.out) == ["Actives"]
    report_delete(by=cast.mei, now=NOW, report=report)
    keep(cast.mei)
    assert SavedReport.objects.filter(pk=report.pk).exists()
    # A day later it is gone for good, with the next that is saved.
    report_save(by=cast.mei, now=NOW + timedelta(days=2), kind="funnel", question="", name="Next")
    assert not SavedReport.objects.filter(pk=report.pk).exists()
    assert report_restore(by=cast.mei, report=report) is False


def test_a_reader_sees_only_what_they_may_whatever_the_report_asks_for(cast):
    mine, theirs = make_group("阅读 <b>", branch=cast.hangzhou), make_group("Maths", branch=cast.chengdu)
    make_member("Ann", groups=[mine])
    make_member("Dee", groups=[theirs])

    segment = segment_create(by=cast.mei, now=NOW, name="Mine", definition=SEGMENT)
    everything = keep(cast.mei, "preset=7d", name="Everything", sharing="all")
    limited = keep(cast.mei, f"preset=7d&group={mine.pk}&segment={segment.pk}", name="Limited", sharing="all")

    def number(user, report):
        html = browser(user).get(f"/reports/dashboard/{report.pk}/").content.decode()
        found = re.search(r'figure num">(\d+)<', html)
        return found and found[1], html

    assert [number(user, everything)[0] for user in (cast.lin, cast.mei, cast.out)] == ["2", "1", "1"]
    assert number(cast.mei, limited)[0] == "1"
    figure, html = number(cast.out, limited)
    assert figure is None
    assert "not yours to see" in html
    assert "Groups, Segment" in html
    assert escape(mine.name) not in html
    refused = browser(cast.out).get(f"/reports/saved/{limited.pk}/")
    assert refused.status_code == 403
    assert "Groups, Segment" in refused.content.decode()
    assert "/reports/activity/?preset=7d&quot;" not in refused.content.decode()
    assert 'href="/reports/activity/?preset=7d"' in refused.content.decode()
    assert browser(cast.mei).get(f"/reports/saved/{limited.pk}/").headers["Location"].startswith("/reports/activity/?")


SEGMENT = {"all": [{"field": "name", "op": "contains", "value": "n"}]}


def test_pins_keep_their_order_and_there_is_room_for_twelve(cast):
    reports = [keep(cast.lin, name=f"R{n:02}", sharing="all") for n in range(MOST_PINS + 1)]
    for report in reports[:MOST_PINS]:
        report_pin(user=cast.ana, report=report)
        report_pin(user=cast.ana, report=report)
    with pytest.raises(PinsFull):
        report_pin(user=cast.ana, report=reports[-1])
    full = browser(cast.ana).post(f"/reports/saved/{reports[-1].pk}/pin/", follow=True).content.decode()
    assert "Your dashboard is full" in full
    browser(cast.ana).post(f"/reports/dashboard/{reports[2].pk}/move/", {"to": "earlier"})
    browser(cast.ana).post(f"/reports/dashboard/{reports[0].pk}/move/", {"to": "earlier"})
    assert shown(cast.ana)[:4] == ["R02", "R00", "R01", "R03"] or shown(cast.ana)[:4] == ["R00", "R02", "R01", "R03"]
    order = f"{reports[11].pk},999999,x,{reports[5].pk},{reports[11].pk}"
    assert browser(cast.ana).post("/reports/dashboard/order/", {"order": order}).status_code == 204
    assert shown(cast.ana)[:2] == ["R11", "R05"]
    assert len(shown(cast.ana)) == MOST_PINS
    # Off, and by Undo back to where it stood.
    page = browser(cast.ana).post(f"/reports/saved/{reports[5].pk}/unpin/", follow=True).content.decode()
    assert len(shown(cast.ana)) == MOST_PINS - 1
    browser(cast.ana).post(re.search(r'action="([^"]+at=1[^"]*)"', page)[1].replace("&amp;", "&"))
    assert shown(cast.ana)[:2] == ["R11", "R05"]
    # What is shared no more takes no room.
    report_change(by=cast.lin, now=NOW, report=reports[0], name="R00", sharing="owner", version=1)
    report_pin(user=cast.ana, report=reports[-1])
    assert len(shown(cast.ana)) == MOST_PINS
    assert report_unpin(user=cast.mei, report=reports[0]) is None


def test_the_dashboard_and_the_list_ask_the_database_as_often_for_many_as_for_few(cast):
    def count(address):
        lin = browser(cast.lin)
        lin.get(address)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            html = lin.get(address).content.decode()
        return len(asked), html

    for n in range(2):
        report_pin(user=cast.lin, report=keep(cast.lin, name=f"R{n}"))
    few = [count("/reports/dashboard/")[0], count("/reports/saved/")[0]]
    for n in range(2, MOST_PINS):
        report_pin(user=cast.lin, report=keep(cast.lin, name=f"R{n}"))
    board, html = count("/reports/dashboard/")
    assert html.count('hx-trigger="load"') == MOST_PINS
    assert [board, count("/reports/saved/")[0]] == few


def test_an_empty_dashboard_leads_to_the_reports(cast):
    assert (
        'href="/reports/' in browser(cast.ana).get("/reports/dashboard/").content.decode().partition("empty-state")[2]
    )
    keep(cast.ana)
    assert (
        'href="/reports/saved/"'
        in browser(cast.ana).get("/reports/dashboard/").content.decode().partition("empty-state")[2]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_report_answers_on_a_card_with_chart_and_table(cast, kind):
    make_member("Ann", groups=[make_group()])
    report = keep(cast.mei, "", kind=kind, sharing="all")
    for person in (cast.mei, cast.lin):
        response = browser(person).get(f"/reports/dashboard/{report.pk}/")
        assert response.status_code == 200
        assert "As of" in response.content.decode()
    broken = keep(cast.lin, "preset=nonsense&metric=x&period=x&step=x&days=x", kind=kind)
    assert "understood no more" in browser(cast.lin).get(f"/reports/dashboard/{broken.pk}/").content.decode()


def test_a_report_whose_page_is_gone_is_not_found(cast):
    report = keep(cast.lin, kind="gone")
    assert browser(cast.lin).get(f"/reports/saved/{report.pk}/").status_code == 404
    assert browser(cast.lin).get(f"/reports/dashboard/{report.pk}/").status_code == 404
    assert "gone" in browser(cast.lin).get("/reports/saved/").content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer at a time")
def test_of_many_pins_at_once_twelve_stay(cast):
    reports = [keep(cast.lin, name=f"R{n}") for n in range(MOST_PINS + 3)]
    outcomes = at_once(lambda n: report_pin(user=cast.lin, report=reports[n]), len(reports))
    assert sum(isinstance(outcome, PinsFull) for outcome in outcomes) == 3
    assert sorted(Pin.objects.values_list("position", flat=True)) == list(range(MOST_PINS))


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer at a time")
def test_of_two_editors_at_once_one_is_told(cast):
    report = keep(cast.lin)

    def rename(n):
        return report_change(by=cast.lin, now=NOW, report=report, name=f"N{n}", sharing="all", version=1)

    assert sum(isinstance(outcome, StaleReport) for outcome in at_once(rename, 2)) == 1
