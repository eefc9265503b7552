"""Tasks for staff: found, settled in place, given away, taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from accounts.models import AuditEntry
from groups.roles.models import GroupRole, Permission
from groups.roles.services import role_permission_set, staff_role_grant
from members.models import StaffTask, TaskState
from members.work import kinds
from members.work.kinds import Outcome, TaskKind
from members.work.notes import task_write
from members.work.services import task_ensure, task_reopen, task_settle, tasks_cancel
from tests.builders import NOW, make_group, make_member

CALL = "test-call"
ONE_WAY = "test-one-way"


@pytest.fixture(autouse=True)
def _kinds(monkeypatch):
    monkeypatch.setattr(kinds, "_KINDS", dict(kinds._KINDS))
    kinds.register(
        TaskKind(
            slug=CALL,
            label="Call",
            icon="phone",
            sentence=lambda task: f"Call {task.member}",
            outcomes=(Outcome("done", "Reached"), Outcome("refused", "Refused", asks_note=True)),
        )
    )
    kinds.register(TaskKind(ONE_WAY, "One way", "bolt", lambda task: "No way back", settled=lambda task, by, now: None))


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def group(cast):
    return make_group("杭州·阅读", branch=cast.hangzhou)


def make_task(group=None, *, kind=CALL, due=timedelta(hours=1), **about):
    number = StaffTask.objects.count()
    return task_ensure(kind=kind, key=f"{kind}:{number}", due_at=NOW + due, now=NOW, group=group, **about)


def words(response):
    return [str(item.sentence) for item in response.context["items"]]


def test_a_task_is_settled_in_place_and_taken_back(client, cast, group):
    task = make_task(group, member=make_member("小李", groups=[group]))
    client.force_login(cast.mei)
    assert words(client.get("/tasks/")) == ["Call 小李"]
    response = client.post(f"/tasks/{task.pk}/settle/", {"outcome": "done", "note": "下午打的"}, follow=True)
    assert words(response) == []
    undo = next(message.extra_tags for message in response.context["messages"]).split(":", 1)[1].split(" ")[0]
    task.refresh_from_db()
    assert (task.state, task.note, task.settled_by) == (TaskState.DONE, "下午打的", cast.mei)
    assert words(client.post(undo, follow=True)) == ["Call 小李"]
    assert set(AuditEntry.objects.filter(subject_type="members.stafftask").values_list("action", flat=True)) == {
        "task.settled",
        "task.reopened",
    }


def test_an_outcome_that_wants_a_sentence_is_refused_without_one_and_keeps_what_was_typed(client, cast, group):
    task = make_task(group, member=make_member())
    client.force_login(cast.mei)
    response = client.post(f"/tasks/{task.pk}/settle/", {"outcome": "refused"})
    assert response.status_code == 422
    assert "Refused" in response.context["error"]
    response = client.post(f"/tasks/{task.pk}/settle/", {"outcome": "nonsense", "note": "打字"})
    assert response.status_code == 422
    assert "打字" in response.content.decode()
    client.post(f"/tasks/{task.pk}/settle/", {"outcome": "refused", "note": "不需要"})
    task.refresh_from_db()
    assert (task.outcome, task.note) == ("refused", "不需要")


def test_a_task_that_is_not_needed_is_skipped(client, cast, group):
    task = make_task(group)
    client.force_login(cast.mei)
    client.post(f"/tasks/{task.pk}/settle/", {"outcome": "skip"})
    task.refresh_from_db()
    assert (task.state, task.outcome) == (TaskState.SKIPPED, "")


def test_of_two_who_settle_the_second_is_told(client, cast, group):
    task = make_task(group)
    task_settle(by=cast.lin, now=NOW, task=StaffTask.objects.get(pk=task.pk))
    client.force_login(cast.mei)
    response = client.post(f"/tasks/{task.pk}/settle/", {"outcome": "done"}, follow=True)
    assert "meanwhile" in response.content.decode()
    task.refresh_from_db()
    assert task.settled_by == cast.lin


def test_what_cannot_be_taken_back_offers_no_undo(client, cast, group):
    task = make_task(group, kind=ONE_WAY)
    client.force_login(cast.mei)
    response = client.post(f"/tasks/{task.pk}/settle/", {"outcome": "done"}, follow=True)
    assert "tasks/undo" not in response.content.decode()
    assert not task_reopen(by=cast.mei, now=NOW, task=task)
    assert "cannot be taken back" in client.post(f"/tasks/undo/?ids={task.pk}", follow=True).content.decode()


def test_many_are_settled_at_once_and_those_that_do_not_fit_are_left(client, cast, group):
    tasks = [make_task(group) for _number in range(3)]
    elsewhere = make_task(make_group(branch=cast.chengdu))
    other = make_task(group, kind="note", data={"text": "x"})
    client.force_login(cast.mei)
    ids = [task.pk for task in (*tasks, elsewhere, other)]
    response = client.post("/tasks/many/", {"ids": ids, "action": "settle", "outcome": "refused"}, follow=True)
    assert "4 tasks were left" in response.content.decode()
    response = client.post("/tasks/many/", {"ids": ids, "action": "settle", "outcome": "done"}, follow=True)
    assert "4 tasks are settled" in response.content.decode()
    elsewhere.refresh_from_db()
    assert elsewhere.state == TaskState.OPEN, "nobody reaches into another branch"
    undo = next(message.extra_tags for message in response.context["messages"]).split(":", 1)[1].split(" ")[0]
    client.post(undo)
    assert StaffTask.objects.open().count() == 5


def test_tasks_are_given_to_somebody_who_may_act(client, cast, group):
    task = make_task(group)
    client.force_login(cast.mei)
    client.post(f"/tasks/{task.pk}/give/", {"assignee": cast.mei.pk})
    task.refresh_from_db()
    assert task.assignee == cast.mei
    assert client.post(f"/tasks/{task.pk}/give/", {"assignee": cast.ana.pk}).status_code == 404
    client.post("/tasks/many/", {"ids": [task.pk], "action": "give", "assignee": ""})
    task.refresh_from_db()
    assert task.assignee is None


def test_mine_is_what_was_given_to_me_and_what_falls_to_whoever_runs_the_group(client, cast, group):
    theirs = make_group("别人管的", branch=cast.hangzhou)
    staff_role_grant(by=cast.lin, now=NOW, group=theirs, user=cast.lin, role=GroupRole.OWNER)
    nobodys = make_task(group)
    make_task(theirs)
    given = make_task(theirs, assignee=cast.mei)
    make_task(group, assignee=cast.lin)
    assert set(StaffTask.objects.falling_to(cast.mei)) == {nobodys, given}
    client.force_login(cast.mei)
    assert len(words(client.get("/tasks/?whose=mine"))) == 2
    client.force_login(cast.lin)
    assert len(words(client.get(f"/tasks/?whose={cast.mei.pk}"))) == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("due=late", 1),
        ("due=1", 2),
        ("due=7", 3),
        ("q=小王", 1),
        ("q=阅读", 2),
        ("kind=note", 1),
        ("state=settled", 1),
        ("whose=nobody", 3),
    ],
)
def test_tasks_are_found_by_due_words_kind_and_state(client, cast, group, query, found):
    make_task(group, due=timedelta(hours=-1))
    make_task(group, member=make_member("小王", groups=[group]))
    task_write(by=cast.mei, now=NOW, text="联系绘本馆", due_at=NOW + timedelta(days=3))
    task_settle(by=cast.mei, now=NOW, task=make_task(group))
    client.force_login(cast.mei)
    assert len(words(client.get(f"/tasks/?{query}"))) == found


def test_a_task_in_own_words_is_due_at_the_end_of_its_day(client, cast, group):
    client.force_login(cast.mei)
    response = client.post("/tasks/new/", {"text": "", "day": "2026-03-03"})
    assert response.status_code == 422
    client.post("/tasks/new/", {"text": "换群公告", "day": "2026-03-03", "group": group.pk, "assignee": cast.mei.pk})
    task = StaffTask.objects.get(kind="note")
    assert task.due_at.isoformat() == "2026-03-03T15:59:00+00:00"
    assert (task.branch, task.group, task.assignee) == (cast.hangzhou, group, cast.mei)


def test_the_part_of_a_page_shows_only_what_it_is_about(client, cast, group):
    member = make_member("小王", groups=[group])
    make_task(group, member=member)
    make_task(group, kind="note", data={"text": "别的"})
    client.force_login(cast.mei)
    assert len(words(client.get(f"/tasks/part/?group={group.pk}"))) == 2
    assert len(words(client.get(f"/tasks/part/?member={member.pk}"))) == 1
    assert len(words(client.get(f"/members/{member.pk}/tasks/"))) == 1
    assert len(words(client.get(f"/tasks/part/?group={group.pk}&kind=note"))) == 1
    client.force_login(cast.out)
    assert client.get(f"/tasks/part/?group={group.pk}").status_code == 404


def test_a_script_gets_the_part_again_with_its_note(client, cast, group):
    task = make_task(group)
    client.force_login(cast.mei)
    here = f"/tasks/part/?group={group.pk}&next=/groups/{group.pk}/"
    headers = {"HX-Request": "true"}
    response = client.post(f"/tasks/{task.pk}/settle/", {"outcome": "done", "next": here}, headers=headers)
    answer = client.get(response["Location"], headers=headers).content.decode()
    assert "hx-swap-oob" in answer
    assert "Reached" in answer


def test_what_one_may_not_do_in_the_group_one_may_not_settle(client, cast, group):
    kinds.register(
        TaskKind("test-remove", "Remove", "bolt", lambda task: "Remove", permission=Permission.MODERATE.value)
    )
    task, other = make_task(group, kind="test-remove"), make_task(group)
    role_permission_set(by=cast.lin, role="operator", permission="moderate", allowed=False)
    client.force_login(cast.mei)
    assert client.post(f"/tasks/{task.pk}/settle/", {"outcome": "done"}).status_code == 403
    client.post("/tasks/many/", {"ids": [task.pk, other.pk], "outcome": "done"})
    assert list(StaffTask.objects.open()) == [task]
    assert task_settle(by=cast.lin, now=NOW, task=task)
    assert not task_reopen(by=cast.mei, now=NOW, task=task)
    assert task_reopen(by=cast.lin, now=NOW, task=task)


def test_a_manager_reads_and_changes_nothing(client, cast, group):
    task = make_task(group)
    client.force_login(cast.ana)
    page = client.get("/tasks/").content.decode()
    assert "/settle/" not in page
    for address in (f"/tasks/{task.pk}/settle/", f"/tasks/{task.pk}/give/", "/tasks/many/", "/tasks/undo/"):
        assert client.post(address).status_code == 403


def test_the_list_is_exported_as_it_is_filtered(client, cast, group):
    make_task(group, member=make_member("小王", groups=[group]))
    client.force_login(cast.mei)
    text = b"".join(client.get("/tasks/?export=csv").streaming_content).decode()
    assert "Call 小王" in text
    assert "杭州·阅读" in text


def test_the_list_asks_as_often_for_two_tasks_as_for_twenty(client, cast, group, django_assert_max_num_queries):
    client.force_login(cast.lin)
    counts = []
    for size in (2, 20):
        while StaffTask.objects.count() < size:
            make_task(make_group(branch=cast.hangzhou), member=make_member(), assignee=cast.mei)
        with django_assert_max_num_queries(20) as captured:
            client.get("/tasks/")
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_tasks_whose_reason_is_gone_are_cancelled(cast, group):
    member = make_member()
    task = make_task(group, member=member)
    assert tasks_cancel(now=NOW, kind=CALL, member=member) == 1
    assert tasks_cancel(now=NOW, kind=CALL, member=member) == 0
    task.refresh_from_db()
    assert task.state == TaskState.CANCELLED
    assert not task_reopen(by=cast.lin, now=NOW, task=task)


def test_a_task_that_is_not_mine_to_settle_says_whose_it_is(client, cast, group, monkeypatch):
    kinds.register(TaskKind("test-guarded", "Guarded", "lock", lambda task: "Guarded", permission=Permission.MODERATE))
    task = make_task(group, kind="test-guarded")
    role_permission_set(by=cast.lin, role="operator", permission=Permission.MODERATE, allowed=False)
    client.force_login(cast.mei)
    for path in ("/tasks/", f"/tasks/{task.pk}/", f"/tasks/part/?group={group.pk}"):
        page = client.get(path).content.decode()
        assert "Up to an administrator" in page
        assert f"/tasks/{task.pk}/settle/" not in page
    assert client.post(f"/tasks/{task.pk}/settle/", {"outcome": "done"}).status_code == 403
    staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.lin, role=GroupRole.OWNER)
    assert "Up to:" in client.get("/tasks/").content.decode()


def test_tasks_stand_under_the_day_on_which_they_are_due(client, cast, group):
    for due in (-1, 1, 24, 72, 24 * 9):
        make_task(group, due=timedelta(hours=due))
    client.force_login(cast.mei)
    assert [heading for heading, _item in client.get("/tasks/").context["lines"]] == [
        "Late", "Today", "Tomorrow", "Within a week", "Later"
    ]  # fmt: skip
    assert [heading for heading, _item in client.get("/tasks/?sort=-due").context["lines"]] == [""] * 5
