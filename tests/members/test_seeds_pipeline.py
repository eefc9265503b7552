"""The way of a seed user from candidate to graduate."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, connections

from accounts.models import AuditEntry
from groups.roles.services import role_permission_set
from members.models import MemberRole, SeedExclusion, SeedMove, SeedProfile, SeedStage, SeedUser, StaffTask
from members.seeds.criteria import SeedPolicy
from members.seeds.invitation import invitation_words
from members.seeds.services import (
    MOVES,
    MovedMeanwhile,
    StaleSeed,
    seed_exclude,
    seed_move,
    seed_move_undo,
    seed_unexclude,
    seed_update,
    seed_version,
    seeds_add,
)
from members.work.services import task_reopen, task_settle
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _monday():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def seed(cast: Cast) -> SeedUser:
    """Ann, a candidate of Hangzhou, seen last in its reading group."""
    group = make_group(name="读书群", branch=cast.hangzhou)
    ann = make_member("ann", [group])
    (seed,) = seeds_add(by=cast.mei, now=NOW, members=[ann], branch=cast.hangzhou, owner=cast.mei)
    return seed


def go(seed: SeedUser, by, *stages: str) -> None:
    for number, stage in enumerate(stages):
        seed_move(by=by, now=NOW + number * timedelta(minutes=1), seed=seed, to=stage, note="because")


def roles(seed: SeedUser) -> list[bool]:
    return [role.ended_at is None for role in MemberRole.objects.filter(membership__member=seed.member, role="seed")]


def open_tasks(seed: SeedUser) -> list[StaffTask]:
    return list(StaffTask.objects.open().filter(kind="seed_invite", subject_id=seed.pk))


def test_the_whole_way_is_written_down(cast: Cast, seed):
    go(seed, cast.mei, "invited", "accepted", "active", "graduated")
    moves = [(move.from_stage, move.to_stage) for move in seed.moves.order_by("at", "pk")]
    assert moves == [
        ("", "candidate"),
        ("candidate", "invited"),
        ("invited", "accepted"),
        ("accepted", "active"),
        ("active", "graduated"),
    ]
    assert (seed.ended_at, seed.accepted_at) == (NOW + timedelta(minutes=3), NOW + timedelta(minutes=1))
    assert AuditEntry.objects.filter(action="seed.moved").count() == 4


def test_every_stage_has_a_way_out_and_no_stage_leads_to_itself():
    assert set(MOVES) == set(SeedStage)
    assert all(ways and stage not in ways for stage, ways in MOVES.items())


@pytest.mark.parametrize("to", ["active", "graduated", "candidate", "elsewhere", ""])
def test_a_move_that_there_is_not_is_refused(cast: Cast, seed, to):
    with pytest.raises(ValidationError):
        seed_move(by=cast.mei, now=NOW, seed=seed, to=to)
    assert SeedMove.objects.count() == 1


def test_dropping_asks_for_a_reason(cast: Cast, seed):
    with pytest.raises(ValidationError) as error:
        seed_move(by=cast.mei, now=NOW, seed=seed, to="dropped", note=" ")
    assert set(error.value.message_dict) == {"note"}


def test_the_second_of_two_learns_where_the_card_is(cast: Cast, seed):
    seen_by_lin = SeedUser.objects.get(pk=seed.pk)
    seed_move(by=cast.mei, now=NOW, seed=seed, to="invited", expected="candidate")
    with pytest.raises(MovedMeanwhile) as conflict:
        seed_move(by=cast.lin, now=NOW, seed=seen_by_lin, to="dropped", expected="candidate", note="no")
    assert (conflict.value.seed.stage, conflict.value.last_move.by) == ("invited", cast.mei)


def test_a_member_is_on_the_board_of_a_programme_once(cast: Cast, seed):
    assert seeds_add(by=cast.mei, now=NOW, members=[seed.member], branch=cast.hangzhou) == []
    assert len(seeds_add(by=cast.lin, now=NOW, members=[seed.member], branch=None)) == 1
    assert seeds_add(by=cast.lin, now=NOW, members=[seed.member], branch=None) == []
    go(seed, cast.mei, "dropped")
    assert len(seeds_add(by=cast.mei, now=NOW, members=[seed.member], branch=cast.hangzhou)) == 1
    with pytest.raises(ValidationError):
        go(seed, cast.mei, "candidate")


class TestRoleInTheGroup:
    def test_it_is_held_from_accepting_to_the_end(self, cast: Cast, seed):
        go(seed, cast.mei, "invited")
        assert roles(seed) == []
        go(seed, cast.mei, "accepted", "active")
        assert roles(seed) == [True]
        go(seed, cast.mei, "graduated")
        assert roles(seed) == [False]

    def test_it_ends_when_somebody_drops_out_and_when_a_move_is_taken_back(self, cast: Cast, seed):
        go(seed, cast.mei, "accepted", "dropped")
        assert roles(seed) == [False]
        seed_move_undo(by=cast.mei, now=NOW, seed=seed, move=seed.moves.first())
        assert (seed.stage, sorted(roles(seed))) == ("accepted", [False, True])

    def test_it_moves_to_another_group(self, cast: Cast, seed):
        go(seed, cast.mei, "accepted")
        other = make_group(branch=cast.hangzhou)
        make_member("ben", [other])
        with pytest.raises(ValidationError):
            seed_update(by=cast.mei, now=NOW, seed=seed, changes={"group": other})
        assert roles(seed) == [True]
        seed_update(by=cast.mei, now=NOW, seed=seed, changes={"group": None})
        assert roles(seed) == [False]

    def test_somebody_who_left_the_group_needs_another_one(self, cast: Cast, seed):
        seed.member.memberships.update(left_at=NOW + DAY)
        with pytest.raises(ValidationError) as error:
            go(seed, cast.mei, "accepted")
        assert set(error.value.message_dict) == {"group"}
        seed.refresh_from_db()
        assert seed.stage == "candidate"

    def test_who_may_not_invite_in_the_group_does_not_give_the_role(self, cast: Cast, seed):
        role_permission_set(by=cast.lin, role="operator", permission="invite", allowed=False)
        go(seed, cast.mei, "invited")
        with pytest.raises(PermissionDenied):
            go(seed, cast.mei, "accepted")
        go(seed, cast.lin, "accepted")
        with pytest.raises(PermissionDenied):
            go(seed, cast.mei, "dropped")
        role_permission_set(by=cast.lin, role="operator", permission="invite", allowed=True)
        go(seed, cast.mei, "dropped")


class TestInvitation:
    def settle(self, cast: Cast, seed: SeedUser, outcome: str, note: str = "") -> StaffTask:
        (task,) = open_tasks(seed)
        assert task_settle(by=cast.mei, now=NOW + DAY, task=task, outcome=outcome, note=note)
        seed.refresh_from_db()
        return task

    def test_inviting_gives_the_owner_a_task(self, cast: Cast, seed):
        go(seed, cast.mei, "invited")
        (task,) = open_tasks(seed)
        assert (task.assignee, task.branch, task.due_at) == (cast.mei, cast.hangzhou, NOW + 3 * DAY)

    def test_an_answer_moves_the_card(self, cast: Cast, seed):
        go(seed, cast.mei, "invited")
        self.settle(cast, seed, "accepted", "很乐意")
        assert (seed.stage, roles(seed), open_tasks(seed)) == ("accepted", [True], [])
        assert seed.moves.first().note == "很乐意"

    def test_declining_drops_and_keeps_what_was_said(self, cast: Cast, seed):
        go(seed, cast.mei, "invited")
        self.settle(cast, seed, "declined", "没有时间")
        assert (seed.stage, seed.moves.first().note) == ("dropped", "没有时间")

    @pytest.mark.parametrize("outcome", ["later", "not_reached"])
    def test_who_thinks_about_it_is_asked_again(self, cast: Cast, seed, outcome):
        go(seed, cast.mei, "invited")
        self.settle(cast, seed, outcome)
        (again,) = open_tasks(seed)
        assert (seed.stage, again.due_at, again.data) == ("invited", NOW + 4 * DAY, {"attempt": 2})

    @pytest.mark.parametrize("outcome", ["accepted", "declined", "later"])
    def test_taking_an_answer_back_takes_back_what_followed(self, cast: Cast, seed, outcome):
        go(seed, cast.mei, "invited")
        task = self.settle(cast, seed, outcome)
        assert task_reopen(by=cast.mei, now=NOW + DAY, task=task)
        seed.refresh_from_db()
        assert (seed.stage, any(roles(seed)), open_tasks(seed)) == ("invited", False, [task])

    def test_an_answer_taken_back_late_leaves_a_card_that_moved_on(self, cast: Cast, seed):
        go(seed, cast.mei, "invited")
        task = self.settle(cast, seed, "accepted")
        seed_move(by=cast.mei, now=NOW + 2 * DAY, seed=seed, to="active")
        task_reopen(by=cast.mei, now=NOW + 3 * DAY, task=task)
        seed.refresh_from_db()
        assert seed.stage == "active"

    def test_who_left_the_group_meanwhile_accepts_without_a_group(self, cast: Cast, seed):
        go(seed, cast.mei, "invited")
        seed.member.memberships.update(left_at=NOW + DAY)
        self.settle(cast, seed, "accepted")
        assert (seed.stage, seed.group) == ("accepted", None)

    def test_a_card_that_is_moved_by_hand_needs_no_task_any_more(self, cast: Cast, seed):
        go(seed, cast.mei, "invited", "accepted")
        assert open_tasks(seed) == []

    def test_a_new_owner_gets_the_task(self, cast: Cast, seed):
        go(seed, cast.mei, "invited")
        seed_update(by=cast.mei, now=NOW, seed=seed, changes={"owner": cast.lin})
        assert open_tasks(seed)[0].assignee == cast.lin

    def test_the_words_name_the_purpose_the_record_and_the_offer(self, cast: Cast, seed):
        SeedProfile.objects.create(member=seed.member, answers=12, invited=1)
        words = invitation_words(seed, SeedPolicy(offer="新课免费试听"))
        for part in (
            "ann",
            "读书群",
            seed.group.purpose,
            "answered 12 questions, brought 1 new member",
            "新课免费试听",
        ):
            assert part in words


def test_two_editors_are_told(cast: Cast, seed):
    version = seed_version(seed)
    seed_update(by=cast.mei, now=NOW, seed=seed, changes={"next_step": "call"}, version=version)
    with pytest.raises(StaleSeed):
        seed_update(by=cast.lin, now=NOW, seed=seed, changes={"next_step": "write"}, version=version)


class TestProposals:
    @pytest.fixture
    def people(self, cast: Cast):
        group, far = make_group(branch=cast.hangzhou), make_group(branch=cast.chengdu)
        people = {name: make_member(name, [group]) for name in ("ann", "ben", "cid", "dan", "eve")}
        people["far"] = make_member("far", [far])
        for number, member in enumerate(people.values()):
            SeedProfile.objects.create(member=member, score=90 - number)
        return people

    def names(self, branch) -> list[str]:
        return [profile.member.name for profile in SeedProfile.objects.to_propose(branch)]

    def test_the_best_who_are_not_on_the_board_come_first(self, cast: Cast, people):
        assert self.names(None) == ["ann", "ben", "cid", "dan", "eve", "far"]
        seeds_add(by=cast.lin, now=NOW, members=[people["ann"]], branch=cast.hangzhou)
        people["ben"].memberships.update(left_at=NOW + DAY)
        people["cid"].no_marketing = True
        people["cid"].save()
        seed_exclude(by=cast.mei, now=NOW, member=people["dan"], branch=cast.hangzhou, reason="同行")
        assert self.names(cast.hangzhou) == ["eve"]
        # The whole community does not ask again whom a branch asked.
        assert self.names(None) == ["dan", "eve", "far"]

    def test_setting_aside_asks_why_and_is_taken_back(self, cast: Cast, people):
        with pytest.raises(ValidationError):
            seed_exclude(by=cast.mei, now=NOW, member=people["ann"], branch=None, reason=" ")
        exclusion = seed_exclude(by=cast.lin, now=NOW, member=people["ann"], branch=None, reason="同行")
        assert seed_exclude(by=cast.lin, now=NOW, member=people["ann"], branch=None, reason="x") == exclusion
        assert "ann" not in self.names(None)
        assert seed_unexclude(by=cast.lin, exclusion=exclusion)
        assert not seed_unexclude(by=cast.lin, exclusion=SeedExclusion(pk=exclusion.pk, member=people["ann"]))
        assert "ann" in self.names(None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite takes one writer at a time")
class TestRaces:
    def run(self, *works) -> list[object]:
        results: list[object] = []
        barrier = threading.Barrier(len(works))

        def body(work) -> None:
            try:
                barrier.wait()
                results.append(work())
            except Exception as error:
                results.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=body, args=[work]) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def test_of_two_who_move_a_card_at_once_one_moves_it(self, cast: Cast, seed):
        assert connection.vendor == "postgresql"

        def mover(by, to: str):
            own = SeedUser.objects.get(pk=seed.pk)
            return lambda: seed_move(by=by, now=NOW, seed=own, to=to, expected="candidate", note="x")

        results = self.run(mover(cast.mei, "accepted"), mover(cast.lin, "dropped"), mover(cast.lin, "invited"))
        moved = [result for result in results if isinstance(result, SeedMove)]
        told = [result for result in results if isinstance(result, MovedMeanwhile)]
        assert (len(moved), len(told)) == (1, 2)
        seed.refresh_from_db()
        assert (seed.stage, SeedMove.objects.count()) == (moved[0].to_stage, 2)

    def test_of_two_who_add_a_member_at_once_one_adds_them(self, cast: Cast):
        ann = make_member("ann", [make_group()])
        add = lambda: len(seeds_add(by=cast.lin, now=NOW, members=[ann], branch=None))  # noqa: E731
        assert sorted(self.run(add, add, add)) == [0, 0, 1]  # type: ignore[type-var]
        assert SeedUser.objects.count() == SeedMove.objects.count() == 1
