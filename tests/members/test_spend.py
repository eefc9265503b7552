"""What was spent on channels: written down, changed, removed and brought back, imported."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts.models import AuditEntry
from members.acquisition import doubts
from members.acquisition.services import StaleSpend, spend_remove, spend_restore, spend_update
from members.imports.services import import_preview, import_run, import_start, import_upload, rejected_path
from members.models import ChannelSpend
from tests.builders import NOW
from tests.members.spend_things import spent

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def test_a_spend_is_written_down_changed_removed_and_brought_back_with_its_history(cast):
    spend = spent(cast.mei, "poster", "900.50", note="海报")
    assert (spend.branch, spend.days) == (cast.hangzhou, 10)
    spend_update(by=cast.mei, now=NOW, spend=spend, version=1, changes={"amount": Decimal(800), "channel": "poster2"})
    spend.refresh_from_db()
    assert (spend.amount, spend.channel.code, spend.version) == (Decimal(800), "poster2", 2)
    with pytest.raises(StaleSpend):
        spend_update(by=cast.mei, now=NOW, spend=spend, version=1, changes={"amount": Decimal(1)})
    assert spend_remove(by=cast.mei, now=NOW, spend=spend)
    assert not spend_remove(by=cast.mei, now=NOW, spend=spend)
    assert not ChannelSpend.objects.in_force().exists()
    assert spend_restore(by=cast.mei, spend=spend)
    assert not spend_restore(by=cast.mei, spend=spend)
    entries = AuditEntry.objects.filter(subject_type="members.channelspend").order_by("pk")
    assert [entry.action for entry in entries] == [
        "spend.recorded", "spend.updated", "spend.removed", "spend.restored",
    ]  # fmt: skip
    assert entries[1].before == {"channel": "poster", "amount": "900.50"}


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("amount", {"amount": 0}),
        ("amount", {"amount": 10**13}),
        ("last_day", {"days": 0}),
        ("last_day", {"days": 1200}),
        ("first_day", {"ago": 365 * 30, "days": 365 * 30}),
        ("last_day", {"days": 365 * 4}),
        ("currency", {"currency": "yuan"}),
        ("channel", {"channel": " "}),
    ],
)
def test_what_makes_no_sense_is_refused_beside_its_field(cast, field, more):
    with pytest.raises(ValidationError) as refused:
        spent(cast.lin, more.pop("channel", "poster"), more.pop("amount", 5), **more)
    assert set(refused.value.message_dict) == {field}


@pytest.mark.parametrize("wrong", [{"amount": 0}, {"last_day": "2020-01-01"}, {"currency": "¥"}])
def test_the_database_refuses_it_too(cast, wrong):
    spend = spent(cast.lin, "poster", 5)
    with pytest.raises(IntegrityError), transaction.atomic():
        ChannelSpend.objects.filter(pk=spend.pk).update(**wrong)


def test_a_branch_sees_its_own_and_headquarters_all(cast):
    spent(cast.lin, "ad", 5)
    spent(cast.mei, "ad", 6, branch=cast.chengdu)  # a branch writes down its own
    spent(cast.lin, "ad", 7, branch=cast.chengdu)

    def seen(user):
        return sorted(int(spend.amount) for spend in ChannelSpend.objects.visible_to(user))

    assert [seen(user) for user in (cast.lin, cast.ana, cast.mei, cast.out)] == [[5, 6, 7], [5, 6, 7], [6], [7]]


class TestPages:
    @pytest.fixture(autouse=True)
    def _noon(self):
        with time_machine.travel(NOW, tick=False):
            yield

    def test_the_form_keeps_what_was_typed_and_marks_what_is_wrong(self, client, cast):
        client.force_login(cast.lin)
        typed = {"channel": "poster", "amount": "12.5", "currency": "rmb!", "first_day": "2026-02-01"}
        page = client.post(reverse("members:spend_new"), typed)
        assert page.status_code == 422
        assert "is-invalid" in page.content.decode()
        assert 'value="12.5"' in page.content.decode()
        client.post(reverse("members:spend_new"), {**typed, "currency": "cny", "branch": cast.chengdu.pk})
        spend = ChannelSpend.objects.get()
        assert (spend.currency, spend.last_day, spend.branch) == ("CNY", spend.first_day, cast.chengdu)

    @pytest.mark.parametrize(
        ("amount", "currency", "expected"),
        [
            ("1,000", "CNY", "1000"),
            ("￥1,000.50", "RMB", "1000.50"),
            ("１，２３４．５元", "人民币", "1234.50"),
            ("$80", "usd", "80"),
        ],
    )
    def test_the_form_understands_amounts_as_people_write_them(self, client, cast, amount, currency, expected):
        client.force_login(cast.lin)
        typed = {"channel": "poster", "amount": amount, "currency": currency, "first_day": "2026-02-01"}
        assert client.post(reverse("members:spend_new"), typed).status_code == 302
        spend = ChannelSpend.objects.get()
        assert (spend.amount, spend.currency) == (Decimal(expected), "USD" if currency == "usd" else "CNY")

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"amount": "1,00"}, "Amount &quot;1,00&quot; is no amount. Write it as 1234.50."),
            ({"amount": "-5"}, "is negative. Write what was paid"),
            ({"amount": "$5"}, "&quot;$5&quot; is no amount in CNY."),
            ({"amount": "0"}, "An amount is more than 0."),
            (
                {"first_day": "0001-01-01"},
                "0001-01-01 is no day on which money was spent: from 2000-01-01 to 2029-03-04",
            ),
            ({"last_day": "9999-12-31"}, "9999-12-31 is no day on which money was spent"),
        ],
    )
    def test_the_form_says_what_to_do_about_what_it_refuses(self, client, cast, wrong, said):
        client.force_login(cast.lin)
        typed = {"channel": "poster", "amount": "12", "currency": "CNY", "first_day": "2026-02-01", "note": "海报"}
        page = client.post(reverse("members:spend_new"), {**typed, **wrong})
        html = page.content.decode()
        assert page.status_code == 422
        assert said in html
        for value in {**typed, **wrong}.values():
            assert f'value="{value}"' in html
        assert not ChannelSpend.objects.exists()

    def test_the_form_says_everything_that_is_wrong_at_once(self, client, cast):
        client.force_login(cast.lin)
        typed = {"channel": "poster", "amount": "cheap", "currency": "CN1", "first_day": "1999-01-01"}
        html = client.post(reverse("members:spend_new"), typed).content.decode()
        for said in (
            "&quot;cheap&quot; is no amount",
            "&quot;CN1&quot; is no currency code",
            "1999-01-01 is no day on which money was spent",
        ):
            assert said in html

    def test_whoever_makes_a_channel_by_typing_it_is_told_of_the_nearest_known_one(self, client, cast):
        spent(cast.lin, "poster7", 5)
        client.force_login(cast.lin)
        typed = {"channel": "Poster7", "amount": "12", "currency": "CNY", "first_day": "2026-02-01"}
        page = client.post(reverse("members:spend_new"), typed, follow=True).content.decode()
        assert "The channel Poster7 is new. poster7 is close to it" in page
        spend = ChannelSpend.objects.latest("pk")
        typed |= {"version": "1", "channel": "小红书"}
        page = client.post(reverse("members:spend", args=[spend.pk]), typed, follow=True).content.decode()
        assert "The channel 小红书 is new." in page
        typed |= {"version": "2", "channel": "poster7"}
        page = client.post(reverse("members:spend", args=[spend.pk]), typed, follow=True).content.decode()
        assert "is new" not in page

    def test_a_branch_hears_of_no_channel_that_only_others_spent_on(self, client, cast):
        spent(cast.lin, "wall9", 5)
        spent(cast.mei, "flyer1", 5)
        client.force_login(cast.mei)
        form = client.get(reverse("members:spend_new")).content.decode()
        assert "flyer1" in form
        assert "wall9" not in form
        for typed, near in (("wall8", ""), ("flyer2", " flyer1 is close to it")):
            values = {"channel": typed, "amount": "12", "currency": "CNY", "first_day": "2026-02-01"}
            page = client.post(reverse("members:spend_new"), values, follow=True).content.decode()
            assert f"The channel {typed} is new.{near}" in page
            assert "wall9" not in page

    def test_two_editors_are_told_and_a_removal_can_be_undone(self, client, cast):
        spend = spent(cast.mei, "poster", 9)
        client.force_login(cast.mei)
        page = reverse("members:spend", args=[spend.pk])
        typed = {"channel": "poster", "amount": "10", "currency": "CNY", "first_day": "2026-02-01", "version": "1"}
        assert client.post(page, typed).status_code == 302
        second = client.post(page, {**typed, "amount": "11"})
        assert second.status_code == 422
        assert "Somebody else has changed it meanwhile" in second.content.decode()
        removed = client.post(reverse("members:spend_remove", args=[spend.pk]), follow=True).content.decode()
        assert reverse("members:spend_restore", args=[spend.pk]) in removed
        assert "10.00 CNY on poster is removed" in removed
        client.post(reverse("members:spend_restore", args=[spend.pk]))
        assert ChannelSpend.objects.in_force().get().amount == 10

    def test_a_manager_reads_and_changes_nothing(self, client, cast):
        spend = spent(cast.lin, "poster", 9)
        client.force_login(cast.ana)
        html = client.get(reverse("members:spends")).content.decode()
        assert "poster" in html
        assert re.search(r'<td class="text-nowrap">2026-\d\d-\d\d</td>', html), "days stand below their heads"
        assert client.get(reverse("members:spend", args=[spend.pk])).status_code == 403
        assert client.post(reverse("members:spend_remove", args=[spend.pk])).status_code == 403

    @pytest.mark.parametrize("rows", [2, 20])
    def test_the_number_of_queries_is_constant(self, client, cast, rows, django_assert_max_num_queries):
        for number in range(rows):
            spent(cast.lin, f"c{number}", 9)
        client.force_login(cast.lin)
        client.get(reverse("members:spends"))
        with django_assert_max_num_queries(8):
            assert client.get(reverse("members:spends")).context["listing"].total == rows


FILE = """渠道,开始日期,结束日期,金额,币种,备注,分校
poster,2026-02-01,2026-02-10,"¥1,200.00",,海报,
ad,2026-02-03,,80,usd,,hangzhou
ad,2026-02-03,,80,dollars,,
ad,2026-02-09,2026-02-01,5,,,
ad,2026-02-09,,0,,,
ad,2026-02-09,,5,,,火星
,,,,,,
ad,0001-01-01,,5,,,
ad,2026-02-30,,5,,,
ad,2026-02-09,,-5,,,
ad,2026-02-09,,$5,,,
"""


def uploaded(by, rows):
    return import_upload(by=by, kind="spend", file=SimpleUploadedFile("spend.csv", rows.encode()), now=NOW)


def taken_in(by, rows):
    run = uploaded(by, rows)
    import_start(by=by, run=run, mapping=run.mapping, timezone_name="Asia/Shanghai", now=NOW)
    import_run(run_id=run.pk, clock=lambda: NOW)
    run.refresh_from_db()
    return run


def looked_at(by, rows):
    """What the preview says before anything is taken in."""
    run = uploaded(by, rows)
    return import_preview(run=run, mapping=run.mapping, zone=ZoneInfo("Asia/Shanghai"), by=by, now=NOW)


@pytest.fixture
def _files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.mark.usefixtures("_files")
def test_a_file_is_imported_once_with_the_reasons_of_what_was_rejected(cast):
    run = taken_in(cast.lin, FILE)
    assert (run.rows_imported, run.rows_duplicate, run.rows_rejected) == (2, 0, 8)
    reasons = rejected_path(run).read_text(encoding="utf-8-sig")
    for reason in (
        "is no currency code",
        "The last day lies before the first",
        "more than 0",
        "There is no branch",
        ",,5,,,,9,0001-01-01 is no day on which money was spent: from 2000-01-01 to 2029-03-04 is possible.\n",
        'First day ""2026-02-30"" is no day. Write it as 2026-03-01.',
        'Amount ""-5"" is negative',
        '""$5"" is no amount in CNY',
    ):
        assert reason in reasons
    found = {(row.channel.code, row.amount, row.currency, row.branch) for row in ChannelSpend.objects.all()}
    assert found == {("poster", Decimal(1200), "CNY", None), ("ad", Decimal(80), "USD", cast.hangzhou)}
    again = taken_in(cast.lin, FILE)
    assert (again.rows_imported, again.rows_duplicate) == (0, 2)
    spend_remove(by=cast.lin, now=NOW, spend=ChannelSpend.objects.get(amount=80))
    assert taken_in(cast.lin, FILE).rows_imported == 1
    assert ChannelSpend.objects.in_force().count() == 2
    # The same file is another spend for a branch: it writes down its own.
    assert taken_in(cast.out, FILE).rows_imported == 1
    assert ChannelSpend.objects.get(branch=cast.chengdu).amount == 1200


@pytest.mark.usefixtures("_files")
def test_everything_that_is_wrong_with_a_row_is_said_at_once(cast):
    rows = """channel,from,to,amount,currency,branch
,2026-02-30,,cheap,dollars,
ad,2026-02-30,,0,,
ad,1999-01-01,,0,,火星
"""
    [[_line, unread], [_line, half_read], [_line, read]] = looked_at(cast.lin, rows).reasons
    for part in ("Channel is empty", "2026-02-30", "cheap", "dollars"):
        assert part in unread
    assert "2026-02-30" in half_read
    assert "An amount is more than 0" in half_read
    for part in ("1999-01-01 is no day on which money was spent", "An amount is more than 0", "no branch"):
        assert part in read


@pytest.mark.usefixtures("_files")
def test_the_preview_names_new_channels_with_the_known_one_nearest_to_each(cast, client):
    spent(cast.lin, "Poster7", 5)
    rows = """channel,from,amount
poster77,2026-02-01,5
Poster7,2026-02-01,5
小红书,2026-02-01,5
poster77,2026-02-02,5
rejected,2026-02-02,0
"""
    preview = looked_at(cast.lin, rows)
    [doubt] = preview.doubts
    assert doubt.head.startswith("2 channels are not known yet")
    assert doubt.lines == [(2, "poster77, close to Poster7 which is known"), (4, "小红书")]
    # Nothing was registered by looking.
    assert looked_at(cast.lin, rows).doubts == [doubt]
    client.force_login(cast.lin)
    run = uploaded(cast.lin, rows)
    columns = {f"column_{field}": column for field, column in run.mapping.items()}
    html = client.get(reverse("members:import_preview", args=[run.pk]), columns).content.decode()
    assert "poster77, close to Poster7 which is known" in html
    assert "Time as understood" not in html
    taken_in(cast.lin, rows)
    assert looked_at(cast.lin, rows).doubts == []


@pytest.mark.usefixtures("_files")
def test_among_very_many_channels_neighbours_are_looked_for_as_long_as_a_page_can_wait(cast, monkeypatch):
    for code in ("poster1", "flyer1"):
        spent(cast.lin, code, 5)
    rows = "channel,from,amount\n" + "".join(f"{code},2026-02-01,5\n" for code in ("poster7", "flyer7", "flyer8"))
    monkeypatch.setattr(doubts, "MOST_COMPARED", 5)  # pairs, of two channels that are known
    [doubt] = looked_at(cast.lin, rows).doubts
    near = [words.partition(", ")[2] for _line, words in doubt.lines]
    assert near == ["close to poster1 which is known", "close to flyer1 which is known", ""]


@pytest.mark.usefixtures("_files")
def test_of_very_many_new_channels_the_rest_is_counted(cast):
    rows = "channel,from,amount\n" + "".join(f"{n:03}号码,2026-02-01,5\n" for n in range(23))
    [doubt] = looked_at(cast.lin, rows).doubts
    assert (len(doubt.lines), doubt.more) == (20, 3)


@pytest.mark.usefixtures("_files")
def test_rows_that_look_as_if_they_were_there_are_named_once_for_each_that_is_there(cast):
    rows = """channel,from,to,amount,currency,branch
poster,2026-02-01,2026-02-10,"1,200.00",RMB,hangzhou
poster,2026-02-01,2026-02-10,1200,CNY,hangzhou
poster,2026-02-01,2026-02-10,1200,CNY,
poster,2026-02-01,2026-02-11,1200,CNY,hangzhou
"""
    assert taken_in(cast.lin, rows).rows_imported == 4
    assert looked_at(cast.lin, rows).doubts == []
    # One more of the same is another: those that are there belong to the other rows of the file.
    one_more = looked_at(cast.lin, f"{rows}poster,2026-02-01,2026-02-10,1200,CNY,hangzhou\n")
    assert (one_more.new, one_more.known, one_more.doubts) == (1, 4, [])
    # One from before RMB was known to be CNY: its key says otherwise.
    first = ChannelSpend.objects.earliest("pk")
    ChannelSpend.objects.filter(pk=first.pk).update(currency="RMB", key=None)
    preview = looked_at(cast.lin, rows)
    assert (preview.new, preview.known) == (1, 3)
    [doubt] = preview.doubts
    assert doubt.head.startswith("1 row looks as if it were there already.")
    assert doubt.lines == [(2, "1,200.00 RMB on poster, 2026-02-01 – 2026-02-10, written down on 2026-03-02 by lin")]
    # The same branch under its name is the same spend, and one that was removed is not there.
    named = rows.replace("hangzhou", "杭州")
    assert [len(doubt.lines) for doubt in looked_at(cast.lin, named).doubts] == [3]
    for spend in ChannelSpend.objects.filter(branch=cast.hangzhou):
        spend_remove(by=cast.lin, now=NOW, spend=spend)
    assert looked_at(cast.lin, named).doubts == []
    # A branch is told of its own spend alone.
    assert looked_at(cast.out, rows.replace("hangzhou", "")).doubts == []
