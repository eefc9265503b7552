"""Events come in from outside: what is kept, and what follows from them."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.db import connection, connections

from accounts.models import User
from activity.models import Channel, Event, EventKind
from activity.services import event_key
from groups.models import Group
from members.ingestion import IncomingEvent, Outcome, Refused, group_figures_refresh, ingest
from members.models import JourneyStage, Member, Membership
from tests.base import Cast, cast  # noqa: F401  the fixture
from tests.builders import NOW, make_group

HOUR = timedelta(hours=1)


def event(key: str, member: str = "u1", group: str = "g1", kind: str = "message", hours: float = 0, **more: Any):
    return IncomingEvent(event_key("test", key), member, group, kind, NOW + hours * HOUR, **more)


def take(*events: IncomingEvent | Refused, by: User | None = None, create_missing: bool = True, now=NOW) -> Outcome:
    return ingest(events=events, source="test", by=by, create_missing=create_missing, now=now)


def derived() -> dict[str, Any]:
    """Everything that follows from events, by name, to compare whole states."""
    return {
        "memberships": sorted(
            Membership.objects.values_list(
                "member__external_id", "group__external_id", "joined_at", "last_seen_at", "left_at"
            )
        ),
        "members": sorted(Member.objects.values_list("external_id", "first_seen_at", "last_seen_at", "stage")),
        "groups": sorted(
            Group.objects.values_list("external_id", "member_count", "last_event_at", "active_7d", "messages_7d")
        ),
    }


@pytest.mark.django_db
class TestEvents:
    def test_an_event_makes_its_member_group_kind_and_channel(self):
        outcome = take(event("1", kind="sang_along", channel="poster7"))
        assert (outcome.accepted, outcome.duplicates, outcome.rejected) == (1, 0, [])
        row = Event.objects.get()
        assert EventKind.objects.get().slug == "sang_along"
        assert Channel.objects.get().code == "poster7"
        assert row.member_id == Member.objects.get(external_id="u1", name="u1").pk
        assert row.group_id == Group.objects.get(external_id="g1", state="forming").pk
        assert row.at == NOW

    def test_events_keep_the_order_in_which_they_were_sent(self):
        keys = [f"k{(number * 7919) % 500}" for number in range(500)]
        take(*(event(key) for key in keys))
        stored = Event.objects.order_by("pk").values_list("key", flat=True)
        assert [key.hex for key in stored] == [event_key("test", key) for key in keys]

    def test_a_known_key_is_a_duplicate_whatever_comes_with_it_and_changes_nothing(self):
        take(event("1"), event("2", kind="joined", hours=-5))
        before = derived()
        outcome = take(
            event("1", member="somebody-new", group="new-group", kind="left", hours=3),
            Refused("invalid_kind", event_key("test", "2")),
            event("2", kind="ordered", hours=9),
        )
        assert (outcome.accepted, outcome.duplicates, outcome.rejected) == (0, 3, [])
        assert derived() == before
        assert Event.objects.count() == 2

    def test_a_duplicate_beside_new_events_moves_nothing(self):
        take(event("1", kind="joined", hours=-9), event("2", "u2", hours=-9))
        outcome = take(event("1", kind="ordered", hours=5), event("2", "u2", kind="left"), event("3", "u3", hours=-9))
        assert (outcome.accepted, outcome.duplicates) == (1, 2)
        assert Membership.objects.present().count() == 3
        assert set(Member.objects.values_list("last_seen_at", "stage")) == {(NOW - 9 * HOUR, JourneyStage.IN_GROUP)}

    def test_the_first_of_two_events_with_one_key_in_a_batch_counts(self):
        outcome = take(
            Refused("invalid_at", event_key("test", "1")), event("1", member="first"), event("1", member="x")
        )
        assert (outcome.accepted, outcome.duplicates) == (1, 1)
        assert [(rejection.index, rejection.code) for rejection in outcome.rejected] == [(0, "invalid_at")]
        assert list(Member.objects.values_list("external_id", flat=True)) == ["first"]

    def test_unknown_names_are_rejected_and_nothing_is_made_unless_asked_for(self):
        make_group(external_id="g1")
        outcome = take(event("1"), event("2", group="nowhere"), create_missing=False)
        assert [rejection.code for rejection in outcome.rejected] == ["unknown_member", "unknown_group"]
        assert not Member.objects.exists()
        assert Group.objects.count() == 1

    def test_a_batch_longer_than_a_transaction_numbers_its_rejections_through(self, monkeypatch):
        monkeypatch.setattr("members.ingestion.batch.BATCH", 2)
        outcome = take(event("1"), event("2"), event("3"), Refused("invalid_at"), Refused("invalid_id"))
        assert outcome.accepted == 3
        assert [rejection.index for rejection in outcome.rejected] == [3, 4]

    def test_the_number_of_queries_does_not_grow_with_the_batch(self, django_assert_max_num_queries):
        with django_assert_max_num_queries(40):
            take(*(event(f"a{number}", f"u{number}", f"g{number % 20}") for number in range(300)))


@pytest.mark.django_db
class TestWhatFollows:
    def test_the_order_of_arrival_does_not_matter(self):
        story = [
            event("1", kind="joined", hours=-90),
            event("2", kind="message", hours=-80),
            event("3", kind="left", hours=-50),
            event("4", kind="message", hours=-10),
            event("5", kind="ordered", group="", hours=-5),
        ]
        states = []
        for number, order in enumerate(list(permutations(story))[::17]):
            Event.objects.all().delete()
            Membership.objects.all().delete()
            Member.objects.all().delete()
            Group.objects.all().delete()
            for one in order if number % 2 else [order]:
                take(*(one if isinstance(one, tuple) and not isinstance(one, IncomingEvent) else [one]))
            states.append(derived())
        assert all(state == states[0] for state in states)
        assert states[0]["memberships"] == [("u1", "g1", NOW - 90 * HOUR, NOW - 10 * HOUR, NOW - 50 * HOUR)]
        assert states[0]["members"] == [("u1", NOW - 90 * HOUR, NOW - 5 * HOUR, JourneyStage.CUSTOMER)]
        assert states[0]["groups"] == [("g1", 1, NOW - 10 * HOUR, 1, 2)]

    def test_a_click_after_leaving_is_no_return(self):
        take(event("1", kind="joined", hours=-9), event("2", kind="left", hours=-5), event("3", kind="link_click"))
        assert not Membership.objects.present().exists()
        assert Group.objects.get().member_count == 0

    def test_a_message_after_leaving_is_a_return(self):
        take(event("1", kind="left", hours=-5), event("2", hours=-1))
        assert Membership.objects.get().is_present
        assert Group.objects.get().member_count == 1

    def test_only_leaving_is_known_of_a_member_so_they_are_not_present(self):
        take(event("1", kind="left"))
        assert not Membership.objects.get().is_present

    def test_any_event_of_a_group_makes_a_membership(self):
        take(event("1", kind="post_seen"))
        assert Membership.objects.get().is_present

    def test_the_stage_is_the_furthest_ever_reached(self):
        take(event("1", kind="ordered", group=""))
        take(event("2", kind="friended"))
        assert Member.objects.get().stage == JourneyStage.CUSTOMER

    def test_seven_day_figures_count_members_once_and_forget_older_events(self):
        take(event("1"), event("2", hours=-1), event("3", "u2", kind="like"), event("4", "u3", hours=-169))
        group = Group.objects.get()
        assert (group.member_count, group.active_7d, group.messages_7d) == (3, 2, 2)

    def test_the_window_moves_on_without_new_events(self):
        take(event("1"), event("2", "u2", hours=-100))
        assert group_figures_refresh(now=NOW + 80 * HOUR) == 1
        assert Group.objects.values_list("active_7d", "messages_7d").get() == (1, 1)
        group_figures_refresh(now=NOW + 200 * HOUR)
        assert Group.objects.values_list("active_7d", "messages_7d").get() == (0, 0)
        assert group_figures_refresh(now=NOW + 300 * HOUR) == 0


class TestReach:
    def test_staff_of_a_branch_make_groups_in_their_branch(self, cast: Cast):  # noqa: F811
        take(event("1"), by=cast.mei)
        assert Group.objects.get().branch == cast.hangzhou

    def test_what_belongs_to_another_branch_is_unknown(self, cast: Cast):  # noqa: F811
        take(event("1", "u1", "g1"), by=cast.mei)
        before = derived()
        outcome = take(event("2", "u9", "g1"), event("3", "u1", "g2"), event("4", "u1", ""), by=cast.out)
        codes = [rejection.code for rejection in outcome.rejected]
        assert codes == ["unknown_group", "unknown_member", "unknown_member"]
        assert derived() == before

    def test_a_member_without_a_group_may_come_into_any_branch(self, cast: Cast):  # noqa: F811
        take(event("1", "u1", group="", kind="ordered"))
        assert take(event("2", "u1", "g1"), by=cast.mei).accepted == 1

    def test_headquarters_reach_every_branch(self, cast: Cast):  # noqa: F811
        take(event("1"), by=cast.mei)
        assert take(event("2"), by=cast.lin, create_missing=False).accepted == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite takes one writer at a time")
class TestRaces:
    def run(self, *works: Any) -> list[Exception]:
        errors: list[Exception] = []
        barrier = threading.Barrier(len(works))

        def body(work: Any) -> None:
            try:
                barrier.wait()
                work()
            except Exception as error:
                errors.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=body, args=[work]) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return errors

    def test_writers_of_the_same_groups_and_members_end_with_the_right_figures(self):
        def writer(number: int, step: int):
            def work() -> None:
                for batch in range(8):
                    events = [
                        event(f"{number}-{batch}-{one}", f"u{(one * step) % 23}", f"g{(one * step) % 5}", hours=-one)
                        for one in range(60)
                    ]
                    ingest(events=events, source=f"s{number}", by=None, create_missing=True, now=NOW)

            return work

        assert self.run(writer(1, 1), writer(2, 22), writer(3, 7), writer(4, 16)) == []
        assert Event.objects.count() == 4 * 8 * 60
        for group in Group.objects.all():
            rows = Event.objects.filter(group_id=group.pk)
            assert group.member_count == Membership.objects.filter(group=group).count()
            assert group.messages_7d == rows.count()
            assert group.active_7d == rows.values("member_id").distinct().count()
            assert group.last_event_at == rows.latest("at").at
        for member in Member.objects.all():
            assert member.last_seen_at == Event.objects.filter(member_id=member.pk).latest("at").at

    def test_one_batch_sent_twice_at_once_is_taken_once(self):
        events = [event(str(number), f"u{number % 9}") for number in range(400)]
        outcomes: list[Outcome] = []
        forwards = lambda: outcomes.append(take(*events))  # noqa: E731
        backwards = lambda: outcomes.append(take(*reversed(events)))  # noqa: E731
        assert self.run(forwards, backwards, forwards) == []
        assert sum(outcome.accepted for outcome in outcomes) == 400
        assert sum(outcome.duplicates for outcome in outcomes) == 800
        assert connection.vendor == "postgresql"
        assert Event.objects.count() == 400
