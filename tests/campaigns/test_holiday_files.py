"""Days off come from the calendars and tables that others publish."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile

from campaigns.models import SpecialDay
from campaigns.posts.services.holiday_files import days_from_file
from tests.base import Cast

CALENDAR = """BEGIN:VCALENDAR\r
VERSION:2.0\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20281001\r
DTEND;VALUE=DATE:20281004\r
SUMMARY:国庆节\\, 放\r
 假\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20281007\r
SUMMARY:国庆节 补班\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;TZID=Asia/Shanghai:20290101T000000\r
DTEND;TZID=Asia/Shanghai:20290102T000000\r
SUMMARY:元旦\r
END:VEVENT\r
END:VCALENDAR\r
"""


def read(text: str, encoding: str = "utf-8") -> list[tuple[str, str, str]]:
    return [(str(each.day), each.name, each.kind) for each in days_from_file(text.encode(encoding))]


@pytest.mark.once
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_calendar_names_days_off_and_weekends_that_are_worked(encoding):
    assert read(CALENDAR, encoding) == [
        ("2028-10-01", "国庆节, 放假", "off"),
        ("2028-10-02", "国庆节, 放假", "off"),
        ("2028-10-03", "国庆节, 放假", "off"),
        ("2028-10-07", "国庆节 补班", "working"),
        ("2029-01-01", "元旦", "off"),
    ]


@pytest.mark.once
def test_a_table_has_a_day_or_a_range_a_name_and_a_kind():
    table = "日期,名称,类型\n2028/10/1,2028/10/2,国庆节,休\n20281007,国庆节,上班\n\n2029-01-01,元旦\n"
    assert read(table) == [
        ("2028-10-01", "国庆节", "off"),
        ("2028-10-02", "国庆节", "off"),
        ("2028-10-07", "国庆节", "working"),
        ("2029-01-01", "元旦", "off"),
    ]


@pytest.mark.once
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "at least one day"),
        (b"\xff\xfe\x00", "neither UTF-8"),
        (b"x" * 600_000, "larger than 512 KB"),
        (b"2028-10-01,A\nnonsense,B\n", "Line 2 cannot be read"),
        (CALENDAR.replace("SUMMARY:元旦", "RRULE:FREQ=YEARLY\r\nSUMMARY:元旦").encode(), "repeats"),
        (CALENDAR.replace("20281007", "20281399").encode(), "no day that can be read"),
        (b"BEGIN:VCALENDAR\nEND:VCALENDAR", "names no day"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(data, said):
    with pytest.raises(ValidationError) as error:
        days_from_file(data)
    assert set(error.value.message_dict) == {"file"}
    assert said in " ".join(error.value.messages)


@pytest.mark.django_db
def test_an_administrator_enters_a_file_for_one_branch(client, cast: Cast):
    client.force_login(cast.lin)
    file = SimpleUploadedFile("2028.ics", CALENDAR.encode(), content_type="text/calendar")
    answer = client.post("/settings/sending/days/", {"file": file, "branch": cast.hangzhou.pk})
    assert answer.status_code == 302
    assert set(SpecialDay.objects.values_list("branch", flat=True)) == {cast.hangzhou.pk}
    assert SpecialDay.objects.get(day=date(2028, 10, 7)).kind == "working"
    page = client.get("/settings/sending/").content.decode()
    assert page.count(f">{cast.hangzhou.name}</span>") == 5
    row = SpecialDay.objects.earliest("day")
    assert client.post(f"/settings/sending/days/{row.pk}/remove/").status_code == 302
    bad = SimpleUploadedFile("x.csv", b"nonsense,A\nalso,B")
    answer = client.post("/settings/sending/days/", {"file": bad})
    assert answer.status_code == 422
    assert "Line 1 cannot be read" in answer.content.decode()
