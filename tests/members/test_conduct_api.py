"""Violations and acknowledgements for other systems; texts in imported files."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from groups.models import Permission
from groups.roles.services import role_permission_set
from members.conduct.reposting import group_keep_messages
from members.imports.services import import_run, import_start, import_upload
from members.models import Acknowledgement, KeptMessage, Violation
from members.points.services import points_of
from tests.api.base import Caller, assert_problem
from tests.base import Cast, cast  # noqa: F401  the fixture
from tests.builders import make_member
from tests.members.conduct import ADS, make_ruled_group, write

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(datetime(2026, 3, 2, 4, 0, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def world(cast: Cast) -> SimpleNamespace:  # noqa: F811
    group = make_ruled_group({**ADS, "reporter_points": 10}, branch=cast.hangzhou, external_id="g1")
    member, reporter = make_member(groups=[group]), make_member(groups=[group])
    return SimpleNamespace(group=group, member=member, reporter=reporter, mei=Caller(cast.mei), out=Caller(cast.out))


def report(world, **changes):
    body = {
        "member": world.member.external_id,
        "group": "g1",
        "rule": "ads",
        "text": "私聊推销",
        "reporter": world.reporter.external_id,
    }
    return world.mei.post("/violations/", {**body, **changes})


class TestViolations:
    def test_a_report_is_confirmed_and_rewarded(self, world):
        answer = report(world)
        assert answer.status_code == 201
        made = answer.json()
        assert (made["source"], made["state"], made["action"]) == ("report", "open", "")
        done = world.mei.post(f"/violations/{made['id']}/confirm/", {"note": "属实"}).json()
        assert (done["state"], done["action"], done["note"]) == ("confirmed", "remind", "属实")
        assert points_of(world.reporter) == 10
        assert_problem(world.mei.post(f"/violations/{made['id']}/dismiss/", {}), 409, "already_decided")

    def test_what_the_caller_saw_counts_at_once(self, world):
        made = report(world, reporter=None).json()
        assert (made["source"], made["state"], made["action"]) == ("staff", "confirmed", "remind")

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"member": "nobody"}, "/member"),
            ({"group": "nowhere"}, "/group"),
            ({"rule": "none"}, "/rule"),
            ({"reporter": "nobody"}, "/reporter"),
            ({"at": "2026-03-02T13:00:00+08:00"}, "/at"),
        ],
    )
    def test_what_is_wrong_is_named(self, world, change, pointer):
        problem = assert_problem(report(world, **change), 400, "invalid")
        assert problem["errors"][0]["pointer"] == pointer

    def test_an_appeal_is_heard_by_somebody_else(self, world, cast: Cast):  # noqa: F811
        number = report(world, reporter=None).json()["id"]
        appealed = world.mei.post(f"/violations/{number}/appeal/", {"text": "误会"}).json()
        assert (appealed["state"], appealed["appeal"]["text"]) == ("appealed", "误会")
        assert_problem(world.mei.post(f"/violations/{number}/appeal/", {"text": "误会"}), 409, "not_appealable")
        decision = {"overturned": True, "reason": "有授权"}
        assert_problem(world.mei.post(f"/violations/{number}/decide/", decision), 409, "own_judgement")
        assert Caller(cast.lin).post(f"/violations/{number}/decide/", decision).json()["state"] == "overturned"

    def test_lists_are_limited_to_the_reach_of_the_caller(self, world):
        write(world.group, world.member, "加微信", at=timezone.now())
        assert len(world.mei.get("/violations/", group="g1", state="open").json()["results"]) == 1
        assert world.mei.get("/violations/", state="dismissed").json()["results"] == []
        assert world.mei.get("/violations/", member="nobody").json()["results"] == []
        assert world.out.get("/violations/").json()["results"] == []
        number = Violation.objects.get().pk
        assert_problem(world.out.post(f"/violations/{number}/dismiss/", {}), 404, "not_found")

    def test_the_permission_to_moderate_is_asked_for(self, world, cast: Cast):  # noqa: F811
        write(world.group, world.member, "加微信", at=timezone.now())
        role_permission_set(by=cast.lin, role="operator", permission=Permission.MODERATE, allowed=False)
        number = Violation.objects.get().pk
        assert_problem(world.mei.post(f"/violations/{number}/dismiss/", {}), 403, "permission_denied")
        assert_problem(report(world, reporter=None), 403, "permission_denied")


class TestAcknowledgements:
    def test_another_system_tells_who_has_read(self, world):
        body = {"member": world.member.external_id, "group": "g1"}
        answers = [world.mei.post("/acknowledgements/", body).json() for _time in range(2)]
        assert [(one["version"], one["is_new"]) for one in answers] == [(1, True), (1, False)]
        assert Acknowledgement.objects.get().source == "api"

    def test_only_who_is_in_the_group_reads_its_rules(self, world, cast: Cast):  # noqa: F811
        other = make_member(groups=[make_ruled_group(branch=cast.hangzhou)])
        body = {"member": other.external_id, "group": "g1"}
        problem = assert_problem(world.mei.post("/acknowledgements/", body), 400, "invalid")
        assert problem["errors"][0]["code"] == "not_in_group"


class TestFiles:
    ROWS = (
        "消息 ID,时间,群,成员,消息类型,内容\n"
        "m1,2026-03-02 11:50,g1,张三,text,加微信领资料\n"
        "m2,2026-03-02 11:51,g1,张三,hologram,早\n"
        "m3,2026-02-20 09:00,g1,李四,text,加微信很久以前\n"
    )

    def take_in(self, cast, rows):  # noqa: F811
        run = import_upload(
            by=cast.mei, kind="messages", file=SimpleUploadedFile("群.csv", rows.encode()), now=timezone.now()
        )
        import_start(by=cast.mei, run=run, mapping=run.mapping, timezone_name="Asia/Shanghai", now=timezone.now())
        import_run(run_id=run.pk)
        run.refresh_from_db()
        return run

    def test_texts_of_a_file_are_judged_and_history_is_not(self, world, cast: Cast):  # noqa: F811
        group_keep_messages(by=cast.lin, group=world.group, keeps=True)
        assert self.take_in(cast, self.ROWS).rows_imported == 3
        violation = Violation.objects.get()
        assert (violation.text, violation.member.external_id) == ("加微信领资料", "张三")
        assert dict(KeptMessage.objects.values_list("text", "type")) == {
            "加微信领资料": "text",
            "早": "other",
            "加微信很久以前": "text",
        }

    def test_an_id_makes_a_message_the_same_in_every_file(self, world, cast: Cast):  # noqa: F811
        self.take_in(cast, self.ROWS)
        later = self.ROWS.replace("11:50", "11:50:01").replace("领资料", "")
        assert self.take_in(cast, later).rows_duplicate == 3
        assert Violation.objects.count() == 1
