"""Playbooks are written as text or as a form, every mistake is named, and an edit plans anew what is under way."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import reverse

from accounts.services import token_issue
from campaigns.models import Playbook, PlaybookRun, StepRun
from campaigns.playbooks.content import content_of, content_parse, content_text
from campaigns.playbooks.services import (
    StalePlaybook,
    playbook_preview,
    playbook_retire,
    playbook_run,
    playbook_save,
)
from campaigns.playbooks.shipped import SLUGS, shipped_text
from community_ops.lib.checked_yaml import Mistakes
from delivery.models import Delivery
from groups.models import Group, RolePermission
from members.models import StaffTask
from tests.base import Cast
from tests.builders import NOW, make_group
from tests.campaigns.playbook_things import DAY, HOUR, JOINING, happen, make_playbook, tick

MOVED = JOINING.replace("key: asked, day: 3", "key: asked, day: 4")
CHANGED = (
    "\n".join(line for line in MOVED.splitlines() if "key: evening" not in line)
    + """
  - {key: second, day: 2, at: "10:00", kind: task, task: do, title: 看看开口了没有}
  - {key: morning, day: 1, at: "08:00", kind: task, task: do, title: 早上看一眼}
"""
)


@pytest.fixture
def group(cast: Cast) -> Group:
    return make_group("阅读群", branch=cast.hangzhou, now=NOW - 30 * DAY)


@pytest.fixture
def playbook(cast: Cast, group) -> Playbook:
    return make_playbook(JOINING, cast.mei, NOW - DAY, cast.hangzhou)


class TestText:
    @pytest.mark.parametrize("slug", SLUGS)
    def test_what_is_shipped_reads_and_comes_back_as_it_was_written(self, cast: Cast, slug):
        content = content_parse(shipped_text(slug))
        playbook = make_playbook(shipped_text(slug), cast.lin, NOW, runs=False)
        assert content_of(playbook) == content
        assert content_parse(content_text(content)) == content

    def test_every_mistake_is_named_with_its_line(self):
        text = """name: 乱
starts: opening
steps:
  - key: a
    day: 0
    at: "25:00"
    kind: message
    title: 一
  - key: a
    day: 2
    at: 20:00
    kind: personal
    title: "给 {someone}"
    text: 你好
    colour: red
"""
        with pytest.raises(Mistakes) as caught:
            content_parse(text)
        found = {(error.path, error.line) for error in caught.value.errors}
        assert {
            ("steps[0].day", 5),
            ("steps[0].at", 6),
            ("steps[0]", 4),
            ("steps[1].key", 9),
            ("steps[1].kind", 12),
            ("steps[1].title", 13),
            ("steps[1].colour", 15),
        } <= found
        assert not any(error.path == "steps[1].at" for error in caught.value.errors)

    @pytest.mark.parametrize("text", ["", "[]", "a: &x [1]\nb: *x", "name: [", "name: 1\nstarts: 2\nsteps: 3"])
    def test_what_is_no_playbook_is_refused_in_words(self, text):
        with pytest.raises(Mistakes):
            content_parse(text)


class TestReplanning:
    def test_done_stays_planned_moves_new_appears_and_removed_is_called_off(self, cast: Cast, playbook, group):
        happen("甲", group, NOW)
        happen("乙", group, NOW)
        tick(NOW + HOUR)
        content = content_parse(CHANGED)
        foreseen = playbook_preview(playbook=playbook, content=content, now=NOW + HOUR)
        before = list(StepRun.objects.order_by("pk").values())
        assert (foreseen.runs, foreseen.moved, foreseen.added, foreseen.cancelled) == (2, 2, 2, 2)
        assert foreseen.passed == 2
        assert list(StepRun.objects.order_by("pk").values()) == before
        done = playbook_save(by=cast.mei, now=NOW + HOUR, playbook=playbook, content=content)
        assert done == foreseen
        steps = {row.step.key: row for row in StepRun.objects.select_related("step").filter(run__key__endswith=":1")}
        assert {key: row.state for key, row in steps.items()} == {
            "hello": "waiting", "evening": "cancelled", "asked": "planned", "second": "planned",
        }  # fmt: skip
        assert steps["asked"].due_at == NOW + 3 * DAY - 2 * HOUR
        tick(NOW + 8 * HOUR, NOW + DAY - 2 * HOUR)
        assert not Delivery.objects.exists()
        assert StaffTask.objects.filter(data__text__startswith="看看开口了没有").count() == 2

    def test_a_step_brought_back_is_planned_again(self, cast: Cast, playbook, group):
        happen("甲", group, NOW)
        tick(NOW + HOUR)
        playbook_save(by=cast.mei, now=NOW + HOUR, playbook=playbook, content=content_parse(CHANGED))
        old = content_parse(playbook.versions.get(number=1).text)
        playbook_save(by=cast.mei, now=NOW + HOUR, playbook=playbook, content=old)
        tick(NOW + 8 * HOUR)
        assert Delivery.objects.get().message.text == "欢迎 甲"
        assert playbook.versions.count() == 3

    def test_two_editors_are_told(self, cast: Cast, playbook):
        playbook_save(by=cast.mei, now=NOW, playbook=playbook, content=content_parse(MOVED), version=1)
        with pytest.raises(StalePlaybook):
            playbook_save(by=cast.mei, now=NOW, playbook=playbook, content=content_parse(CHANGED), version=1)

    def test_what_its_days_are_counted_from_cannot_change_under_way(self, cast: Cast, playbook, group):
        happen("甲", group, NOW)
        tick(NOW + HOUR)
        with pytest.raises(ValidationError):
            playbook_save(by=cast.mei, now=NOW, playbook=playbook, content=content_parse(shipped_text("weekly")))

    def test_retiring_ends_what_is_under_way_with_its_tasks(self, cast: Cast, playbook, group):
        happen("甲", group, NOW)
        tick(NOW + HOUR)
        assert playbook_retire(by=cast.mei, now=NOW + HOUR, playbook=playbook) == 1
        tick(NOW + 8 * HOUR)
        assert StaffTask.objects.get().state == "cancelled"
        assert not Delivery.objects.exists()

    def test_who_may_not_post_cannot_let_messages_go_out(self, cast: Cast, group):
        RolePermission.objects.create(role="operator", permission="post", allowed=False)
        playbook = make_playbook(JOINING, cast.mei, NOW, cast.hangzhou, runs=False)
        with pytest.raises(ValidationError) as caught:
            playbook_run(by=cast.mei, now=NOW, playbook=playbook)
        assert "阅读群" in str(caught.value)


class TestPages:
    def form(self, playbook: Playbook, **more) -> dict[str, object]:
        steps = {
            "step_key": ["hello", ""], "step_day": ["1", "2"], "step_at": ["09:00", "10:00"],
            "step_kind": ["task", "task"], "step_task": ["hello", "do"], "step_title": ["问候 {name}", "看一眼"],
            "step_text": ["", ""], "step_piece": ["", ""], "step_series": ["", ""], "step_late": ["late", "late"],
            "step_late_minutes": ["60", "60"], "step_within_hours": ["24", "24"], "step_role": ["", ""],
        }  # fmt: skip
        return {"name": "新成员", "starts": "joining", "version": playbook.version, **steps, **more}

    def test_the_form_adds_and_takes_out_steps_without_scripts_and_saves_after_a_look(
        self, client, cast: Cast, playbook
    ):
        client.force_login(cast.mei)
        address = reverse("campaigns:playbook_edit", args=[playbook.pk])
        assert len(client.get(address).context["rows"]) == 3
        assert len(client.post(address, self.form(playbook, act="add")).context["rows"]) == 3
        assert len(client.post(address, self.form(playbook, act="remove:0")).context["rows"]) == 1
        wrong = client.post(address, self.form(playbook, act="save", step_day=["1", "x"], name=""))
        assert wrong.status_code == 422
        assert "day" in wrong.context["rows"][1].errors
        assert "name" in wrong.context["errors"]
        look = client.post(address, self.form(playbook, act="save"))
        assert look.status_code == 200
        assert Playbook.objects.get().version == 1
        sent = {"text": look.context["text"], "version": look.context["version"], "confirmed": "yes"}
        assert client.post(address, sent).status_code == 302
        assert [step.title for step in content_of(Playbook.objects.get()).steps] == ["问候 {name}", "看一眼"]
        assert client.post(address, sent).status_code == 409

    def test_a_file_with_mistakes_is_shown_with_their_lines(self, client, cast: Cast):
        client.force_login(cast.mei)
        page = client.post(reverse("campaigns:playbook_new"), {"text": "name: x\nstarts: never\nsteps: []"})
        assert page.status_code == 422
        assert [mistake.line for mistake in page.context["mistakes"]] == [2, 3]

    def test_the_page_counts_who_is_where_and_finds_the_late(self, client, cast: Cast, playbook, group):
        for name in ("甲", "乙"):
            happen(name, group, NOW)
        tick(NOW + HOUR)
        client.force_login(cast.ana)
        address = reverse("campaigns:playbook", args=[playbook.pk])
        with time_machine.travel(NOW + 2 * DAY, tick=False):
            page = client.get(address)
            hello = page.context["line"][0]
            assert (hello.here, hello.late, hello.done) == (2, 2, 0)
            rows = client.get(address, {"state": "late", "q": "甲"}).context["listing"].rows
            assert [row.membership.member.name for row in rows] == ["甲"]

    def test_lists_cost_the_same_with_two_and_with_twenty(
        self, client, cast: Cast, playbook, group, django_assert_max_num_queries
    ):
        client.force_login(cast.mei)
        address = reverse("campaigns:playbook", args=[playbook.pk])
        happen("甲", group, NOW)
        tick(NOW + HOUR)
        client.get(address)
        with django_assert_max_num_queries(40) as few:
            client.get(address)
        for number in range(19):
            happen(f"成员{number}", group, NOW + timedelta(minutes=number))
        tick(NOW + HOUR)
        with django_assert_max_num_queries(len(few)):
            client.get(address)
        assert PlaybookRun.objects.count() == 20

    def test_other_systems_import_a_draft_and_read_it_back(self, client, cast: Cast, playbook):
        _token, secret = token_issue(by=None, user=cast.mei, scopes=["campaigns:read", "campaigns:write"])
        headers = {"authorization": f"Bearer {secret}"}
        wrong = client.post("/api/v1/playbooks/", {"text": "name: x"}, "application/json", headers=headers)
        assert wrong.status_code == 400
        made = client.post("/api/v1/playbooks/", {"text": JOINING}, "application/json", headers=headers)
        assert (made.status_code, made.json()["state"], made.json()["branch"]) == (201, "draft", "hangzhou")
        found = client.get(f"/api/v1/playbooks/{made.json()['id']}/", headers=headers).json()
        assert content_parse(found["text"]) == content_parse(JOINING)
        assert len(client.get("/api/v1/playbooks/", headers=headers).json()["results"]) == 2
