"""A post draws from its series when it is planned, so the preview is what will be sent."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError

from campaigns.dispatching import dispatch_due
from campaigns.models import MomentsPlan, MomentsPost, MomentsSlot, Occurrence, Piece, Post, Series, SeriesPiece
from campaigns.posts.conflicts import conflicts
from campaigns.posts.drawing import draws_ahead
from campaigns.posts.services import (
    Schedule,
    Source,
    StalePost,
    piece_changed,
    post_create,
    post_pause,
    post_resume,
    post_split,
    post_update,
    schedule_of,
)
from delivery.models import Delivery, Message
from delivery.services import deliver
from tests.base import Cast
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db
EVENING = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)  # 18:00 in Shanghai
DAY = timedelta(days=1)
DAILY = Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY", start="2026-03-02T18:00")


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


def make_piece(title: str, **fields) -> Piece:
    fields = {"text": f"{title}.", "value": "learning", **fields}
    return Piece.objects.create(title=title, created_at=NOW, updated_at=NOW, **fields)


def make_series(*titles: str, **fields) -> Series:
    series = Series.objects.create(name="Words", created_at=NOW, **{"no_repeat_days": 30, **fields})
    for position, title in enumerate(titles):
        SeriesPiece.objects.create(series=series, piece=make_piece(title), position=position)
    return series


def make_post(series: Series, *groups, schedule=DAILY, **fields) -> Post:
    groups = groups or (make_group(),)
    return post_create(
        by=None, now=NOW, title="", body="", groups=groups, schedule=schedule, source=Source(series=series), **fields
    )


def drawn(post: Post) -> list[str]:
    pieces = post.occurrences.order_by("due_at").values_list("piece__title", flat=True)
    return [title or "-" for title in pieces]


def test_pieces_come_in_their_order_and_begin_anew():
    post = make_post(make_series("a", "b", "c"))

    assert "".join(drawn(post)) == "abcabcabcabcab"
    first = Delivery.objects.order_by("due_at").first()
    assert first
    assert (post.title, first.message.title, first.message.text) == ("Words", "Words · a", "a.")
    assert first.message.piece_id == Piece.objects.get(title="a").pk


def test_no_piece_comes_twice_within_the_days_over_all_posts_of_the_series():
    series = make_series(*"abcdefghijklmnopqrstuvwxyzABCD", order="random", no_repeat_days=20)
    one, two = make_post(series), make_post(series)

    both = drawn(one) + drawn(two)
    assert len(both) == len(set(both)) == 28
    assert drawn(one) != sorted(drawn(one))


def test_planning_again_draws_the_same():
    series = make_series(*"abcdefghijklmnopqrst", order="random", no_repeat_days=30)
    post = make_post(series)
    before = drawn(post)
    ahead = draws_ahead(series, [("2026-03-20T18:00:00", EVENING + timedelta(days=18))])

    post_pause(by=None, now=NOW, post=post)
    post_resume(by=None, now=NOW, post=post)

    assert drawn(post) == before
    assert ahead[0]
    assert ahead[0].piece.title not in before


def test_the_preview_is_what_is_sent(clock):
    post = make_post(make_series("a", "b", "c"))
    for day in range(3):
        at = EVENING + timedelta(days=day)
        clock.move_to(at)
        for pk in dispatch_due(now=at).queued:
            deliver(delivery_id=pk)

    sent = Delivery.objects.filter(state="sent").order_by("due_at")
    assert [delivery.message.text for delivery in sent] == ["a.", "b.", "c."]
    assert post.occurrences.exclude(resolved_at=None).count() == post.occurrences.count()


def test_a_series_that_runs_dry_is_seen_ahead(cast: Cast):
    make_post(make_series("a", "b", "c", no_repeat_days=30))

    found = conflicts(user=cast.lin, start=NOW, end=NOW + timedelta(days=7))

    assert [(each.kind, each.at) for each in found] == [
        ("supply", EVENING + timedelta(days=day)) for day in range(3, 7)
    ]


def test_a_piece_that_changes_is_reworded_and_a_retired_one_is_drawn_anew():
    series = make_series("a", "b", "c")
    post = make_post(series)
    first = Piece.objects.get(title="a")
    first.text = "Better."
    first.save()
    piece_changed(piece_id=first.pk, now=NOW)
    delivery = Delivery.objects.order_by("due_at").first()
    assert delivery
    assert delivery.message.text == "Better."

    first.state = "retired"
    first.save()
    assert piece_changed(piece_id=first.pk, now=NOW) == 5

    assert "a" not in drawn(post)
    assert not Delivery.objects.filter(message__text="Better.").exists()


def test_a_series_that_was_emptied_says_why_nothing_came(clock):
    series = make_series("a")
    post = make_post(series)
    piece = Piece.objects.get()
    Piece.objects.update(state="retired")
    piece_changed(piece_id=piece.pk, now=NOW)
    assert set(drawn(post)) == {"-"}
    assert not Delivery.objects.exists()

    clock.move_to(EVENING)
    dispatch_due(now=EVENING)

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error_code) == ("skipped", "nothing_to_draw")


def test_a_fixed_piece_follows_its_changes():
    piece = make_piece("Hello {group}")
    group = make_group("Reading")
    post = post_create(
        by=None, now=NOW, title="", body="", groups=[group], schedule=DAILY, source=Source(piece=piece)
    )  # fmt: skip
    assert post.message.has_variables
    piece.text = "Other."
    piece.save()

    piece_changed(piece_id=piece.pk, now=NOW)

    assert set(Delivery.objects.values_list("message__text", flat=True)) == {"Other."}


@pytest.mark.parametrize("source", ["draft", "elsewhere", "both", "retired"])
def test_what_cannot_be_sent_cannot_be_chosen(cast: Cast, source):
    series, piece = make_series("a"), make_piece("b")
    elsewhere = make_piece("c", branch=cast.chengdu)
    if source == "draft":
        Piece.objects.filter(pk=piece.pk).update(state="draft")
        piece.refresh_from_db()
    if source == "retired":
        series.retired_at = NOW
    chosen = {
        "draft": Source(piece=piece),
        "elsewhere": Source(piece=elsewhere),
        "both": Source(piece=piece, series=series),
        "retired": Source(series=series),
    }[source]

    with pytest.raises(ValidationError):
        post_create(
            by=cast.mei, now=NOW, title="x", body="x", groups=[make_group(branch=cast.hangzhou)], schedule=DAILY,
            source=chosen,
        )  # fmt: skip


# --- Changes ---


def change(post: Post, **changes):
    return {
        "title": post.title, "body": post.body, "schedule": schedule_of(post), "missed": "late", "late_minutes": 30,
        **changes,
    }  # fmt: skip


def own_post(*groups) -> Post:
    return post_create(by=None, now=NOW, title="Read", body="Ten.", groups=groups or [make_group()], schedule=DAILY)


def test_this_and_the_following_are_another_post_and_history_stays(clock):
    post = own_post()
    clock.move_to(EVENING)
    for pk in dispatch_due(now=EVENING).queued:
        deliver(delivery_id=pk)
    third = post.occurrences.order_by("due_at")[2]
    later = Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY", start="2026-03-04T20:00")

    made = post_split(by=None, now=EVENING, occurrence=third, **change(post, body="Twenty.", schedule=later))

    post.refresh_from_db()
    rows = Delivery.objects.order_by("due_at").values_list("post_id", "state", "message__text")[:4]
    assert list(rows) == [
        (post.pk, "sent", "Ten."), (post.pk, "planned", "Ten."),
        (made.pk, "planned", "Twenty."), (made.pk, "planned", "Twenty."),
    ]  # fmt: skip
    assert (made.follows, post.rrule) == (post, "FREQ=DAILY;UNTIL=20260304T175959")
    assert schedule_of(post).checked()


def test_a_single_post_cannot_be_divided():
    post = post_create(
        by=None, now=NOW, title="x", body="x", groups=[make_group()],
        schedule=Schedule(timezone="Asia/Shanghai", at=EVENING),
    )  # fmt: skip
    with pytest.raises(ValidationError):
        post_split(by=None, now=NOW, occurrence=post.occurrences.get(), **change(post))


def test_the_second_of_two_editors_is_told():
    post = own_post()
    post_update(by=None, now=NOW, post=post, version=1, **change(post, body="One."))

    with pytest.raises(StalePost) as stale:
        post_update(by=None, now=NOW, post=post, version=1, **change(post, body="Two."))

    assert (stale.value.post.body, stale.value.post.version) == ("One.", 2)


def test_what_was_changed_by_hand_survives_a_new_planning():
    post = own_post()
    moved, called_off, gone = post.occurrences.order_by("due_at")[:3]
    at = moved.due_at + timedelta(hours=2)
    Occurrence.objects.filter(pk=moved.pk).update(by_hand=True, due_at=at)
    Delivery.objects.filter(occurrence_id=moved.pk).update(due_at=at)
    Occurrence.objects.filter(pk=called_off.pk).update(by_hand=True, cancelled_at=NOW)
    Delivery.objects.filter(occurrence_id=called_off.pk).update(state="cancelled", settled_at=NOW)
    earlier = Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY", start="2026-03-02T17:00")

    post_update(by=None, now=NOW, post=post, **change(post, schedule=earlier))
    post.refresh_from_db()
    post_pause(by=None, now=NOW, post=post)
    post_resume(by=None, now=NOW, post=post)

    assert Delivery.objects.get(occurrence_id=moved.pk).state == "planned"
    assert Delivery.objects.get(occurrence_id=moved.pk).due_at == at
    assert Delivery.objects.get(occurrence_id=called_off.pk).state == "cancelled"
    assert not Occurrence.objects.filter(pk=gone.pk).exists()


def test_whoever_mends_a_post_of_a_colleague_who_left_takes_it_over(cast: Cast, clock):
    group = make_group(branch=cast.hangzhou)
    post = post_create(by=cast.mei, now=NOW, title="Read", body="Ten.", groups=[group], schedule=DAILY)
    cast.mei.is_active = False
    cast.mei.save()

    post_update(by=cast.lin, now=NOW, post=post, **change(post))
    clock.move_to(EVENING)
    for pk in dispatch_due(now=EVENING).queued:
        deliver(delivery_id=pk)

    assert Post.objects.get().created_by == cast.lin
    assert Delivery.objects.filter(state="sent").count() == 1


def test_what_a_playbook_or_moments_said_lately_is_passed_over(cast: Cast):
    series = make_series("A", "B", "C")
    first, second, third = Piece.objects.order_by("pk")
    message = Message.objects.create(title="A", text="A.", piece_id=first.pk)
    Delivery.objects.create(
        dedupe_key="playbook:1:2:20260301T0900", kind="inapp", group_id=2, group_ref="g", message=message,
        state="sent", due_at=NOW - DAY, late_until=NOW - DAY, settled_at=NOW - DAY,
    )  # fmt: skip
    plan = MomentsPlan.objects.create(account="小美", user=cast.mei, created_at=NOW)
    slot = MomentsSlot.objects.create(plan=plan, at=time(9), text="B.")
    MomentsPost.objects.create(slot=slot, piece=second, day=(NOW - DAY).date(), due_at=NOW - DAY, text="B.")

    post = make_post(series, schedule=Schedule(timezone="Asia/Shanghai", at=EVENING))

    assert post.occurrences.get().piece == third
