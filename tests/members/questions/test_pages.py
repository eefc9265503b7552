"""Questions in the console: the queue, the report with what is behind it, knowledge, hours and duty."""

from __future__ import annotations

import csv
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from members.models import ClosedDay, Knowledge, Question, ServiceHours
from members.questions.querysets import VERDICTS
from members.questions.services import answer_accept, question_close, question_withdraw
from tests.base import Cast
from tests.builders import NOW, make_group, make_member
from tests.members.questions.things import answer, ask, hours

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def as_mei(client, cast: Cast):
    client.force_login(cast.mei)
    return client


@pytest.fixture
def as_lin(client, cast: Cast):
    client.force_login(cast.lin)
    return client


def exported(response) -> list[list[str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(text.splitlines()))[1:]


def make_all_sorts(cast: Cast) -> None:
    """Two groups, two days, and each way in which a question may count."""
    hours(NOW - timedelta(days=3))
    groups = [make_group("杭州群", branch=cast.hangzhou), make_group("成都群", branch=cast.chengdu)]
    for group in groups:
        member = make_member("子涵妈妈", [group], now=NOW - timedelta(days=5))
        for day, at in enumerate([NOW - timedelta(days=1), NOW - timedelta(hours=1)]):
            for number, seconds in enumerate([10, 60, 61, 500]):
                answer(ask(member, group, at, f"{day}{number} 怎么打卡"), cast.lin, at + seconds * SECOND)
            ask(member, group, at, f"{day} 还没人回答")
            for reason, seconds in (("elsewhere", 100), ("elsewhere", 5), ("no_question", 100)):
                row = ask(member, group, at, f"{day} {reason} {seconds}")
                question_close(by=cast.lin, now=at + seconds * SECOND, question=row, reason=reason)
            question_withdraw(now=at + 90 * SECOND, member=member, question=ask(member, group, at, f"{day} 算了"))
        ask(member, group, NOW - 30 * SECOND, "刚刚问的")


def test_every_figure_of_the_report_is_the_number_of_questions_behind_it_and_of_its_export(cast, as_lin, clock):
    make_all_sorts(cast)
    for by in ("group", "branch", "day"):
        check_report(as_lin, by)


def check_report(as_lin, by: str) -> None:
    page = as_lin.get(reverse("members:questions_report"), {"by": by}).context
    assert sum(row["line"].asked for row in page["lines"]) == Question.objects.count() == page["total"]["line"].asked
    assert {verdict: page["total"]["line"].counts[verdict] for verdict in VERDICTS} == {
        "in_time": 8,
        "late": 16,
        "waiting": 2,
        "left_out": 12,
    }
    for row in [page["total"], *page["lines"]]:
        assert sum(row["line"].counts.values()) == row["line"].asked, "each question counts in exactly one way"
        for verdict, url in row["urls"].items():
            figure = row["line"].counts[verdict]
            listing = as_lin.get(url).context["listing"]
            assert listing.total == figure, (verdict, url)
            assert len(exported(as_lin.get(f"{url}&export=csv"))) == figure
        assert as_lin.get(row["asked_url"]).context["listing"].total == row["line"].asked
    lines = exported(as_lin.get(reverse("members:questions_report") + page["csv_url"]))
    assert [[int(cell) for cell in line[1:6]] for line in lines] == [
        [row["line"].asked, *(row["line"].counts[verdict] for verdict in VERDICTS)] for row in page["lines"]
    ]


def test_a_branch_sees_its_own_questions_only_and_the_queue_begins_with_the_nearest_deadline(cast, as_mei, clock):
    make_all_sorts(cast)
    page = as_mei.get(reverse("members:questions"))
    shown = [item.question for item in page.context["items"]]
    assert {question.group.name for question in shown} == {"杭州群"}
    assert [question.text for question in shown] == ["0 还没人回答", "1 还没人回答", "刚刚问的"]
    assert [item.is_late for item in page.context["items"]] == [True, True, False]
    assert page.context["items"][2].elapsed == 30
    overdue = as_mei.get(reverse("members:questions"), {"due": "over"})
    assert overdue.context["listing"].total == 2


def test_pages_ask_the_database_as_often_for_many_questions_as_for_few(cast, as_mei, clock):
    hours(NOW)
    names = ("questions", "questions_report", "knowledge", "duty", "questions_settings")
    addresses = [reverse("campaigns:today"), *(reverse(f"members:{name}") for name in names)]

    def fill(count: int, word: str) -> None:
        for number in range(count):
            group = make_group(branch=cast.hangzhou)
            member = make_member(groups=[group])
            ask(member, group, NOW, f"{word}{number} 怎么选书")
            known = ask(member, group, NOW, f"{word}{number} 怎么打卡")
            answer_accept(now=NOW, by=cast.mei, answer=answer(known, cast.mei, NOW))

    def asked(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert as_mei.get(address).status_code == 200
        return len(queries)

    fill(2, "a")
    few = [(asked(address), asked(address))[1] for address in addresses]
    fill(10, "b")
    assert [asked(address) for address in addresses] == few


def test_the_page_of_a_question_answers_with_what_is_known_and_says_who_is_on_it(cast, as_mei, clock):
    hours(NOW)
    group = make_group("阅读打卡", branch=cast.hangzhou)
    member = make_member("子涵妈妈", [group])
    answer_accept(
        now=NOW, by=cast.mei, answer=answer(ask(member, group, NOW, "打卡漏了怎么补"), cast.mei, NOW, "点补卡")
    )
    known = Knowledge.objects.get()
    row = ask(make_member("浩然爸爸", [group]), group, NOW, "孩子打卡漏了一天，怎么补？")
    page = reverse("members:question", args=[row.pk])
    assert as_mei.get(page).context["like"] == [known]
    assert as_mei.post(reverse("members:question_take", args=[row.pk])).status_code == 302
    assert "You are on it" in as_mei.get(page).content.decode()
    form = as_mei.get(page, {"use": known.pk}).context["form"]
    assert form["plan"].value() == "点补卡"
    assert as_mei.post(page, {"resource": "群文件"}).status_code == 422, "one of the first two parts is needed"
    assert as_mei.post(page, {"plan": "点补卡", "knowledge": known.pk}).status_code == 302
    row.refresh_from_db()
    known.refresh_from_db()
    assert (row.state, row.in_time, row.taken_by, known.used) == ("answered", True, None, 1)


def test_hours_are_decided_on_a_page_and_two_editors_are_told(cast, as_lin, clock):
    page = reverse("members:service_hours", args=["all", 0])
    shown = as_lin.get(page).context["form"]
    data = {name: "" if (value := shown[name].value()) is None else value for name in shown.fields}
    assert (data["day_0"], data["target_seconds"], data["version"]) == ("09:00-21:00", 60, 0)
    data |= {"day_0": "9:00-12:00，13:30–18:00", "day_6": "", "target_seconds": 90}
    assert as_lin.post(page, data).status_code == 302
    row = ServiceHours.objects.get()
    assert (row.windows[0], row.windows[6], row.version) == ([[540, 720], [810, 1080]], [], 1)
    assert as_lin.post(page, data).status_code == 409
    for wrong in ("9-12", "12:00-9:00", "9:00-12:00, 11:00-13:00", "9:00-25:00"):
        assert as_lin.post(page, {**data, "version": 1, "day_0": wrong}).status_code == 422, wrong
    assert as_lin.post(page, {**data, "version": 1, "timezone": "Nowhere/Else"}).status_code == 422


def test_closed_days_are_pasted_and_wrong_lines_are_named(cast, as_lin, clock):
    page = reverse("members:closed_days_add")
    response = as_lin.post(page, {"days": "2026-10-01 国庆节\n昨天\n2026-13-01"})
    assert response.status_code == 422
    assert re.search("昨天; 2026-13-01", response.content.decode())
    as_lin.post(page, {"days": "2026-10-01 国庆节\n2026/10/2\t国庆节\n2026年10月3日，国庆节\n"})
    assert [(f"{day.day}", day.name) for day in ClosedDay.objects.all()] == [
        ("2026-10-01", "国庆节"),
        ("2026-10-02", "国庆节"),
        ("2026-10-03", "国庆节"),
    ]
