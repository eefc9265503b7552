from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection, connections

from accounts.policies import policy_save
from activity.services import event_key
from groups.classes.services import grade_add, grade_delete, grade_move, grades_usual
from groups.models import Grade, Group, GroupState, Tier
from groups.services import group_update
from members.classes.misfits import misfits, moves_propose
from members.classes.models import PromotionRun, TierChange
from members.classes.policy import PromotionPolicy, TierPolicy
from members.classes.promotion import (
    AlreadyPromoted,
    promotion_plan,
    promotion_run,
    promotion_run_due,
    promotion_undo,
)
from members.classes.tasks import promote_due, recompute_tiers, refresh_tiers
from members.classes.tiers import tier_of, tiers_recompute, tiers_recompute_fresh
from members.ingestion import IncomingEvent, ingest
from members.models import Member, StaffTask
from members.work.services import task_settle
from tests.builders import NOW, make_group, make_member

_keys = iter(range(10**6))


def bought(member, orders=1, refunds=0, amount="100"):
    kinds = ["ordered"] * orders + ["refunded"] * refunds
    events = [
        IncomingEvent(event_key("tests", f"o{next(_keys)}"), member.external_id, "", kind, NOW, value=Decimal(amount))
        for kind in kinds
    ]
    assert ingest(events=events, source="tests", by=None, create_missing=False, now=NOW).accepted == len(kinds)


def tier(member):
    member.refresh_from_db()
    return member.tier


# Tiers


@pytest.mark.parametrize(
    ("orders", "amount", "found"),
    [
        (0, 0, Tier.NON_PAYING),
        (0, 50000, Tier.NON_PAYING),
        (1, 1, Tier.FIRST_TIME),
        (2, 19999, Tier.FIRST_TIME),
        (3, 1, Tier.SENIOR),
        (9, 1, Tier.SENIOR),
        (10, 1, Tier.HARDCORE),
        (1, 20000, Tier.HARDCORE),
    ],
)
def test_the_tier_follows_from_paid_orders_and_their_sum(orders, amount, found):
    assert tier_of(orders, Decimal(amount), TierPolicy()) == found


def test_a_refund_takes_one_order_back_and_the_sum_with_it(cast):
    member = make_member()
    bought(member, orders=3, refunds=1)
    tiers_recompute(now=NOW)
    assert tier(member) == Tier.FIRST_TIME
    bought(member, orders=0, refunds=5)
    tiers_recompute(now=NOW)
    assert tier(member) == Tier.NON_PAYING
    bought(member, orders=1, amount="0")
    tiers_recompute(now=NOW)
    assert tier(member) == Tier.NON_PAYING, "an order for nothing is not a paid one"


def test_only_those_who_ordered_since_are_looked_at_and_changes_are_kept(cast, django_assert_max_num_queries):
    first, second = make_member(), make_member()
    bought(first)
    with time_machine.travel(NOW, tick=False):
        refresh_tiers()
        refresh_tiers()
    assert (tier(first), tier(second)) == (Tier.FIRST_TIME, Tier.NON_PAYING)
    bought(second, orders=3)
    assert tiers_recompute_fresh(now=NOW) == 1
    changes = TierChange.objects.order_by("pk").values_list("member", "before", "after")
    assert list(changes) == [
        (first.pk, "non_paying", "first_time"),
        (second.pk, "non_paying", "senior"),
    ]
    for _number in range(20):
        bought(make_member())
    with django_assert_max_num_queries(16):
        tiers_recompute_fresh(now=NOW)


def test_new_thresholds_sort_everybody_anew(client, cast):
    member = make_member()
    bought(member, orders=2)
    recompute_tiers()
    assert tier(member) == Tier.FIRST_TIME
    client.force_login(cast.lin)
    sent = {"version": "0", "first_time": "1", "senior": "2", "hardcore": "5", "hardcore_amount": "0"}
    bad = client.post("/settings/classes/tiers/", {**sent, "hardcore": "2"})
    assert bad.status_code == 422
    assert "Each tier needs more orders than the one before." in bad.content.decode()
    assert client.post("/settings/classes/tiers/", sent).status_code == 302
    recompute_tiers()
    recompute_tiers()
    assert tier(member) == Tier.SENIOR
    stale = client.post("/settings/classes/tiers/", {**sent, "senior": "3"})
    assert stale.status_code == 409, "somebody else saved since"
    again = {**sent, "senior": "3", "version": stale.context["tiers"]["version"].value()}
    assert client.post("/settings/classes/tiers/", again).status_code == 302
    assert TierChange.objects.count() == 2


# Grades


@pytest.fixture
def grades(cast):
    grades_usual(by=cast.lin)
    return {grade.name: grade for grade in Grade.objects.all()}


def test_grades_are_made_added_moved_and_deleted(client, cast):
    client.force_login(cast.lin)
    url = "/settings/classes/grades/"
    client.post(url, {"act": "usual"})
    client.post(url, {"act": "usual"})
    assert Grade.objects.count() == 15
    client.post(url, {"act": "add", "name": "大一"})
    added = Grade.objects.last()
    assert added.name == "大一"
    client.post(url, {"act": "up", "grade": added.pk})
    assert [grade.name for grade in Grade.objects.all()][-2:] == ["大一", "高三"]
    client.post(url, {"act": "rename", "grade": added.pk, "name": "预科"})
    make_group(audience_grade=added)
    page = client.post(url, {"act": "delete", "grade": added.pk}, follow=True).content.decode()
    assert "still in use" in page
    assert Grade.objects.filter(name="预科").exists()
    page = client.post(url, {"act": "add", "name": "高三"}, follow=True).content.decode()
    assert "already exists" in page
    assert not grade_move(by=cast.lin, grade=Grade.objects.first(), up=True)
    grade_delete(by=cast.lin, grade=grade_add(by=cast.lin, name="研一"))


# Members in the wrong group


def group_for(cast, name, **audience):
    return make_group(name, branch=cast.hangzhou, **audience)


def test_those_whose_class_no_longer_fits_are_listed_with_the_group_to_move_to(client, cast, grades):
    trial = group_for(cast, "Trial", audience_tier="non_paying")
    full = group_for(cast, "Full", audience_tier="first_time", capacity=1)
    Group.objects.filter(pk=full.pk).update(member_count=1)
    group_for(cast, "Sales", audience_tier="first_time", motivation="sales")
    best = group_for(cast, "Payers", audience_tier="first_time")
    make_group("Elsewhere", branch=cast.chengdu, audience_tier="first_time")
    stays, moves = make_member("Stays", [trial]), make_member("Moves", [trial])
    bought(moves)
    tiers_recompute(now=NOW)
    client.force_login(cast.mei)
    rows = client.get("/members/misfits/").context["rows"]
    assert [(row.member, [str(reason) for reason in reasons], target.group_id) for row, reasons, target in rows] == [
        (moves, ["Tier"], best.pk)
    ]
    make_member("Also", [best])
    Member.objects.filter(pk=stays.pk).update(grade=grades["三年级"], identity="家长")
    assert misfits(cast.mei).count() == 2, "the third is not a payer but among payers"
    client.force_login(cast.out)
    assert client.get("/members/misfits/").context["rows"] == []


def test_grade_and_identity_count_only_where_they_are_known(cast, grades):
    group = group_for(cast, "Three", audience_grade=grades["三年级"], audience_identity="家长")
    target = group_for(cast, "Four", audience_grade=grades["四年级"])
    unknown, fourth, teacher = (make_member(name, [group]) for name in ("Unknown", "Fourth", "Teacher"))
    Member.objects.filter(pk=fourth.pk).update(grade=grades["四年级"])
    Member.objects.filter(pk=teacher.pk).update(identity="老师")
    assert set(misfits(cast.mei).values_list("member__name", flat=True)) == {"Fourth", "Teacher"}
    made, left = moves_propose(by=cast.mei, now=NOW, rows=misfits(cast.mei).order_by("pk"))
    assert (made, left) == (1, 1)
    task = StaffTask.objects.get(kind="move_member")
    assert (task.member, task.group, task.subject_id, task.branch) == (fourth, group, target.pk, cast.hangzhou)
    assert moves_propose(by=cast.mei, now=NOW, rows=misfits(cast.mei)) == (0, 2), "proposed once"
    assert unknown


def test_ticked_rows_or_all_that_match_become_tasks(client, cast):
    trial = group_for(cast, "Trial", audience_tier="non_paying")
    group_for(cast, "Payers", audience_tier="first_time")
    members = [make_member(f"M{number}", [trial]) for number in range(3)]
    Member.objects.update(tier="first_time")
    client.force_login(cast.mei)
    ids = [row.pk for row in misfits(cast.mei).filter(member=members[0])]
    client.post("/members/misfits/propose/", {"ids": ids, "query": ""})
    assert StaffTask.objects.filter(kind="move_member").count() == 1
    client.post("/members/misfits/propose/", {"all": "1", "query": "why=grade"})
    assert StaffTask.objects.filter(kind="move_member").count() == 1
    client.post("/members/misfits/propose/", {"all": "1", "query": "why=tier"})
    assert StaffTask.objects.filter(kind="move_member").count() == 3
    export = client.get("/members/misfits/?export=csv").getvalue().decode()
    assert "Payers" in export
    client.force_login(cast.ana)
    assert client.post("/members/misfits/propose/", {"ids": ids}).status_code == 403


def test_the_page_asks_as_often_for_twenty_rows_as_for_two(client, cast, django_assert_max_num_queries):
    trial = group_for(cast, "Trial", audience_tier="non_paying")
    group_for(cast, "Payers", audience_tier="first_time")
    client.force_login(cast.lin)
    counts = []
    for size in (2, 20):
        while Member.objects.count() < size:
            make_member("", [trial])
        Member.objects.update(tier="first_time")
        with django_assert_max_num_queries(14) as captured:
            assert len(client.get("/members/misfits/").context["rows"]) == size
        counts.append(len(captured))
    assert counts[0] == counts[1]


# The yearly move up


@pytest.fixture
def school(cast, grades):
    third = group_for(cast, "三年级阅读 1 群", audience_grade=grades["三年级"])
    fourth = group_for(cast, "四年级阅读 1 群", audience_grade=grades["四年级"])
    plain = group_for(cast, "妈妈读书会", audience_grade=grades["五年级"])
    last = group_for(cast, "高三冲刺群", audience_grade=grades["高三"])
    pupil, graduate = make_member("Pupil", [third]), make_member("Graduate", [last])
    Member.objects.filter(pk=pupil.pk).update(grade=grades["三年级"])
    Member.objects.filter(pk=graduate.pk).update(grade=grades["高三"])
    return {"third": third, "fourth": fourth, "plain": plain, "last": last, "pupil": pupil, "graduate": graduate}


def named(school, key):
    school[key].refresh_from_db()
    return school[key].name


def test_groups_and_members_move_up_and_back_exactly(cast, grades, school):
    taken = group_for(cast, "六年级群", audience_grade=None)
    clashing = group_for(cast, "五年级群", audience_grade=grades["五年级"])
    plan = promotion_plan()
    assert [move.group for move in plan.clashing] == [clashing]
    assert plan.graduating == [school["last"]]
    run = promotion_run(by=cast.lin, now=NOW, year=2026)
    assert named(school, "third") == "四年级阅读 1 群", "free, because that one moves as well"
    assert named(school, "fourth") == "五年级阅读 1 群"
    assert (named(school, "plain"), school["plain"].audience_grade.name) == ("妈妈读书会", "六年级")
    assert (named(school, "last"), school["last"].audience_grade.name) == ("高三冲刺群", "高三")
    clashing.refresh_from_db()
    assert (clashing.name, clashing.audience_grade.name) == ("五年级群", "五年级")
    school["pupil"].refresh_from_db()
    school["graduate"].refresh_from_db()
    assert school["pupil"].grade.name == "四年级"
    assert school["graduate"].grade is None
    assert (run.groups, run.members, run.left_alone) == (3, 2, 2)
    assert StaffTask.objects.get(kind="graduated_group").group == school["last"]
    with pytest.raises(AlreadyPromoted):
        promotion_run(by=cast.lin, now=NOW, year=2026)

    group_update(by=cast.lin, now=NOW, group=school["plain"], changes={"name": "读书会"})
    assert promotion_undo(by=cast.lin, now=NOW, run=run)
    assert not promotion_undo(by=cast.lin, now=NOW, run=run)
    assert (named(school, "third"), named(school, "fourth")) == ("三年级阅读 1 群", "四年级阅读 1 群")
    assert (named(school, "plain"), school["plain"].audience_grade.name) == ("读书会", "六年级")
    school["pupil"].refresh_from_db()
    school["graduate"].refresh_from_db()
    assert [school[who].grade.name for who in ("pupil", "graduate")] == ["三年级", "高三"]
    run.refresh_from_db()
    assert run.kept == 1
    assert StaffTask.objects.get(kind="graduated_group").state == "cancelled"
    assert promotion_run(by=cast.lin, now=NOW, year=2026), "after an undo it may be run again by hand"
    assert taken


def test_a_group_that_leaves_school_is_archived_by_its_task(cast, school):
    promotion_run(by=cast.lin, now=NOW, year=2026)
    task_settle(by=cast.mei, now=NOW, task=StaffTask.objects.get(kind="graduated_group"), outcome="archived")
    school["last"].refresh_from_db()
    assert school["last"].state == GroupState.ARCHIVED


def test_it_moves_up_by_itself_on_the_day_once_a_year(cast, school):
    day = datetime(2026, 8, 31, 17, tzinfo=UTC)  # the first of September in Shanghai
    assert not promotion_run_due(now=day), "switched off"
    policy_save(by=cast.lin, now=NOW, values=PromotionPolicy(on=True))
    assert not promotion_run_due(now=day - timedelta(hours=2))
    with time_machine.travel(day, tick=False):
        promote_due()
        promote_due()
    run = PromotionRun.objects.get()
    assert (run.year, run.by) == (2026, None)
    promotion_undo(by=cast.lin, now=day, run=run)
    assert not promotion_run_due(now=day + timedelta(days=1)), "what a person took back is not done again"
    assert not promotion_run_due(now=day.replace(year=2027) + timedelta(days=60)), "too late for the year"
    assert promotion_run_due(now=day.replace(year=2027))


def test_the_page_previews_runs_and_offers_undo(client, cast, school):
    client.force_login(cast.lin)
    with time_machine.travel(NOW, tick=False):
        page = client.get("/settings/classes/promotion/").content.decode()
        assert "四年级阅读 1 群" in page
        done = client.post("/settings/classes/promotion/", follow=True).content.decode()
        run = PromotionRun.objects.get()
        assert f"/settings/classes/promotion/{run.pk}/undo/" in done
        assert "was done already" in client.get("/settings/classes/promotion/").content.decode()
        client.post("/settings/classes/promotion/")
    assert PromotionRun.objects.count() == 1
    client.post(f"/settings/classes/promotion/{run.pk}/undo/")
    assert named(school, "third") == "三年级阅读 1 群"
    sent = {"version": "0", "month": "2", "day": "30"}
    assert client.post("/settings/classes/promotion/day/", sent).status_code == 422
    assert client.post("/settings/classes/promotion/day/", {**sent, "day": "29", "on": "on"}).status_code == 302


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_two_runs_at_once_make_one(cast, school):
    outcomes = []
    barrier = threading.Barrier(2)

    def run():
        barrier.wait()
        try:
            promotion_run(by=cast.lin, now=NOW, year=2026)
            outcomes.append("run")
        except AlreadyPromoted:
            outcomes.append("done already")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done already", "run"]
    assert named(school, "third") == "四年级阅读 1 群"
