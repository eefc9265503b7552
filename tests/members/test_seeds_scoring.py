"""The score of members as seed users."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry
from accounts.policies import policy_save
from activity.services import event_key
from members.ingestion import IncomingEvent, ingest
from members.models import Member, SeedProfile, SeedScoring
from members.seeds.criteria import CRITERIA, SeedPolicy, explain, score_members, values_of
from members.seeds.selectors import ranking_preview
from members.seeds.services import scoring_due, scoring_request, scoring_run, seed_report, seeds_add
from members.seeds.tasks import score_seeds, score_seeds_due
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _monday():
    with time_machine.travel(NOW, tick=False):
        yield


def did(member: Member, kind: str, times: int = 1, days_ago: float = 1, group=None) -> None:
    at = NOW - days_ago * DAY
    events = [
        IncomingEvent(
            event_key("t", f"{member.pk} {kind} {days_ago} {number}"),
            member.external_id,
            group.external_id if group else "",
            kind,
            at + number * timedelta(seconds=1),
        )
        for number in range(times)
    ]
    ingest(events=events, source="t", by=None, create_missing=True, now=NOW)


def score_all() -> None:
    scoring_run(run_id=scoring_request(now=NOW).pk, clock=lambda: NOW)


def only(**weights: int) -> SeedPolicy:
    """A policy in which these criteria alone count."""
    return SeedPolicy(weights={item.key: weights.get(item.key, 0) for item in CRITERIA})


def test_each_figure_is_measured_over_the_window_of_local_days():
    ann, group = make_member("ann"), make_group()
    did(ann, "message", 3, days_ago=2, group=group)
    did(ann, "answer", 2, days_ago=2, group=group)
    did(ann, "question", days_ago=5, group=group)
    did(ann, "like", 4, days_ago=9, group=group)
    did(ann, "ordered", days_ago=3)
    did(ann, "message", 50, days_ago=31, group=group)
    score_all()
    profile = SeedProfile.objects.get(member=ann)
    figures = {item.key: getattr(profile, item.key) for item in CRITERIA if item.measured}
    assert figures == {
        "active_days": 3,
        "messages": 3,
        "questions": 1,
        "answers": 2,
        "likes": 4,
        "invited": 0,
        "orders": 1,
    }


def test_an_invitation_told_twice_counts_once():
    ann = make_member("ann")
    for name in ("ben", "cid"):
        friend = make_member(name)
        Member.objects.filter(pk=friend.pk).update(invited_by=ann, first_seen_at=NOW - DAY)
    did(ann, "invited", 1)
    score_all()
    assert ann.seed_profile.invited == 2


def test_one_figure_cannot_drown_the_rest():
    chatty, even = make_member("chatty"), make_member("even")
    did(chatty, "message", 500)
    for number in range(30):
        did(even, "answer", 1, days_ago=number)
    score_all()
    assert even.seed_profile.score > chatty.seed_profile.score
    assert explain(chatty.seed_profile, SeedPolicy()).reasons[0].points == SeedPolicy().weight("messages")


def test_what_nobody_asked_lowers_the_certainty_and_not_the_score(cast: Cast):
    ann = make_member("ann")
    for number in range(10):
        did(ann, "message", 6, days_ago=number)
    score_all()
    before = SeedProfile.objects.get(member=ann)
    assert before.certainty == 45
    answers = dict.fromkeys(("need", "imperfect", "suggests"), 10)
    after = seed_report(by=cast.mei, now=NOW, member=ann, answers=answers)
    assert (after.certainty, after.score > before.score) == (80, True)
    seed_report(by=cast.mei, now=NOW, member=ann, answers={"need": 0, "imperfect": 0, "suggests": 0})
    ann.refresh_from_db()
    assert ann.seed_profile.score < before.score
    assert AuditEntry.objects.filter(action="member.seed_answers").count() == 2


def test_the_explanation_adds_up_to_the_score(cast: Cast):
    ann = make_member("ann")
    did(ann, "answer", 4)
    did(ann, "message", 33)
    seed_report(by=cast.mei, now=NOW, member=ann, answers={"need": 7, "creates": True, "audience": 400})
    score_all()
    profile = SeedProfile.objects.get(member=ann)
    explanation = explain(profile, SeedPolicy())
    assert round(100 * explanation.points / explanation.known, 1) == pytest.approx(profile.score, abs=0.2)
    assert round(100 * explanation.known / explanation.total) == profile.certainty
    assert [part.criterion.key for part in explanation.unknown] == ["imperfect", "suggests"]


def test_an_answer_beyond_the_scale_is_refused(cast: Cast):
    ann = make_member("ann")
    with pytest.raises(ValidationError) as error:
        seed_report(by=cast.mei, now=NOW, member=ann, answers={"need": 11})
    assert set(error.value.message_dict) == {"need"}


def test_weights_of_nothing_make_a_score_of_nothing():
    scored = score_members(values_of([[None] * 5 + [0] * 7, [10] * 12]), only())
    assert (scored.scores.tolist(), scored.certainty.tolist()) == ([0, 0], [0, 0])


def test_a_member_who_does_nothing_any_more_has_no_score_unless_asked_or_on_the_board(cast: Cast):
    quiet, asked, placed = (make_member(name) for name in ("quiet", "asked", "placed"))
    for member in (quiet, asked, placed):
        did(member, "message", 5, days_ago=29)
    score_all()
    assert SeedProfile.objects.count() == 3
    seed_report(by=cast.mei, now=NOW, member=asked, answers={"need": 8})
    seeds_add(by=cast.lin, now=NOW, members=[placed], branch=None)
    later = NOW + 20 * DAY
    scoring_run(run_id=scoring_request(now=later).pk, clock=lambda: later)
    assert set(SeedProfile.objects.values_list("member__name", "messages")) == {("asked", 0), ("placed", 0)}


def test_the_task_may_run_twice_and_a_second_worker_leaves_it_alone():
    did(make_member("ann"), "message", 2)
    run = scoring_request(now=NOW)
    score_seeds(run.pk)
    score_seeds(run.pk)
    run.refresh_from_db()
    assert (run.state, run.percent, run.members) == ("done", 100, 1)
    assert not scoring_run(run_id=run.pk, clock=lambda: NOW)


def test_a_computation_that_a_killed_worker_left_is_taken_up_again():
    run = scoring_request(now=NOW)
    SeedScoring.objects.filter(pk=run.pk).update(state="running", heartbeat_at=NOW)
    assert scoring_due(now=NOW + timedelta(minutes=1)) is None
    assert scoring_due(now=NOW + timedelta(minutes=6)) == run.pk
    assert scoring_run(run_id=run.pk, clock=lambda: NOW + timedelta(minutes=6))


def test_scores_are_due_once_a_night():
    first = scoring_due(now=NOW)
    assert first is not None
    scoring_run(run_id=first, clock=lambda: NOW)
    assert scoring_due(now=NOW + timedelta(hours=14, minutes=59)) is None
    assert scoring_due(now=NOW + timedelta(hours=15)) is not None  # 03:00 in Shanghai


def test_asking_twice_waits_for_one_computation():
    assert scoring_request(now=NOW) == scoring_request(now=NOW)


def test_the_beat_task_starts_nothing_when_nothing_is_due():
    score_all()
    score_seeds_due()
    score_seeds_due()
    assert SeedScoring.objects.count() == 1


def test_the_preview_shows_who_would_rise_and_who_would_leave(cast: Cast):
    writers = [make_member(f"writer {number}") for number in range(50)]
    for writer in writers:
        did(writer, "message", 60)
    helper = make_member("helper")
    did(helper, "answer", 15)
    policy_save(by=cast.lin, now=NOW, values=only(messages=10))
    score_all()
    rows = ranking_preview(policy=only(answers=10))
    assert (rows[0].member, rows[0].rank, rows[0].rank_before, rows[0].places) == (helper, 1, 51, 50)
    assert [(row.member, row.rank) for row in rows[50:]] == [(writers[-1], None)]
    assert len(rows) == 51
