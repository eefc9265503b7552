"""A post goes to the groups that match its audience in the moment of sending."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError

from accounts.models import Role
from campaigns.dispatching import dispatch_due
from campaigns.models import Occurrence, Post, PostGroup
from campaigns.posts.audience import audience_checked, audience_groups, audience_words
from campaigns.posts.services import Schedule, post_create, post_stop, post_update, schedule_of
from delivery.models import Delivery
from delivery.services import deliver
from groups.channel import group_set_channel
from groups.models import Grade, Group, GroupTag
from tests.base import Cast
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db
EVENING = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)  # 18:00 in Shanghai
DAILY = Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY", start="2026-03-02T18:00")
GROWTH = {"motivations": ["growth"]}


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


def make_post(by=None, audience=GROWTH, schedule=DAILY, **fields) -> Post:
    return post_create(
        by=by, now=NOW, title="Read aloud", body="Ten minutes.", audience=audience, schedule=schedule, **fields
    )


def run(now: datetime, clock) -> None:
    clock.move_to(now)
    for pk in dispatch_due(now=now).queued:
        deliver(delivery_id=pk)


def ended(group: Group, state="sent") -> int:
    return Delivery.objects.filter(group_id=group.pk, state=state).count()


def test_each_condition_finds_its_groups(cast: Cast, clock):
    tag = GroupTag.objects.create(name="VIP")
    other_tag = GroupTag.objects.create(name="Pilot")
    grade = Grade.objects.create(name="Grade 3", position=90)
    reading = make_group(
        "Reading one", external_id="g1", branch=cast.hangzhou, community_type="knowledge", audience_tier="senior",
        audience_identity="parent", audience_grade=grade,
    )  # fmt: skip
    reading.tags.set([tag, other_tag])
    Group.objects.filter(pk=reading.pk).update(member_count=120, stage="growing")
    group_set_channel(by=None, group=reading, kind="webhook", url="https://example.com/hook")
    sales = make_group("Sales", external_id="g2", motivation="sales", community_type="product")
    Group.objects.filter(pk=sales.pk).update(member_count=20, stage="dead")

    def found(**audience) -> list[str]:
        checked = audience_checked(audience, None)
        return list(audience_groups(checked, None).order_by("pk").values_list("external_id", flat=True))

    assert found() == ["g1", "g2"]
    for audience in (
        {"branches": ["hangzhou"]}, {"motivations": ["growth", "fans"]}, {"types": ["knowledge"]},
        {"tags": ["VIP", "Pilot"]}, {"tiers": ["senior"]}, {"identities": ["parent"]}, {"grades": ["Grade 3"]},
        {"stages": ["growing"]}, {"members_from": 100}, {"members_from": 120, "members_to": 120}, {"name": "reading"},
        {"channels": ["webhook"]}, {"except": ["g2"]},
    ):  # fmt: skip
        assert found(**audience) == ["g1"], audience
        assert audience_words(audience_checked(audience, None)) != audience_words({})
    assert found(branches=[""]) == ["g2"]
    assert found(branches=["", "hangzhou"]) == ["g1", "g2"]
    assert found(channels=["inapp"]) == ["g2"]
    assert found(motivations=["growth"], stages=["dead"]) == []


@pytest.mark.parametrize(
    "audience",
    [
        [], "all", {"colour": ["red"]}, {"motivations": "growth"}, {"motivations": ["greed"]}, {"tags": ["nobody's"]},
        {"members_from": "many"}, {"members_from": True}, {"members_from": 9, "members_to": 3}, {"name": 3},
        {"name": "\x00"}, {"except": [3]}, {"branches": ["nowhere"]},
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(db, audience):
    with pytest.raises(ValidationError) as error:
        audience_checked(audience, None)
    assert list(error.value.message_dict) == ["audience"]


def test_a_branch_reaches_its_own_groups_only(cast: Cast, clock):
    ours = make_group(branch=cast.hangzhou)
    make_group(branch=cast.chengdu)

    post = make_post(cast.mei, audience={})

    assert list(post.groups.all()) == [ours]
    with pytest.raises(ValidationError):
        audience_checked({"branches": ["chengdu"]}, cast.mei)


def test_the_audience_is_asked_again_when_the_time_has_come(clock):
    stays, leaves, comes = make_group(), make_group(), make_group(motivation="sales")
    make_post()
    assert Occurrence.objects.filter(resolved_at=None).count() == 14

    Group.objects.filter(pk=leaves.pk).update(motivation="sales")
    Group.objects.filter(pk=comes.pk).update(motivation="growth")
    run(EVENING, clock)
    run(EVENING + timedelta(seconds=2), clock)

    assert [ended(group) for group in (stays, leaves, comes)] == [1, 0, 1]
    assert Delivery.objects.get(group_id=leaves.pk, state="skipped").error_code == "left_audience"
    assert set(PostGroup.objects.values_list("group_id", flat=True)) == {stays.pk, comes.pk}
    assert Occurrence.objects.exclude(resolved_at=None).count() == 1


def test_a_new_group_is_sent_once_though_its_channel_changes_in_between(clock):
    group = make_group()
    make_post()
    run(EVENING, clock)
    group_set_channel(by=None, group=group, kind="webhook", url="https://example.com/hook")
    Occurrence.objects.order_by("due_at").filter(due_at=EVENING).update(resolved_at=None)

    run(EVENING + timedelta(seconds=2), clock)

    assert Delivery.objects.filter(due_at=EVENING).count() == 1


def test_nothing_is_resolved_for_a_post_that_was_stopped(clock):
    make_group()
    post = make_post()
    post_stop(by=None, now=NOW, post=post)
    make_group()

    run(EVENING, clock)

    assert set(Delivery.objects.values_list("state", flat=True)) == {"cancelled"}


def test_an_audience_of_nobody_waits_for_its_groups(cast: Cast, clock):
    post = make_post(cast.mei, schedule=Schedule(timezone="Asia/Shanghai", at=EVENING))
    assert Post.objects.visible_to(cast.mei).get() == post
    run(NOW + timedelta(hours=1), clock)
    post.refresh_from_db()
    assert post.state == "active"

    late = make_group(branch=cast.hangzhou)
    run(EVENING, clock)

    assert ended(late) == 1
    post.refresh_from_db()
    assert post.state == "finished"


def test_a_list_becomes_an_audience_and_back(clock):
    one, two = make_group(), make_group(motivation="sales")
    post = make_post(audience=GROWTH)
    same: dict[str, Any] = {
        "title": post.title,
        "body": post.body,
        "schedule": schedule_of(post),
        "missed": "late",
        "late_minutes": 30,
    }

    post = post_update(by=None, now=NOW, post=post, audience={"motivations": ["sales"]}, **same)
    assert {row.group_id for row in Delivery.objects.planned()} == {two.pk}
    post = post_update(by=None, now=NOW, post=post, groups=[one], **same)

    assert post.audience is None
    assert {row.group_id for row in Delivery.objects.planned()} == {one.pk}
    run(EVENING, clock)
    assert (ended(one), ended(two)) == (1, 0)


def test_an_author_who_reads_only_by_now_reaches_nobody(cast: Cast, clock):
    group = make_group(branch=cast.hangzhou)
    make_post(cast.mei, audience={})
    cast.mei.role = Role.MANAGER
    cast.mei.save()

    run(EVENING, clock)

    assert (ended(group), ended(group, "skipped")) == (0, 1)


def test_the_audience_of_a_branch_stays_within_it_even_when_its_author_is_gone(cast: Cast, clock):
    ours = make_group("Ours", branch=cast.hangzhou)
    theirs = make_group("Theirs", branch=cast.chengdu)
    post = make_post(by=cast.mei)
    assert post.audience == {**GROWTH, "branches": ["hangzhou"]}

    Post.objects.filter(pk=post.pk).update(created_by=None)
    run(EVENING, clock)

    assert (ended(ours), ended(theirs)) == (1, 0)
