from __future__ import annotations

import re
import threading

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import connection, connections
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from community_ops.celery import app
from groups.bulk import services
from groups.bulk.actions import action_named
from groups.bulk.services import bulk_preview, bulk_start, bulk_undo, bulk_work
from groups.bulk.tasks import resume_bulk, run_bulk
from groups.models import BulkRun, BulkState, Group, GroupState, GroupTag, RowState, RuleSet, StaffRole
from groups.roles.services import role_permission_set, staff_role_grant
from groups.services import group_archive, group_tags_change, group_update
from members.privacy.services import member_erase
from tests.builders import NOW, make_group, make_member


def clock():
    return NOW


def start(by, action, params=None, chosen=None, key="a"):
    return bulk_start(
        by=by,
        now=NOW,
        key=key,
        action=action_named(action),
        params=params or {},
        chosen=Group.objects.all() if chosen is None else chosen,
    )


def outcomes(run):
    return dict(run.rows.values_list("name", "state"))


@pytest.fixture
def groups(cast):
    return [make_group(f"G{number}", branch=cast.hangzhou) for number in range(4)]


@pytest.fixture
def rules(cast):
    return RuleSet.objects.create(name="群规", created_at=NOW)


def test_a_run_keeps_the_outcome_of_each_row_and_can_be_taken_back(cast, groups, rules):
    group_update(by=cast.lin, now=NOW, group=groups[0], changes={"rule_set": rules})
    run = start(cast.mei, "group.rules", {"rule_set": str(rules.pk)})
    bulk_work(run_id=run.pk, clock=clock)
    run.refresh_from_db()
    assert (run.state, run.total, run.changed, run.unchanged) == (BulkState.DONE, 4, 3, 1)
    assert outcomes(run)["G0"] == RowState.UNCHANGED
    assert run.rows.get(name="G0").note == "follow these rules already"
    assert Group.objects.filter(rule_set=rules).count() == 4

    other = RuleSet.objects.create(name="新群规", created_at=NOW)
    groups[1].refresh_from_db()
    group_update(by=cast.lin, now=NOW, group=groups[1], changes={"rule_set": other})
    assert bulk_undo(by=cast.mei, now=NOW, run=run)
    bulk_work(run_id=run.pk, clock=clock)
    run.refresh_from_db()
    assert (run.state, run.undone, run.kept) == (BulkState.UNDONE, 2, 1)
    assert outcomes(run) == {"G0": "unchanged", "G1": "kept", "G2": "undone", "G3": "undone"}
    assert list(Group.objects.filter(rule_set=None).values_list("name", flat=True)) == ["G2", "G3"]
    assert not bulk_undo(by=cast.mei, now=NOW, run=run), "nothing is taken back twice"
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"bulk.started", "bulk.undone"}


def test_tags_are_put_on_and_taken_off_and_only_those_of_the_run_go_again(cast, groups):
    shared = GroupTag.objects.create(name="重点")
    group_tags_change(by=cast.lin, group=groups[0], add=[shared])
    run = start(cast.mei, "group.tag", {"tags": "重点，新群, "})
    bulk_work(run_id=run.pk, clock=clock)
    assert {tag.name for tag in groups[0].tags.all()} == {"重点", "新群"}
    assert GroupTag.objects.get(name="新群").branch == cast.hangzhou, "a branch makes its own"
    bulk_undo(by=cast.mei, now=NOW, run=run)
    bulk_work(run_id=run.pk, clock=clock)
    assert [tag.name for tag in groups[0].tags.all()] == ["重点"]
    assert not groups[1].tags.exists()

    off = start(cast.mei, "group.untag", {"tag": str(shared.pk)}, key="off")
    bulk_work(run_id=off.pk, clock=clock)
    off.refresh_from_db()
    assert (off.changed, off.unchanged) == (1, 3)
    bulk_undo(by=cast.mei, now=NOW, run=off)
    bulk_work(run_id=off.pk, clock=clock)
    assert list(groups[0].tags.all()) == [shared]


def test_a_new_owner_takes_the_place_of_the_old_one_who_comes_back_with_undo(cast, groups):
    staff_role_grant(by=cast.lin, now=NOW, group=groups[0], user=cast.lin, role="owner")
    make_group("Elsewhere", branch=cast.chengdu)
    run = start(cast.lin, "group.staff", {"person": str(cast.mei.pk), "role": "owner"})
    bulk_work(run_id=run.pk, clock=clock)
    assert outcomes(run)["Elsewhere"] == RowState.UNCHANGED
    assert StaffRole.objects.filter(user=cast.mei, role="owner").count() == 4
    bulk_undo(by=cast.lin, now=NOW, run=run)
    bulk_work(run_id=run.pk, clock=clock)
    assert list(StaffRole.objects.values_list("group__name", "user__username")) == [("G0", "lin")]


def test_what_is_decided_by_others_in_a_group_is_left_alone(cast, groups, rules):
    staff_role_grant(by=cast.lin, now=NOW, group=groups[0], user=cast.lin, role="owner")
    run = start(cast.mei, "group.staff", {"person": str(cast.mei.pk), "role": "owner"})
    bulk_work(run_id=run.pk, clock=clock)
    assert (outcomes(run)["G0"], run.rows.get(name="G0").note) == (RowState.UNCHANGED, "not yours to decide")
    assert StaffRole.objects.get(group=groups[0]).user == cast.lin

    assert role_permission_set(by=cast.lin, role="owner", permission="moderate", allowed=False)
    run = start(cast.mei, "group.rules", {"rule_set": str(rules.pk)}, key="b")
    bulk_work(run_id=run.pk, clock=clock)
    assert set(outcomes(run).values()) == {RowState.UNCHANGED, RowState.CHANGED}
    assert list(Group.objects.filter(rule_set=rules)) == [groups[0]], "there Mei holds no role"


def test_the_form_of_a_group_changes_no_rules_for_who_may_not_moderate(cast, groups, rules):
    role_permission_set(by=cast.lin, role="operator", permission="moderate", allowed=False)
    for changes in ({"rule_set": rules}, {"keeps_messages": True}):
        with pytest.raises(PermissionDenied):
            group_update(by=cast.mei, now=NOW, group=groups[0], changes=changes)
    group_update(by=cast.mei, now=NOW, group=groups[0], changes={"capacity": 100, "keeps_messages": False})
    group_update(by=cast.lin, now=NOW, group=groups[0], changes={"rule_set": rules})


def test_nothing_is_done_in_the_name_of_somebody_who_left(cast, groups):
    run = start(cast.mei, "group.archive")
    User.objects.filter(pk=cast.mei.pk).update(is_active=False)
    bulk_work(run_id=run.pk, clock=clock)
    run.refresh_from_db()
    assert (run.state, run.changed) == (BulkState.DONE, 0)
    assert Group.objects.open().count() == 4


def test_archiving_many_is_previewed_with_names_and_reasons(cast, groups):
    group_archive(by=cast.lin, group=groups[3])
    preview = bulk_preview(by=cast.mei, action=action_named("group.archive"), params={}, chosen=Group.objects.all())
    assert (preview.total, preview.changing.count, preview.changing.names) == (4, 3, ["G0", "G1", "G2"])
    assert [(part.count, part.names, part.reason) for part in preview.unchanged] == [(1, ["G3"], "closed already")]
    run = start(cast.mei, "group.archive")
    bulk_work(run_id=run.pk, clock=clock)
    assert not Group.objects.open().exists()
    bulk_undo(by=cast.mei, now=NOW, run=run)
    bulk_work(run_id=run.pk, clock=clock)
    assert set(Group.objects.open()) == set(groups[:3]), "what was closed before stays closed"

    again = start(cast.mei, "group.restore", key="b")
    bulk_work(run_id=again.pk, clock=clock)
    assert Group.objects.get(name="G3").state == GroupState.ACTIVE


def test_nobody_reaches_beyond_their_branch(cast, groups):
    run = start(cast.out, "group.archive")
    assert run.total == 0
    run = start(cast.mei, "group.archive", key="b")
    Group.objects.filter(name="G0").update(branch=cast.chengdu)
    Group.objects.filter(name="G1").delete()
    bulk_work(run_id=run.pk, clock=clock)
    assert outcomes(run) == {"G0": "failed", "G1": "failed", "G2": "changed", "G3": "changed"}


def test_a_run_goes_on_where_a_killed_worker_stopped(cast, groups, monkeypatch, celery_inline):
    monkeypatch.setattr(services, "CHUNK", 2)
    run = start(cast.mei, "group.tag", {"tags": "A"})
    assert services._chunk(run.pk, NOW)
    run.refresh_from_db()
    assert (run.state, run.changed) == (BulkState.RUNNING, 2)
    with time_machine.travel(NOW, tick=False):
        resume_bulk()
    run.refresh_from_db()
    assert run.state == BulkState.RUNNING, "a worker that was heard of just now is left alone"
    later = timezone.now()
    with time_machine.travel(later, tick=False):
        resume_bulk()
        resume_bulk()
        run_bulk(run.pk)
    run.refresh_from_db()
    assert (run.state, run.changed, run.total) == (BulkState.DONE, 4, 4)
    assert AuditEntry.objects.filter(action="group.tagged").count() == 4, "no row is done twice"


@pytest.fixture
def celery_inline():
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def test_the_name_of_a_person_who_was_erased_is_forgotten(cast):
    member = make_member("王小明", groups=[make_group(branch=cast.hangzhou)])
    run = BulkRun.objects.create(key="m", subject="member", action="member.tag", title="标签", created_at=NOW)
    run.rows.create(subject_id=member.pk, name=member.name)
    member_erase(by=cast.lin, now=NOW, member=member)
    assert run.rows.get().name == ""


def test_an_error_stops_the_run_and_what_was_done_can_be_taken_back(cast, groups, rules):
    run = start(cast.mei, "group.rules", {"rule_set": str(rules.pk)})
    rules.delete()
    with pytest.raises(RuleSet.DoesNotExist):
        bulk_work(run_id=run.pk, clock=clock)
    run.refresh_from_db()
    assert run.state == BulkState.FAILED
    assert run.error


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_two_workers_at_one_run_do_each_row_once(cast, monkeypatch):
    monkeypatch.setattr(services, "CHUNK", 3)
    for number in range(20):
        make_group(f"G{number}", branch=cast.hangzhou)
    run = start(cast.mei, "group.tag", {"tags": "A"})

    def work():
        bulk_work(run_id=run.pk, clock=clock)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.refresh_from_db()
    assert (run.state, run.changed) == (BulkState.DONE, 20)
    assert AuditEntry.objects.filter(action="group.tagged").count() == 20


# Pages


def hidden(page, name):
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


def test_from_ticked_rows_over_the_preview_to_a_run(client, cast, groups):
    client.force_login(cast.mei)
    page = client.get("/groups/").content.decode()
    assert page.count("data-bulk-box") == 4
    url = reverse("groups:bulk", args=["group"])
    chosen = {"ids": [groups[0].pk, groups[1].pk], "query": "sort=-members", "action": "group.tag"}
    asked = client.post(url, chosen)
    assert asked.status_code == 200
    empty = client.post(url, {**chosen, "step": "preview", "answer-tags": ""})
    assert empty.status_code == 422
    previewed = client.post(url, {**chosen, "step": "preview", "answer-tags": "重点"}).content.decode()
    assert "G0 · G1" in previewed
    body = {
        **chosen,
        "step": "start",
        "answer-tags": "重点",
        "key": hidden(previewed, "key"),
        "expected": hidden(previewed, "expected"),
    }
    first = client.post(url, body)
    second = client.post(url, body)
    assert first.status_code == second.status_code == 302
    run = BulkRun.objects.get()
    assert first.url == second.url == reverse("groups:bulk_run", args=[run.pk])
    progress = client.get(reverse("groups:bulk_progress", args=[run.pk]))
    assert "hx-trigger" in progress.content.decode()
    bulk_work(run_id=run.pk, clock=clock)
    done = client.get(reverse("groups:bulk_run", args=[run.pk])).content.decode()
    assert "Take it back" in done
    assert client.get(reverse("groups:bulk_progress", args=[run.pk]))["HX-Refresh"] == "true"
    client.post(reverse("groups:bulk_undo", args=[run.pk]))
    run.refresh_from_db()
    assert run.state == BulkState.UNDOING


def test_all_that_match_are_those_of_the_search_and_what_was_not_previewed_is_not_started(client, cast, groups):
    make_group("Other", branch=cast.hangzhou, motivation="sales")
    client.force_login(cast.mei)
    url = reverse("groups:bulk", args=["group"])
    body = {"all": "1", "query": "motivation=growth", "action": "group.archive"}
    page = client.post(url, body).content.decode()
    assert hidden(page, "expected") == "4"
    make_group("G9", branch=cast.hangzhou)
    start_it = {**body, "step": "start", "expected": "4", "key": "k"}
    moved = client.post(url, start_it)
    assert moved.status_code == 409
    assert not BulkRun.objects.exists()
    client.post(url, {**start_it, "expected": "5"})
    assert BulkRun.objects.get().total == 5


def test_nothing_ticked_says_so_and_an_unknown_action_lets_choose(client, cast, groups):
    client.force_login(cast.mei)
    url = reverse("groups:bulk", args=["group"])
    assert client.post(url, {"query": "q=G"}).url == "/groups/?q=G"
    page = client.post(url, {"ids": [groups[0].pk], "action": "group.nonsense"}).content.decode()
    assert page.count('type="radio"') == 6
    assert client.post(reverse("groups:bulk", args=["nothing"]), {}).status_code == 404


def test_the_preview_asks_as_often_for_many_as_for_few(client, cast, django_assert_num_queries, groups):
    action = action_named("group.archive")
    with django_assert_num_queries(2) as few:
        bulk_preview(by=cast.mei, action=action, params={}, chosen=Group.objects.all())
    for number in range(20):
        make_group(f"M{number}", branch=cast.hangzhou)
    with django_assert_num_queries(len(few)):
        bulk_preview(by=cast.mei, action=action, params={}, chosen=Group.objects.all())
