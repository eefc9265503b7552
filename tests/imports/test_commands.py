"""import_messages and import_orders on the command line."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from openpyxl import Workbook

from activity.models import Event
from campaigns.models import Order
from groups.models import Group
from members.models import JourneyStage, Member, Membership

pytestmark = pytest.mark.django_db

MESSAGES = """occurred_at,group,member
2026-03-01T09:00:00.123Z,readers,ann
2026-03-01 17:00:01,readers,ben
2026-03-01 17:00:01,readers,ben
"""
ORDERS = """member,ordered_at,amount,quantity,order_id,product,currency
ann,2026-03-01T09:00:00Z,"1,299.00",2,A-1,阅读课,
ben,2026/3/2 9:05,$99,,,,usd
"""


def run(command: str, path: Path, *options: str) -> tuple[dict[str, Any], str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(command, str(path), *options, stdout=out, stderr=err)
    return json.loads(out.getvalue().splitlines()[-1]), err.getvalue()


@pytest.fixture
def write(tmp_path: Path):
    def write(content: str | bytes, name: str = "file.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


class TestMessages:
    def test_a_file_is_imported_once(self, write):
        path = write(MESSAGES)
        assert run("import_messages", path)[0] == {"read": 3, "imported": 3, "duplicates": 0, "rejected": 0}
        assert run("import_messages", path)[0] == {"read": 3, "imported": 0, "duplicates": 3, "rejected": 0}
        assert Group.objects.get().external_id == "readers"
        assert set(Member.objects.values_list("external_id", flat=True)) == {"ann", "ben"}
        assert Membership.objects.count() == 2
        # Local times are those of the installation: 17:00 in Shanghai is 9:00 UTC.
        assert list(Event.objects.order_by("at", "pk").values_list("at", flat=True)) == [
            datetime(2026, 3, 1, 9, 0, 0, 123_000, tzinfo=UTC),
            datetime(2026, 3, 1, 9, 0, 1, tzinfo=UTC),
            datetime(2026, 3, 1, 9, 0, 1, tzinfo=UTC),
        ]

    def test_identical_rows_are_separate_events_also_over_batches(self, write, monkeypatch):
        monkeypatch.setattr("members.imports.runner.read_batches.__defaults__", (2,))
        path = write("occurred_at,group,member\n" + "2026-03-01T09:00:00Z,g,m\n" * 9)
        assert run("import_messages", path)[0]["imported"] == 9
        assert run("import_messages", path)[0]["duplicates"] == 9
        one_more = write("occurred_at,group,member\n" + "2026-03-01T17:00:00+08:00,g, m\n" * 10, "more.csv")
        assert run("import_messages", one_more)[0] == {"read": 10, "imported": 1, "duplicates": 9, "rejected": 0}

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            ("\ufeff".encode() + MESSAGES.encode(), "bom.csv"),
            (MESSAGES.replace("ann", "安娜").encode("gb18030"), "chinese.csv"),
            (gzip.compress(MESSAGES.encode(), mtime=0), "packed.csv.gz"),
            (
                gzip.compress(MESSAGES[:60].encode(), mtime=0) + gzip.compress(MESSAGES[60:].encode(), mtime=0),
                "members.csv.gz",
            ),
            (MESSAGES.replace(",", ";"), "semicolons.csv"),
            (MESSAGES.replace(",", "\t"), "tabs.csv"),
            (MESSAGES.replace("\n", "\r\n"), "windows.csv"),
            (MESSAGES.replace("\n", "\r"), "old-mac.csv"),
            (MESSAGES.strip(), "no-newline.csv"),
            (MESSAGES.replace("readers", '"rea\nders"'), "quoted-newline.csv"),
            (MESSAGES.replace("occurred_at,group,member", "发送时间,群名称,发送人"), "chinese-header.csv"),
            (MESSAGES.replace("occurred_at,group,member", "Sent At,Group Name,User ID"), "english-header.csv"),
        ],
    )
    def test_the_usual_kinds_of_file_are_understood(self, write, content, name):
        assert run("import_messages", write(content, name))[0]["imported"] == 3

    def test_a_spreadsheet_is_understood(self, tmp_path: Path):
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.append([])
        sheet.append(["时间", "群", "成员", "备注"])
        sheet.append([datetime(2026, 3, 1, 17, 0), "读书群", 1001, None])
        sheet.append([])
        sheet.append([date(2026, 3, 2), "读书群", 1001.0, "=1+1"])
        sheet.append(["2026-03-03 09:00", "读书群", "1002", None])
        sheet.append([None, "读书群", "1002"])
        book.save(tmp_path / "file.xlsx")
        result, errors = run("import_messages", tmp_path / "file.xlsx")
        assert result == {"read": 4, "imported": 3, "duplicates": 0, "rejected": 1}
        assert "line 7: Time is empty." in errors
        assert set(Member.objects.values_list("external_id", flat=True)) == {"1001", "1002"}
        assert Event.objects.order_by("at").values_list("at", flat=True)[0] == datetime(2026, 3, 1, 9, tzinfo=UTC)

    def test_kinds_and_channels_may_be_named(self, write):
        path = write(
            "occurred_at,group,member,kind,channel\n2026-03-01T09:00Z,g,m,joined,poster7\n2026-03-01T09:00Z,g,m,,\n"
        )
        run("import_messages", path)
        assert set(Event.objects.values_list("kind__slug", "channel__code")) == {
            ("joined", "poster7"),
            ("message", None),
        }

    def test_columns_may_be_named(self, write):
        path = write("wann,wo,wer\n2026-03-01T09:00Z,g,m\n")
        result, _errors = run(
            "import_messages", path, "--map=occurred_at=wann", "--map", "group=wo", "--map", "member=wer"
        )
        assert result["imported"] == 1

    def test_a_dry_run_writes_nothing(self, write):
        path = write(MESSAGES + "never,readers,ann\n")
        expected = {"read": 4, "imported": 3, "duplicates": 0, "rejected": 1, "dry_run": True}
        assert run("import_messages", path, "--dry-run")[0] == expected
        assert not Event.objects.exists()
        assert not Member.objects.exists()
        assert list(path.parent.iterdir()) == [path]

    def test_rejected_rows_go_to_a_file_that_can_be_mended_and_imported(self, write):
        path = write(
            "occurred_at,group,member,note\n"
            "2026-03-01T09:00:00Z,g,m,fine\n"
            "31/12/2026,g,m,day first\n"
            "2026-03-01T09:00:00Z,,m,\n"
            f"2026-03-01T09:00:00Z,g,{'x' * 121},\n"
            "2026-03-01T09:00:00Z,g,m,a,b\n"
            "2026-03-01T09:00:00Z,g\n"
        )
        result, errors = run("import_messages", path)
        assert result == {"read": 6, "imported": 1, "duplicates": 0, "rejected": 5}
        rejected = path.with_name("file.csv.rejected.csv")
        assert str(rejected) in errors
        rows = list(csv.DictReader(rejected.read_text(encoding="utf-8-sig").splitlines()))
        assert [row["line"] for row in rows] == ["3", "4", "5", "6", "7"]
        assert "Write it as 2026-03-01 09:00" in rows[0]["reason"]
        assert rows[0]["note"] == "day first"
        assert "5 cells" in rows[3]["reason"]
        mended = write(rejected.read_text(encoding="utf-8-sig").replace("31/12/2026", "2026-12-31"), "mended.csv")
        assert run("import_messages", mended)[0]["imported"] == 1

    def test_a_file_without_rejected_rows_leaves_no_such_file(self, write):
        path = write(MESSAGES + "never,g,m\n")
        run("import_messages", path)
        path.write_text(MESSAGES)
        run("import_messages", path)
        assert not path.with_name("file.csv.rejected.csv").exists()

    def test_a_row_of_a_megabyte_is_no_trouble(self, write):
        rows = f"2026-03-01T09:00:00Z,g,m,{'text ' * 220_000}\n2026-03-01T09:00:00Z,{'g' * 1_100_000},m,\n"
        result, _errors = run("import_messages", write("occurred_at,group,member,text\n" + rows))
        assert (result["imported"], result["rejected"]) == (1, 1)

    def test_a_quote_that_is_not_closed_is_rejected_with_what_it_swallowed(self, write):
        path = write(MESSAGES + '2026-03-01T09:00:00Z,"g,m\n' + "2026-03-01T09:00:00Z,g,m\n" * 600)
        result, errors = run("import_messages", path)
        assert (result["imported"], result["rejected"]) == (3, 1)
        assert "A quote is probably not closed" in errors

    def test_times_without_an_offset_are_local_to_the_zone_asked_for(self, write):
        run("import_messages", write("occurred_at,group,member\n2026-07-01 09:00,g,m\n"), "--timezone", "Europe/Berlin")
        assert Event.objects.get().at == datetime(2026, 7, 1, 7, tzinfo=UTC)

    @pytest.mark.parametrize(
        "text",
        ["2026年3月1日 9:05", "2026/3/1 9:05:00", "2026.3.1 9:05", "1772327100", "1772327100000", "20260301T0905"],
    )
    def test_times_are_read_as_people_write_them(self, write, text):
        run("import_messages", write(f"occurred_at,group,member\n{text},g,m\n"))
        assert Event.objects.get().at == datetime(2026, 3, 1, 1, 5, tzinfo=UTC)

    @pytest.mark.parametrize(
        "text", ["1/3/2026", "yesterday", "2026-13-01", "0001-01-01", "9999999999999", "-", "2026-03-01T25:00"]
    )
    def test_times_that_could_mean_anything_are_rejected(self, write, text):
        assert run("import_messages", write(f"occurred_at,group,member\n{text},g,m\n"))[0]["rejected"] == 1


class TestFilesThatCannotBeRead:
    @pytest.mark.parametrize(
        ("content", "name", "words"),
        [
            ("occurred_at,member\n", "column.csv", "(--map group=COLUMN)"),
            (MESSAGES.encode("utf-16"), "utf16.csv", "UTF-16"),
            (MESSAGES.encode("utf-16-le"), "utf16-bare.csv", "no table"),
            (gzip.compress(MESSAGES.encode() * 50, mtime=0)[:-30], "cut.csv.gz", "gzip file is broken"),
            (gzip.compress(MESSAGES.encode(), mtime=0)[:15], "short.csv.gz", "gzip file is broken"),
            (b"\x1f\x8b not gzip at all", "not.csv.gz", "gzip file is broken"),
            (b"", "empty.csv", "empty"),
            (gzip.compress(b"", mtime=0), "empty.csv.gz", "empty"),
            (b"\n\n", "blank.csv", "first line is empty"),
            (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "picture.csv", "no table"),
            (b"PK\x03\x04 not a sheet", "file.xlsx", "XLSX file is broken"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old.xls", ".xls"),
            (b"occurred_at,group,member\n\xff\xff\xff\xff", "bytes.csv", "neither UTF-8 nor GB18030"),
        ],
    )
    def test_each_says_what_to_do_and_nothing_is_kept(self, write, content, name, words):
        with pytest.raises(CommandError) as raised:
            run("import_messages", write(content, name))
        assert words in str(raised.value)
        assert "\n" not in str(raised.value)
        assert not Event.objects.exists()

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(CommandError, match=r"none\.csv cannot be opened"):
            run("import_messages", tmp_path / "none.csv")
        with pytest.raises(CommandError, match="cannot be opened"):
            run("import_messages", tmp_path)

    @pytest.mark.parametrize(
        ("option", "words"),
        [
            ("--timezone=Mars/Olympus", "time zone is not known"),
            ("--map=group", "FIELD=COLUMN"),
            ("--map=colour=group", "no field"),
            ("--map=group=nowhere", "no column"),
        ],
    )
    def test_a_wrong_option_is_explained(self, write, option, words):
        with pytest.raises(CommandError, match=words):
            run("import_messages", write(MESSAGES), option)

    def test_a_header_without_rows_is_no_error(self, write):
        assert run("import_messages", write("occurred_at,group,member\n"))[0]["read"] == 0


class TestOrders:
    def test_orders_are_kept_with_their_events(self, write):
        path = write(ORDERS)
        assert run("import_orders", path)[0] == {"read": 2, "imported": 2, "duplicates": 0, "rejected": 0}
        assert run("import_orders", path)[0] == {"read": 2, "imported": 0, "duplicates": 2, "rejected": 0}
        first, second = Order.objects.order_by("ordered_at").select_related("member")
        assert (first.member.external_id, first.amount, first.currency) == ("ann", Decimal("1299.00"), "CNY")
        assert (first.quantity, first.order_id, first.product) == (2, "A-1", "阅读课")
        assert (second.amount, second.currency, second.quantity) == (Decimal("99.00"), "USD", None)
        assert second.ordered_at == datetime(2026, 3, 2, 1, 5, tzinfo=UTC)
        event = Event.objects.select_related("kind").get(key=first.key)
        assert (event.kind.slug, event.value, event.group_id) == ("ordered", first.amount, None)
        assert set(Member.objects.values_list("stage", flat=True)) == {JourneyStage.CUSTOMER}

    def test_the_same_order_twice_in_a_file_is_two_orders(self, write):
        path = write("member,ordered_at,amount\n" + "ann,19970101,11.77\n" * 2 + "ann,19970101,0.00\n")
        assert run("import_orders", path)[0]["imported"] == 3

    @pytest.mark.parametrize(
        ("row", "words"),
        [
            ("ann,2026-03-01,-5,", "negative"),
            ("ann,2026-03-01,free,", "no amount"),
            ('ann,2026-03-01,"12,5",', "no amount"),
            ("ann,2026-03-01,nan,", "no amount"),
            ("ann,2026-03-01,1e20,", "too large"),
            ("ann,2026-03-01,1.005,", "parts of a cent"),
            ("ann,2026-03-01,,", "Amount is empty"),
            ("ann,2026-03-01,$5,", "no amount in CNY"),
            ("ann,2026-03-01,5,two", "no whole number"),
            (",2026-03-01,5,", "Member is empty"),
        ],
    )
    def test_a_wrong_order_is_rejected_with_its_reason(self, write, row, words):
        result, errors = run("import_orders", write(f"member,ordered_at,amount,quantity\n{row}\n"))
        assert result["rejected"] == 1
        assert words in errors

    @pytest.mark.parametrize("currency", ["", "RMB", "人民币", "cny"])
    def test_the_renminbi_is_one_currency_however_it_is_written(self, write, currency):
        run("import_orders", write(f"member,ordered_at,amount,currency\nann,2026-03-01,５元,{currency}\n"))
        order = Order.objects.get()
        assert (order.amount, order.currency) == (Decimal(5), "CNY")

    def test_the_noise_of_a_spreadsheets_numbers_is_taken_away(self, write):
        run("import_orders", write("member,ordered_at,amount\nann,2026-03-01,0.30000000000000004\n"))
        assert Order.objects.get().amount == Decimal("0.30")
