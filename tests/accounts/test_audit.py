"""The audit trail: every change with its person, its way in, before and after, in words."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from accounts.audit import audit_record
from accounts.history import changes_in_a_line, changes_of, known_actions, known_subjects, label_of
from accounts.models import AuditEntry, Branch, Role, User
from accounts.scopes import Scope
from accounts.services import staff_update, token_issue
from accounts.tasks import forget_idempotent_requests
from community_ops.lib.way_in import coming_by, way_in
from groups.models import Group
from groups.services import group_archive, group_create, group_update
from tests.builders import NOW, make_group, make_member

APPS = ("accounts", "groups", "members", "campaigns", "analytics", "delivery", "activity")


def entry_of(action: str) -> AuditEntry:
    return AuditEntry.objects.filter(action=action).latest("pk")


def recorded_actions() -> set[str]:
    """Every literal that the product passes to audit_record as `action`."""
    found = set()
    for app in APPS:
        for path in Path(settings.BASE_DIR, app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "audit_record":
                    values = [keyword.value for keyword in node.keywords if keyword.arg == "action"]
                    found |= {
                        str(part.value)
                        for value in values
                        for part in ast.walk(value)
                        if isinstance(part, ast.Constant) and "." in str(part.value).strip(".")
                    }
    return found


def test_every_act_that_is_written_down_has_its_words():
    missing = recorded_actions() - known_actions().keys()
    assert not missing, f"say in the words.py of the app what these are: {sorted(missing)}"


def test_words_are_chinese_in_chinese():
    with translation.override("zh-hans"):
        words = [str(text) for text in known_actions().values()]
        words += [str(subject.label) for subject in known_subjects().values()]
    assert [text for text in words if text.isascii()] == []


# From where


def test_a_page_leaves_its_address_and_way(client, cast):
    group = make_group(branch=cast.hangzhou)
    client.force_login(cast.mei)
    client.post(f"/groups/{group.pk}/archive/", REMOTE_ADDR="203.0.113.9")
    entry = entry_of("group.archived")
    assert (entry.via, entry.address, entry.branch_id) == ("page", "203.0.113.9", cast.hangzhou.pk)


def test_a_call_of_the_api_leaves_the_end_of_its_token(client, cast):
    token, text = token_issue(by=None, user=cast.mei, scopes=[Scope.GROUPS_WRITE])
    body = json.dumps({"external_id": "g9", "name": "新群"})
    headers = {"authorization": f"Bearer {text}"}
    client.post("/api/v1/groups/", body, content_type="application/json", headers=headers)
    assert entry_of("group.created").via == f"token:…{token.last_four}"
    assert way_in().via == "", "the next request starts anew"


def test_commands_and_tasks_leave_their_names(cast):
    with coming_by("command:import_orders"):
        group_archive(by=cast.lin, group=make_group())
    assert entry_of("group.archived").via == "command:import_orders"
    seen = []
    from celery.signals import task_success

    def look(**_more):
        seen.append(way_in().via)

    task_success.connect(look)
    for _time in range(2):
        forget_idempotent_requests.apply()
    task_success.disconnect(look)
    assert seen == ["task:accounts.forget_idempotent_requests"] * 2
    assert way_in().via == ""


# What


def test_changes_are_told_in_words_with_choices_and_names(cast):
    group = make_group("阅读", branch=cast.hangzhou)
    group_update(
        by=cast.lin, now=NOW, group=group, changes={"branch_id": cast.chengdu.pk, "motivation": "sales", "capacity": 9}
    )
    lines = {(change.label, change.before, change.after) for change in changes_of(entry_of("group.updated"))}
    assert lines == {("branch", "杭州", "成都"), ("motivation", "Growth", "Sales"), ("capacity", "500", "9")}
    with translation.override("zh-hans"):
        assert "→" in changes_in_a_line(entry_of("group.updated"))


def test_what_stayed_as_it_was_has_no_before_and_what_is_empty_is_left_away(cast):
    entry = audit_record(
        by=cast.lin,
        action="group.updated",
        subject=make_group(),
        before={"name": "同", "capacity": 1, "slogan": ""},
        after={"name": "同", "capacity": 2, "slogan": ""},
    )
    assert [(change.before, change.after) for change in changes_of(entry)] == [("", "同"), ("1", "2")]


def test_an_entry_outlives_its_person_and_its_subject(client, cast):
    pat = User.objects.create_user("pat", role=Role.OPERATOR)
    group = make_group("要删的群")
    group_archive(by=pat, group=group)
    Group.objects.filter(pk=group.pk).delete()
    User.objects.filter(pk=pat.pk).delete()
    client.force_login(cast.lin)
    page = client.get("/settings/audit/?q=要删的群")
    assert page.status_code == 200
    text = page.content.decode()
    assert "要删的群" in text
    assert "pat" in text
    assert f"/groups/{group.pk}/" not in text


def test_the_subject_is_linked_while_it_exists(client, cast):
    group = make_group("还在的群")
    group_archive(by=cast.mei, group=group)
    client.force_login(cast.lin)
    assert f'href="/groups/{group.pk}/"' in client.get("/settings/audit/").content.decode()


# Who reads it


def test_an_administrator_of_a_branch_reads_what_concerns_the_branch(client, cast):
    User.objects.filter(pk=cast.mei.pk).update(role=Role.ADMIN)
    make_group("杭州的", branch=cast.hangzhou)
    make_group("成都的", branch=cast.chengdu)
    client.force_login(cast.mei)
    text = client.get("/settings/audit/").content.decode()
    assert "杭州的" in text
    assert "成都的" not in text
    export = b"".join(client.get("/settings/audit/?export=csv").streaming_content).decode()
    assert "成都的" not in export


@pytest.mark.parametrize(("who", "status"), [("lin", 200), ("mei", 200), ("ana", 200), ("out", 404)])
def test_the_history_of_a_thing_is_for_those_who_may_see_it(client, cast, who, status):
    group = make_group("杭州群", branch=cast.hangzhou)
    member = make_member(groups=[group])
    audit_record(by=cast.mei, action="member.updated", subject=member, before={"name": "旧"}, after={"name": "新"})
    client.force_login(getattr(cast, who))
    for subject in (f"groups.group:{group.pk}", f"members.member:{member.pk}"):
        assert client.get(f"/history/?subject={subject}").status_code == status


@pytest.mark.parametrize("subject", ["", "groups.group", "groups.group:x", "no.thing:1", "accounts.policy:1"])
def test_no_history_of_what_is_nothing_or_has_no_door(client, cast, subject):
    client.force_login(cast.lin)
    assert client.get("/history/", {"subject": subject}).status_code == 404


# Finding


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=mei", "mei"),
        ("q=涮羊肉", "lin"),
        ("q=archived", "mei"),
        ("kind=accounts.user", "lin"),
        ("action=group.archived", "mei"),
        ("via=token", ""),
        ("since=1", "mei lin"),
    ],
)
def test_entries_are_found_by_person_thing_text_act_and_way(client, cast, query, found):
    AuditEntry.objects.all().delete()
    group = group_create(by=None, now=NOW, external_id="g1", name="无")
    AuditEntry.objects.all().delete()
    group_archive(by=cast.mei, group=group)
    staff_update(by=cast.lin, user=cast.ana, changes={"display_name": "涮羊肉"})
    client.force_login(cast.lin)
    response = client.get(f"/settings/audit/?{query}")
    assert {line["entry"].actor_name for line in response.context["lines"]} == set(found.split())


def test_the_page_asks_the_same_number_of_questions_however_long_it_is(client, cast, django_assert_max_num_queries):
    client.force_login(cast.lin)
    counts = []
    for size in (2, 20):
        while Group.objects.count() < size:
            group_archive(by=cast.mei, group=make_group(branch=cast.hangzhou))
        with django_assert_max_num_queries(20) as captured:
            client.get("/settings/audit/")
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_a_field_without_words_is_still_readable():
    assert label_of(Branch, "some_thing") == "some thing"
