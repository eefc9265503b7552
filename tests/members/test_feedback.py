"""Listening: needs of members, who asked, and what was replied."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from accounts.policies import policy_save
from members.feedback.models import Need, NeedAsk, NeedCategory, NeedMerge, NeedReceipt, NeedReply
from members.feedback.selectors import themes
from members.feedback.services import (
    NEEDS_A_DAY,
    StaleNeed,
    categories_save,
    need_ask,
    need_change,
    need_reply,
    need_write,
    needs_merge,
    needs_part,
)
from members.models import Member, Transfer
from members.participation.policy import ParticipationPolicy
from members.privacy.services import member_erase
from tests.builders import NOW, make_group, make_member
from tests.members.visitors import phone_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


@pytest.fixture
def group(cast):
    return make_group("杭州·阅读", branch=cast.hangzhou)


def need_of(group, name="子涵妈妈", text="想要线下见面", **more):
    member = Member.objects.filter(name=name).first() or make_member(name, [group])
    return need_write(now=NOW, member=member, group=group, text=text, **more).need


def test_a_member_writes_a_need_once_though_the_form_is_sent_twice(client, cast, group):
    categories_save(by=cast.lin, now=NOW, names=["线下活动", "书单"])
    member = make_member("子涵妈妈", [group])
    phone = phone_of(member)
    page = f"/m/g/{group.page_token}/feedback/"
    data = {"text": "想要<i>线下</i>见面", "category": NeedCategory.objects.get(name="书单").pk}
    for _twice in range(2):
        assert phone.post(f"{page}write/", data)["Location"] == f"{page}?sent=1"
    need = Need.objects.get()
    assert (need.category.name, need.branch, need.asks.get().member) == ("书单", cast.hangzhou, member)
    html = phone.get(page).content.decode()
    assert "想要&lt;i&gt;线下" in html
    assert "<i>线下" not in html
    empty = phone.post(f"{page}write/", {"text": " "})
    assert (empty.status_code, "Write what you need." in empty.content.decode()) == (422, True)
    client.force_login(cast.mei)
    assert "<i>线下" not in client.get(f"/feedback/{need.pk}/").content.decode()
    assert phone_of(make_member("路人")).get(page).status_code == 403


def test_who_writes_all_day_is_asked_to_talk_to_the_staff_and_points_come_once_a_day(cast, group, clock):
    policy_save(by=cast.lin, now=NOW, values=ParticipationPolicy(need=3))
    for number in range(NEEDS_A_DAY):
        need_of(group, text=f"需求 {number}")
    with pytest.raises(ValidationError) as refused:
        need_of(group, text="再来一个")
    assert refused.value.code == "too_many"
    assert Transfer.objects.get().amount == 3


def test_staff_note_what_they_heard_from_whom_and_the_member_sees_it(client, cast, group):
    member = make_member("子涵妈妈", [group])
    make_member("同名", [group])
    make_member("同名", [group])
    client.force_login(cast.mei)
    data = {"group": group.pk, "name": "子涵妈妈", "text": "要一份书单"}
    for name, words in (("没这个人", "Nobody in this group"), ("同名", "Several members")):
        answer = client.post("/feedback/new/", {**data, "name": name})
        assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert client.post("/feedback/new/", data).status_code == 302
    ask = NeedAsk.objects.get()
    assert (ask.member, ask.heard_by) == (member, cast.mei)
    assert "noted by the staff" in phone_of(member).get(f"/m/g/{group.page_token}/feedback/").content.decode()


def test_new_needs_come_first_and_each_says_how_many_asked(client, cast, group):
    old, new = need_of(group, text="旧的"), need_of(group, text="新的")
    need_change(by=cast.mei, need=old, version=1, text="旧的", category=None, status="doing", owner=cast.mei)
    other = make_member("浩然爸爸", [group])
    for _twice in range(2):
        need_ask(by=cast.mei, now=NOW, need=new, member=other, group=group, text="我也要")
    client.force_login(cast.mei)
    rows = client.get("/feedback/").context["listing"].rows
    assert [(row.text, row.askers) for row in rows] == [("新的", 2), ("旧的", 1)]

    def found(query):
        return [row.text for row in client.get(f"/feedback/?{query}").context["listing"].rows]

    assert (found("status=doing"), found("owner=mine"), found("owner=nobody")) == (["旧的"], ["旧的"], ["新的"])
    assert found("q=我也要") == ["新的"]
    client.force_login(cast.out)
    assert client.get("/feedback/").context["listing"].total == 0
    assert client.get(f"/feedback/{new.pk}/").status_code == 404


def test_two_editors_are_told(client, cast, group):
    need = need_of(group)
    client.force_login(cast.mei)
    data = {"version": 1, "text": "线下读书会", "status": "planned"}
    assert client.post(f"/feedback/{need.pk}/", data).status_code == 302
    late = client.post(f"/feedback/{need.pk}/", {**data, "text": "别的说法"})
    assert (late.status_code, "Somebody else has changed it" in late.content.decode()) == (422, True)
    need.refresh_from_db()
    assert (need.text, need.status, need.version) == ("线下读书会", "planned", 2)


def test_a_reply_reaches_all_who_asked_once_and_is_seen_on_their_pages(client, cast, group, clock):
    need = need_of(group)
    other = make_member("浩然爸爸", [group])
    Member.objects.update(no_marketing=True)
    need_ask(by=cast.mei, now=NOW, need=need, member=other, group=group, text="")
    need_of(group, text="想要线下见面 ")  # the same words: the same ask
    client.force_login(cast.mei)
    key = client.get(f"/feedback/{need.pk}/").context["reply"]["key"].value()
    for _twice in range(2):
        assert client.post(f"/feedback/{need.pk}/reply/", {"key": key, "text": "周六<b>见</b>"}).status_code == 302
    assert NeedReply.objects.count() == 1
    assert NeedReceipt.objects.count() == 2
    asker = Member.objects.get(name="子涵妈妈")
    phone, page = phone_of(asker), f"/m/g/{group.page_token}/"
    assert "1 new reply" in phone.get(page).content.decode()
    first = phone.get(f"{page}feedback/").content.decode()
    assert "New reply" in first
    assert "周六&lt;b&gt;见" in first
    again = phone.get(f"{page}feedback/").content.decode()
    assert ("New reply" in again, "周六&lt;b&gt;见" in again) == (False, True)
    assert "1 new reply" not in phone.get(page).content.decode()
    assert NeedReceipt.objects.get(member=asker).seen_at == NOW
    assert "seen by 1 of 2" in client.get(f"/feedback/{need.pk}/").content.decode()


def test_the_same_need_is_merged_with_a_preview_and_taken_back(client, cast, group):
    first, second = need_of(group, text="线下见面"), need_of(group, "浩然爸爸", "周末聚一聚")
    need_reply(by=cast.mei, now=NOW, need=second, text="在想办法", key="k1")
    client.force_login(cast.mei)
    preview = client.get(f"/feedback/{second.pk}/merge/?with={first.pk}").content.decode()
    assert "浩然爸爸" in preview
    assert "1 member who asked for this counts for the other need" in preview
    assert client.post(f"/feedback/{second.pk}/merge/", {"with": first.pk})["Location"] == f"/feedback/{first.pk}/"
    assert {ask.member.name for ask in first.asks.all()} == {"子涵妈妈", "浩然爸爸"}
    assert client.get(f"/feedback/{second.pk}/")["Location"] == f"/feedback/{first.pk}/"
    assert client.get("/feedback/").context["listing"].total == 1
    # A reply now reaches both; the earlier one is still on its page.
    assert need_reply(by=cast.mei, now=NOW, need=second, text="周六", key="k2")[1] == 2
    page = phone_of(Member.objects.get(name="浩然爸爸")).get(f"/m/g/{group.page_token}/feedback/").content.decode()
    assert "在想办法" in page
    assert "周六" in page
    with pytest.raises(StaleNeed):
        needs_merge(by=cast.mei, now=NOW, winner=first, loser=second)
    merge = NeedMerge.objects.get()
    assert needs_part(by=cast.mei, now=NOW, merge=merge)
    assert not needs_part(by=cast.mei, now=NOW, merge=merge)
    assert [ask.member.name for ask in second.asks.all()] == ["浩然爸爸"]
    assert list(second.replies.values_list("key", flat=True)) == ["k1"]


def test_needs_of_two_branches_stay_apart(client, cast, group):
    elsewhere = make_group("成都·阅读", branch=cast.chengdu)
    mine, theirs = need_of(group), need_of(elsewhere, "成都妈妈", "成都的事")
    with pytest.raises(ValidationError):
        needs_merge(by=cast.lin, now=NOW, winner=mine, loser=theirs)
    client.force_login(cast.mei)
    assert client.post(f"/feedback/{mine.pk}/merge/", {"with": theirs.pk}).status_code == 404
    assert client.get(f"/feedback/{mine.pk}/merge/?with={theirs.pk}").status_code == 404


def test_themes_count_what_was_asked_by_category_and_month(client, cast, group):
    categories_save(by=cast.lin, now=NOW, names=["线下活动", "书单"])
    offline = NeedCategory.objects.get(name="线下活动")
    for number, days in enumerate((0, 1, 40)):
        ask = need_write(
            now=NOW - days * DAY,
            member=make_member(f"家长{number}", [group]),
            group=group,
            text=f"见面 {number}",
            category=offline,
        )
        assert ask.need.category == offline
    need_of(group, text="没分类")
    months, rows = themes(user=cast.mei, now=NOW)
    assert [f"{month:%Y-%m}" for month in months][-3:] == ["2026-01", "2026-02", "2026-03"]
    assert [(row.category, list(row.counts)[-3:], row.total) for row in rows] == [
        (offline, [1, 0, 2], 3),
        (None, [0, 0, 1], 1),
    ]
    assert themes(user=cast.out, now=NOW)[1] == []
    client.force_login(cast.mei)
    assert "线下活动" in client.get("/feedback/themes/").content.decode()


def test_a_category_that_is_retired_stays_where_it_was_chosen_and_comes_back_as_itself(client, cast, group):
    client.force_login(cast.lin)
    client.post("/settings/feedback/", {"names": "书单\n线下活动\n书单\n"})
    offline = NeedCategory.objects.get(name="线下活动")
    need = need_of(group, category=offline)
    client.post("/settings/feedback/", {"names": "书单"})
    assert list(NeedCategory.objects.in_use().values_list("name", flat=True)) == ["书单"]
    phone = phone_of(Member.objects.get(name="子涵妈妈"))
    assert "线下活动" not in phone.get(f"/m/g/{group.page_token}/feedback/").content.decode()
    assert "线下活动" in client.get(f"/feedback/{need.pk}/").content.decode()
    client.post("/settings/feedback/", {"names": "线下活动\n书单"})
    assert NeedCategory.objects.get(name="线下活动").pk == offline.pk
    client.force_login(cast.mei)
    assert client.get("/settings/feedback/").status_code == 403


def test_whoever_is_erased_leaves_no_words_and_a_need_that_others_have_stays(cast, group):
    shared = need_of(group, text="线下见面")
    other = make_member("浩然爸爸", [group])
    need_ask(by=cast.mei, now=NOW, need=shared, member=other, group=group, text="聚一聚")
    alone = need_of(group, text="只有我这样想")
    gone = need_of(group, text="也是我的话")
    needs_merge(by=cast.mei, now=NOW, winner=shared, loser=gone)
    need_change(by=cast.mei, need=alone, version=1, text="只有我这样想", category=None, status="doing", owner=None)
    member_erase(by=cast.lin, now=NOW, member=Member.objects.get(name="子涵妈妈"))
    texts = dict(Need.objects.values_list("pk", "text"))
    assert texts == {shared.pk: "聚一聚", alone.pk: "", gone.pk: ""}
    assert set(NeedAsk.objects.exclude(member=other).values_list("text", "digest")) == {("", "")}
    entries = AuditEntry.objects.filter(subject_type="members.need", subject_id__in=[alone.pk, shared.pk])
    told = str(list(entries.values_list("subject_name", "before", "after")))
    assert "只有我" not in told
    assert "线下见面" not in told


def test_pages_take_as_many_queries_for_twenty_as_for_two(client, cast, group):
    client.force_login(cast.mei)
    need = need_of(group)
    phone = phone_of(Member.objects.get(name="子涵妈妈"))
    asked = [
        *((client, one) for one in ("/feedback/", "/feedback/themes/", f"/feedback/{need.pk}/")),
        (client, f"/feedback/{need.pk}/merge/"),
        (phone, f"/m/g/{group.page_token}/feedback/"),
    ]

    def fill(number):
        for index in range(number):
            member = make_member(f"{number} {index}", [group])
            need_ask(by=cast.mei, now=NOW, need=need, member=member, group=group, text="我也要")
            mine = need_of(group, text=f"{number} {index}", heard_by=cast.mei)
            need_reply(by=cast.mei, now=NOW, need=mine, text="好", key=f"{number} {index}")

    def counted():
        counts = []
        for who, address in asked:
            with CaptureQueriesContext(connection) as queries:
                assert who.get(address).status_code == 200
            counts.append(len(queries))
        return counts

    fill(2)
    few = counted()
    fill(18)
    assert counted() == few
