"""Prizes and points on the phone and in the console."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from campaigns.envelopes.models import EnvelopeShare
from campaigns.prizes.models import Award, AwardState, Prize
from campaigns.prizes.services import award_address_set, award_receive, awards_mark_sent, prize_award, prize_create
from community_ops.lib.crypto import encrypt
from members.models import Transfer
from members.points.services import account_of, issuer, points_of, points_transfer
from members.privacy.retention import retention_apply
from tests.builders import NOW, make_group, make_member
from tests.campaigns.envelopes.things import make_budget, make_envelope, make_open_round
from tests.members.visitors import phone_of

pytestmark = pytest.mark.django_db
WHERE: dict[str, Any] = {"recipient": "王子涵妈妈", "phone": "139 0000 1111", "address": "文三路 1 号"}


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def group(cast):
    return make_group("杭州·阅读", branch=cast.hangzhou)


@pytest.fixture
def member(group):
    member = make_member("王子涵妈妈", [group])
    points_transfer(key="hand:1", debit=issuer(), credit=account_of(member), amount=50, reason="欢迎", by=None, now=NOW)
    return member


def make_prize(**fields) -> Prize:
    return prize_create(by=None, now=NOW, **{"title": "签名本", "stock": 5, "needs_address": True, **fields})


def award(prize, member, key="k") -> Award:
    return prize_award(prize=prize, member=member, group=None, key=key, reason="21 天", now=NOW)


def test_a_member_takes_a_prize_for_points_once_and_says_where_it_goes(member):
    prize, phone = make_prize(points_price=20), phone_of(member)
    page = phone.get(f"/m/me/prizes/offers/{prize.pk}/").content.decode()
    once = re.search(r'name="once" value="([0-9a-f]{32})"', page)[1]
    for _time in range(2):
        answer = phone.post(f"/m/me/prizes/offers/{prize.pk}/", {"once": once, "price": "20"})
        assert (answer.status_code, points_of(member)) == (302, 30)
    row = Award.objects.get()
    assert row.group == member.memberships.get().group
    address = answer["Location"]
    wrong = phone.post(address, {**WHERE, "phone": "no"})
    assert wrong.status_code == 422
    assert "文三路 1 号" in wrong.content.decode(), "what was typed is kept"
    assert phone.post(address, WHERE).status_code == 302
    assert phone.post(address, {**WHERE, "address": "文三路 2 号"}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.address) == (AwardState.TO_SEND, "文三路 2 号")
    awards_mark_sent(by=None, now=NOW, awards=[row])
    assert phone.post(address, WHERE).status_code == 409
    phone.post(f"{address}received/")
    row.refresh_from_db()
    assert (row.state, row.address) == (AwardState.RECEIVED, "文三路 2 号")


def test_a_changed_price_or_too_few_points_take_nothing(member):
    prize, phone = make_prize(points_price=60), phone_of(member)
    for price in ("20", "60", "no"):
        answer = phone.post(f"/m/me/prizes/offers/{prize.pk}/", {"once": "a" * 32, "price": price})
        assert answer.status_code == 409
    assert (points_of(member), Award.objects.count()) == (50, 0)


def test_prizes_of_other_branches_and_of_other_people_are_not_there(cast, member):
    theirs = make_prize(points_price=1, branch=cast.chengdu)
    row = award(make_prize(), make_member())
    phone = phone_of(member)
    assert phone.get(f"/m/me/prizes/offers/{theirs.pk}/").status_code == 404
    assert phone.get(f"/m/me/prizes/{row.pk}/").status_code == 404
    assert phone.post(f"/m/me/prizes/{row.pk}/", WHERE).status_code == 404


def test_addresses_are_taken_as_a_file_by_those_who_may_and_it_is_written_down(client, cast, group, member):
    row = prize_award(prize=make_prize(), member=member, group=group, key="k", reason="21 天", now=NOW)
    award_address_set(now=NOW, award=row, **{**WHERE, "address": "=1+1"})
    for person, status in ((cast.ana, 403), (cast.out, 302), (cast.mei, 200)):
        client.force_login(person)
        answer = client.post("/rituals/prizes/awards/addresses/")
        assert answer.status_code == status
    text = answer.getvalue().decode()
    assert "'=1+1" in text, "no spreadsheet runs it"
    assert "王子涵妈妈" in text
    assert AuditEntry.objects.get(action="award.address_exported").actor == cast.mei
    client.force_login(cast.ana)
    for page in (f"/rituals/prizes/awards/{row.pk}/", "/rituals/prizes/awards/?export=csv"):
        assert b"139 0000 1111" not in client.get(page).getvalue()


def test_many_are_marked_as_sent_and_those_without_an_address_stay(client, cast, group, member):
    rows = [
        prize_award(prize=make_prize(), member=member, group=group, key=str(number), reason="", now=NOW)
        for number in range(3)
    ]
    for row in rows[:2]:
        award_address_set(now=NOW, award=row, **WHERE)
    client.force_login(cast.mei)
    answer = client.post(
        "/rituals/prizes/awards/sent/", {"ids": [row.pk for row in rows], "tracking": "SF1"}, follow=True
    )
    assert sorted(Award.objects.values_list("state", "tracking")) == [
        ("address_missing", ""),
        ("sent", "SF1"),
        ("sent", "SF1"),
    ]
    assert len(list(answer.context["messages"])) == 2


def test_addresses_go_30_days_after_the_prize_arrived(member):
    prize = make_prize()
    rows = [award(prize, member, key=str(number)) for number in range(2)]
    for row in rows:
        award_address_set(now=NOW, award=row, **WHERE)
    awards_mark_sent(by=None, now=NOW, awards=rows)
    award_receive(now=NOW, award=rows[0])
    retention_apply(now=NOW + timedelta(days=30))
    assert Award.objects.exclude(address="").count() == 2
    retention_apply(now=NOW + timedelta(days=31))
    assert Award.objects.exclude(address="").get() == rows[1]
    retention_apply(now=NOW + timedelta(days=92))
    assert not Award.objects.exclude(address="").exists(), "sent long ago counts as received"


def test_an_address_whose_key_is_gone_reads_as_empty(member, settings):
    row = award(make_prize(), member)
    award_address_set(now=NOW, award=row, **WHERE)
    assert encrypt("x") != encrypt("x")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another-key", []
    row.refresh_from_db()
    assert row.address == ""


def test_a_member_opens_an_envelope_with_one_press(group, member):
    row, phone = make_open_round(group, greeting="开课大吉"), phone_of(member)
    address = f"/m/g/{group.page_token}/envelopes/{row.pk}/"
    assert address in phone.get(f"/m/g/{group.page_token}/").content.decode(), "its tile"
    assert "envelope-press" in phone.get(address).content.decode()
    for _time in range(2):
        assert phone.post(address).status_code == 302
    share = EnvelopeShare.objects.get(member=member)
    assert f">{share.amount}</span>" in phone.get(address).content.decode()
    other = make_group(branch=group.branch)
    assert phone.get(f"/m/g/{other.page_token}/envelopes/{row.pk}/").status_code in (403, 404)


def test_whoever_comes_in_the_second_of_the_opening_does_not_wait_for_the_tick(group, member):
    row = make_envelope([group]).rounds.get()
    assert phone_of(member).post(f"/m/g/{group.page_token}/envelopes/{row.pk}/").status_code == 302


def test_points_and_titles_are_told_in_the_language_of_the_reader(group, member):
    membership = member.memberships.get()
    membership.title = "阅读之星"
    membership.save()
    phone = phone_of(member)
    assert "Given or taken by the team" in phone.get("/m/me/points/").content.decode()
    page = phone.get("/m/me/points/", headers={"accept-language": "zh-hans"}).content.decode()
    for words in ("工作人员增减", "欢迎", "+50", "阅读之星"):
        assert words in page


def test_points_are_given_and_taken_by_hand_never_below_zero_and_once(client, cast, member):
    client.force_login(cast.mei)
    address = f"/members/{member.pk}/points/"
    for _time in range(2):
        assert client.post(address, {"once": "a" * 32, "points": "30", "reason": "分享"}).status_code == 302
    assert points_of(member) == 80
    refused = client.post(address, {"once": "b" * 32, "points": "-81", "reason": "更正"})
    assert refused.status_code == 422
    assert "80" in str(refused.context["form"].errors["points"])
    assert client.post(address, {"once": "b" * 32, "points": "-80", "reason": "更正"}).status_code == 302
    assert points_of(member) == 0
    client.force_login(cast.ana)
    assert client.post(address, {"once": "c" * 32, "points": "1", "reason": "x"}).status_code == 403
    assert AuditEntry.objects.filter(action="points.transferred", actor=cast.mei).count() == 2


def test_an_envelope_is_previewed_then_planned_then_stopped(client, cast, group):
    budget = make_budget(300, branch=cast.hangzhou)
    form = {
        "greeting": "开课大吉",
        "budget": budget.pk,
        "amount": "100",
        "shares": "10",
        "split": "random",
        "groups": [group.pk],
        "times": "2026-03-02 19:55\n2026-03-02 19:58",
        "open_minutes": "60",
    }
    client.force_login(cast.mei)
    page = client.post("/rituals/envelopes/new/", form)
    preview = page.context["preview"]
    assert (preview["rounds"], preview["months"], preview["is_covered"]) == (2, [("2026-03", 200, 300)], True)
    assert not Transfer.objects.exists()
    made = client.post("/rituals/envelopes/new/", {**form, "confirm": "1"})
    assert made.status_code == 302
    again = client.post("/rituals/envelopes/new/", {**form, "confirm": "1"})
    assert again.status_code == 422
    assert "100 left" in str(again.context["form"].errors["budget"])
    wrong = client.post("/rituals/envelopes/new/", {**form, "times": "tomorrow"})
    assert "is no time like" in str(wrong.context["form"].errors["times"])
    stop = f"{made['Location']}stop/"
    assert client.get(stop).context["back"] == 200
    client.post(stop)
    assert budget.months.get().account.balance == 300


@pytest.mark.parametrize("address", ["/rituals/prizes/", "/rituals/prizes/awards/", "/rituals/envelopes/"])
def test_lists_cost_the_same_however_long(client, cast, group, member, address):
    client.force_login(cast.mei)
    counts = []
    for number in (2, 18):
        for _row in range(number):
            prize = make_prize()
            prize_award(prize=prize, member=member, group=group, key=f"p{prize.pk}", reason="x", now=NOW)
            make_envelope([group], amount=1, shares=1)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]
