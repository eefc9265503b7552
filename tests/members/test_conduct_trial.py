"""A dry run tells what rules would find, whom they would touch and where they may be wrong."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile

from groups.models import Group, Rule, RuleSetVersion
from members.conduct.reposting import group_keep_messages
from members.conduct.tasks import resume_dry_runs, run_dry_run
from members.conduct.trial import (
    dry_run_run,
    dry_run_start,
    dry_run_upload,
    dry_runs_forget,
    dry_runs_unattended,
    exceptions_proposed,
    hits_mark,
)
from members.models import DryRun, DryRunHit, StaffTask, Violation
from tests.base import Cast, cast  # noqa: F401  the fixture
from tests.builders import NOW, make_member
from tests.members.conduct import ADS, LADDER, make_ruled_group, write

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def world(cast: Cast) -> SimpleNamespace:  # noqa: F811
    group = make_ruled_group(branch=cast.hangzhou)
    group_keep_messages(by=cast.lin, group=group, keeps=True)
    draft = RuleSetVersion.objects.create(
        rule_set=group.rule_set, number=2, state="draft", created_at=NOW, ladder=LADDER
    )
    Rule.objects.create(version=draft, **{**ADS, "params": {"words": ["微信"]}})
    return SimpleNamespace(group=group, draft=draft, members=[make_member(groups=[group]) for _number in range(3)])


def say(world, number: int, text: str, *, days: float = 2) -> None:
    write(world.group, world.members[number], text, at=NOW - days * DAY, now=NOW)


def run(world, by) -> DryRun:
    made = dry_run_start(by=by, now=NOW, version=world.draft, groups=[world.group])
    assert dry_run_run(run_id=made.pk)
    made.refresh_from_db()
    assert made.state == "done"
    return made


class TestResult:
    def test_it_compares_with_the_version_in_force_and_holds_nothing_against_anybody(self, world, cast: Cast):  # noqa: F811
        say(world, 0, "兼职刷单找我")  # only the rules in force find this
        say(world, 1, "加微信 abc")  # both
        say(world, 2, "微信读书真好")  # only the draft
        say(world, 2, "早安")
        result = run(world, cast.mei).result
        assert {name: result[name] for name in ("messages", "hits", "new", "lost", "affected_total")} == {
            "messages": 4,
            "hits": 2,
            "new": 1,
            "lost": 1,
            "affected_total": 2,
        }
        assert dict(DryRunHit.objects.values_list("text", "compared")) == {
            "兼职刷单找我": "lost",
            "加微信 abc": "same",
            "微信读书真好": "new",
        }
        assert (Violation.objects.count(), StaffTask.objects.count()) == (0, 0)

    def test_it_says_how_far_everybody_would_have_come(self, world, cast: Cast):  # noqa: F811
        for number in range(3):
            say(world, 0, f"微信 {number}", days=3 - number / 10)
        say(world, 1, "微信")
        result = run(world, cast.mei).result
        assert [(one["hits"], one["strikes"], one["action"]) for one in result["affected"]] == [
            (3, 3, "remove"),
            (1, 1, "remind"),
        ]
        assert result["actions"] == {"remove": 1, "remind": 1}

    def test_an_old_hand_with_one_hit_may_be_a_false_alarm(self, world, cast: Cast):  # noqa: F811
        for number in range(19):
            say(world, 0, "读完一章", days=20 - number)
        say(world, 0, "微信读书", days=0.5)
        say(world, 1, "微信", days=0.5)
        assert run(world, cast.mei).result["doubtful"] == 1
        assert DryRunHit.objects.get(is_doubtful=True).doubts == ["old_hand"]

    def test_a_word_that_many_innocent_members_use_may_be_a_false_alarm(self, world, cast: Cast):  # noqa: F811
        world.members += [make_member(groups=[world.group]) for _number in range(2)]
        for number in range(5):
            say(world, number, "在微信里看")
        assert run(world, cast.mei).result["doubtful"] == 5

    def test_what_was_marked_proposes_exceptions(self, world, cast: Cast):  # noqa: F811
        say(world, 0, "我用微信读书打卡")
        say(world, 1, "请看微信")
        made = run(world, cast.mei)
        hits = list(made.hits.values_list("pk", flat=True))
        assert hits_mark(by=cast.mei, run=made, hits=hits, is_false_alarm=True) == 2
        assert hits_mark(by=cast.mei, run=made, hits=hits, is_false_alarm=True) == 0
        assert exceptions_proposed(made) == [("不发广告", ["微信读书", "请看微信"])]


class TestMaterial:
    def test_only_what_groups_agreed_to_keep_is_read(self, world, cast: Cast):  # noqa: F811
        say(world, 0, "微信")
        made = dry_run_start(by=cast.mei, now=NOW, version=world.draft, groups=[world.group])
        Group.objects.filter(pk=world.group.pk).update(keeps_messages=False)
        dry_run_run(run_id=made.pk)
        made.refresh_from_db()
        assert made.result["messages"] == 0

    def test_nothing_kept_is_said_before_it_begins(self, world, cast: Cast):  # noqa: F811
        with pytest.raises(ValidationError):
            dry_run_start(by=cast.mei, now=NOW, version=world.draft, groups=[world.group])

    def test_a_file_is_tried_and_what_cannot_be_read_is_told(self, world, cast: Cast):  # noqa: F811
        rows = "时间,群,成员,内容\n2026-03-01 09:00,甲,张三,微信读书\n昨天,甲,李四,微信\n2026-03-01 09:01,甲,李四,早\n"
        file = SimpleUploadedFile("群聊.csv", rows.encode())
        made = dry_run_upload(by=cast.mei, now=NOW, version=world.draft, file=file)
        run_dry_run(made.pk)
        made.refresh_from_db()
        assert (made.result["messages"], made.result["hits"], made.result["rejected"]) == (2, 1, 1)
        assert made.result["reasons"][0][0] == 3
        hit = made.hits.get()
        assert (hit.member_name, hit.group_name, hit.member) == ("张三", "甲", None)

    @pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"", b"\x00\x01\x02"])
    def test_a_file_that_does_not_fit_is_refused(self, world, cast: Cast, content):  # noqa: F811
        with pytest.raises(ValidationError):
            dry_run_upload(by=cast.mei, now=NOW, version=world.draft, file=SimpleUploadedFile("x.csv", content))


class TestRunning:
    def test_a_run_is_done_once(self, world, cast: Cast):  # noqa: F811
        say(world, 0, "微信")
        made = dry_run_start(by=cast.mei, now=NOW, version=world.draft, groups=[world.group])
        for _time in range(2):
            run_dry_run(made.pk)
        assert made.hits.count() == 1

    def test_what_a_dead_worker_left_is_taken_up(self, world, cast: Cast):  # noqa: F811
        say(world, 0, "微信")
        made = dry_run_start(by=cast.mei, now=NOW, version=world.draft, groups=[world.group])
        DryRun.objects.update(state="running", heartbeat_at=NOW)
        assert dry_runs_unattended(now=NOW + timedelta(seconds=59)) == []
        assert dry_runs_unattended(now=NOW + timedelta(seconds=61)) == [made.pk]
        with time_machine.travel(NOW + timedelta(seconds=61), tick=False):
            assert dry_run_run(run_id=made.pk)

    def test_results_go_after_a_month(self, world, cast: Cast):  # noqa: F811
        say(world, 0, "微信")
        run(world, cast.mei)
        assert [dry_runs_forget(now=NOW + 29 * DAY), dry_runs_forget(now=NOW + 30 * DAY)] == [0, 1]

    def test_the_sweep_hands_over_what_waits(self, world, cast: Cast, monkeypatch):  # noqa: F811
        say(world, 0, "微信")
        made = dry_run_start(by=cast.mei, now=NOW, version=world.draft, groups=[world.group])
        monkeypatch.setattr(run_dry_run, "delay", run_dry_run)
        for _time in range(2):
            resume_dry_runs()
        made.refresh_from_db()
        assert made.state == "done"
