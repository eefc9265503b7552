"""Two rows that are one person: found, merged, parted."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from activity.models import Event
from activity.services import event_key
from campaigns.models import Order
from campaigns.orders.services import NewOrder, orders_record
from groups.models import Group
from members.fields.services import field_define
from members.ingestion import IncomingEvent, ingest
from members.merging.candidates import duplicate_candidates
from members.merging.services import MergeRefused, duplicates_deny, members_merge, merge_undo
from members.models import Account, Member, MemberRole, Membership, MemberTag, MergeRun, Note, StaffTask, Transfer
from members.points.selectors import ledger_check
from members.points.services import account_of, issuer, points_of, points_transfer
from members.roles.services import member_role_grant
from members.seeds.models import SeedProfile
from members.services import member_update
from members.tags.services import members_tag, tag_create
from members.timeline.services import note_add
from members.work.services import task_ensure
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

DAY = timedelta(days=1)


def take(member: str, kind: str, group: str = "", at=NOW, key: str = "") -> Any:
    event = IncomingEvent(event_key("t", key or f"{member}{kind}{group}{at}"), member, group, kind, at)
    return ingest(events=[event], source="t", by=None, create_missing=True, now=NOW)


def dump() -> dict[str, list[Any]]:
    """Every row of the tables that a merge may touch, without the records of merges."""
    left_out = {"members.mergerun", "accounts.auditentry"}
    found = {}
    for model in apps.get_models():
        label = model._meta.label_lower
        if model._meta.app_label in ("members", "campaigns", "activity", "groups") and label not in left_out:
            found[label] = sorted(map(str, model._base_manager.values_list()))
    return found


@pytest.fixture
def pair(cast: Cast) -> tuple[Member, Member]:
    """One person under two ids: both in a group, with all that can point at a member."""
    readers = make_group("读书群", branch=cast.hangzhou)
    walkers = make_group("散步群", branch=cast.hangzhou)
    winner = make_member("王子涵妈妈", [readers], NOW - 20 * DAY)
    loser = make_member("子涵妈妈", [readers, walkers], NOW - 30 * DAY)
    for member in (winner, loser):
        take(member.external_id, "message", readers.external_id, NOW - 5 * DAY)
        member_role_grant(
            by=cast.lin, now=NOW, membership=Membership.objects.get(member=member, group=readers), role="leader"
        )
        members_tag(by=cast.lin, now=NOW, tag=_tag(cast, "重点"), members=[member])
        SeedProfile.objects.create(member=member, need=7)
    members_tag(by=cast.lin, now=NOW, tag=_tag(cast, "绘本"), members=[loser])
    note_add(by=cast.lin, now=NOW, member=loser, text="电话里说周末有空")
    task_ensure(kind="note", key="t1", due_at=NOW, now=NOW, member=loser)
    order = NewOrder(event_key("t", "o"), loser.external_id, NOW - DAY, "99.50", "CNY", "A-1", 1, "课")  # type: ignore[arg-type]
    orders_record(orders=[order], source="t", by=None, now=NOW)
    take(loser.external_id, "left", walkers.external_id, NOW - DAY)
    Member.objects.filter(pk=loser.pk).update(contact="wx_zihan", no_marketing=True)
    Member.objects.filter(pk=make_member("朋友").pk).update(invited_by=loser)
    winner.refresh_from_db()
    loser.refresh_from_db()
    return winner, loser


def _tag(cast: Cast, name: str):
    from members.models import Tag

    return Tag.objects.filter(name=name).first() or tag_create(by=cast.lin, now=NOW, name=name)


class TestMerge:
    def test_everything_that_points_at_the_loser_is_the_winners_afterwards(self, cast: Cast, pair):
        winner, loser = pair
        members_merge(by=cast.lin, now=NOW, winner=winner, loser=loser)
        loser.refresh_from_db()
        winner.refresh_from_db()
        assert loser.merged_into == winner
        assert not Event.objects.filter(member_id=loser.pk).exists()
        for model in (Membership, Note, MemberTag, Order, StaffTask, SeedProfile):
            assert not model.objects.filter(member=loser).exists(), model
            assert model.objects.filter(member=winner).exists(), model
        assert winner.contact == "wx_zihan"
        assert winner.no_marketing
        assert winner.stage == 4
        assert winner.invitees.count() == 1
        readers = Membership.objects.get(member=winner, group__name="读书群")
        assert readers.joined_at == NOW - 30 * DAY
        assert MemberRole.objects.filter(membership__member=winner).count() == 1
        assert Group.objects.get(name="读书群").member_count == 1
        assert MemberTag.objects.filter(member=winner).count() == 2

    def test_undo_restores_every_row_exactly(self, cast: Cast, pair):
        winner, loser = pair
        before = dump()
        run = members_merge(by=cast.lin, now=NOW, winner=winner, loser=loser, chosen={"name": "loser"})
        assert Member.objects.get(pk=winner.pk).name == "子涵妈妈"
        assert dump() != before
        merge_undo(by=cast.lin, now=NOW + DAY, run=run)
        after = dump()
        for table in before:
            # The notes of whose events were moved stay: whoever keeps copies reads of both moves.
            assert table == "activity.eventmove" or after[table] == before[table], table

    def test_points_that_the_two_gave_each_other_are_one_persons_until_they_are_parted(self, cast: Cast, pair):
        winner, loser = pair
        mine, theirs = account_of(winner), account_of(loser)
        friend = account_of(make_member("朋友二"))
        moves = [
            (issuer(), mine, 50), (issuer(), theirs, 30),
            (mine, theirs, 20), (theirs, mine, 5), (theirs, friend, 10), (friend, theirs, 1),
        ]  # fmt: skip
        for number, (debit, credit, amount) in enumerate(moves):
            points_transfer(
                key=f"gift:{number}", debit=debit, credit=credit, amount=amount, reason="", by=None, now=NOW
            )
        before = dump()
        with CaptureQueriesContext(connection) as asked:
            run = members_merge(by=cast.lin, now=NOW, winner=winner, loser=loser)
        tries = [query["sql"] for query in asked if query["sql"].startswith('UPDATE "members_transfer"')]
        assert len(tries) == 2, "all that was given and all that was got, without a try that the ledger refuses"
        assert (points_of(winner), points_of(loser)) == (71, 0), "what they hold together"
        assert ledger_check().is_right
        assert not Account.objects.filter(member=loser).exists()
        keys = Transfer.objects.order_by("key").values_list("key", flat=True)
        assert list(keys) == ["gift:0", "gift:1", "gift:4", "gift:5"], "nobody gives themselves points"
        merge_undo(by=cast.lin, now=NOW + DAY, run=run)
        assert (points_of(winner), points_of(loser)) == (35, 36)
        after = dump()
        for table in ("members.transfer", "members.account"):
            assert after[table] == before[table]

    def test_what_comes_for_the_old_id_goes_to_the_winner(self, cast: Cast, pair):
        winner, loser = pair
        run = members_merge(by=cast.lin, now=NOW, winner=winner, loser=loser)
        assert take(loser.external_id, "like", at=NOW + DAY).accepted == 1
        event = Event.objects.get(kind__slug="like")
        assert event.member_id == winner.pk
        merge_undo(by=cast.lin, now=NOW + 2 * DAY, run=run)
        event.refresh_from_db()
        assert event.member_id == winner.pk, "what came since stays"
        assert Member.objects.get(pk=winner.pk).last_seen_at == NOW + DAY
        order = NewOrder(event_key("t", "o2"), loser.external_id, NOW, "1", "CNY")  # type: ignore[arg-type]
        orders_record(orders=[order], source="t", by=None, now=NOW)
        assert Order.objects.get(amount=1).member_id == loser.pk

    def test_staff_of_a_branch_reach_the_winner_by_the_losers_id(self, cast: Cast, pair):
        winner, loser = pair
        members_merge(by=cast.mei, now=NOW, winner=winner, loser=loser)
        event = IncomingEvent(event_key("t", "x"), loser.external_id, "", "like", NOW)
        assert ingest(events=[event], source="t", by=cast.mei, create_missing=False, now=NOW).accepted == 1
        refused = ingest(
            events=[event._replace(key=event_key("t", "y"))], source="o", by=cast.out, create_missing=True, now=NOW
        )
        assert [item.code for item in refused.rejected] == ["unknown_member"]

    def test_undo_is_refused_with_the_reason(self, cast: Cast, pair):
        winner, loser = pair
        run = members_merge(by=cast.lin, now=NOW, winner=winner, loser=loser)
        third = make_member("第三个")
        later = members_merge(by=cast.lin, now=NOW, winner=winner, loser=third)
        with pytest.raises(MergeRefused, match="since"):
            merge_undo(by=cast.lin, now=NOW, run=run)
        merge_undo(by=cast.lin, now=NOW, run=later)
        with pytest.raises(MergeRefused, match="30"):
            merge_undo(by=cast.lin, now=NOW + 31 * DAY, run=run)
        merge_undo(by=cast.lin, now=NOW + 30 * DAY, run=run)
        with pytest.raises(MergeRefused, match="before"):
            merge_undo(by=cast.lin, now=NOW, run=run)

    def test_a_chain_leads_to_its_end(self, cast: Cast):
        one, two, three = (make_member(name) for name in "abc")
        members_merge(by=cast.lin, now=NOW, winner=two, loser=one)
        members_merge(by=cast.lin, now=NOW, winner=three, loser=two)
        take(one.external_id, "like")
        assert Event.objects.get().member_id == three.pk

    def test_a_branch_does_not_merge_whom_another_knows(self, cast: Cast, pair):
        winner, loser = pair
        take(loser.external_id, "joined", make_group(branch=cast.chengdu).external_id)
        with pytest.raises(MergeRefused, match="headquarters"):
            members_merge(by=cast.mei, now=NOW, winner=winner, loser=loser)
        members_merge(by=cast.lin, now=NOW, winner=winner, loser=loser)


class TestCandidates:
    def test_reasons_are_given_and_nothing_else_is_proposed(self, cast: Cast):
        group = make_group(branch=cast.hangzhou)
        field_define(by=cast.lin, label="手机", key="phone", kind="text")
        one, two, three, four = (
            make_member(name, [group], NOW + n * DAY / 3) for n, name in enumerate(["李雷", " 李雷", "韩梅", "李雷"])
        )
        Member.objects.filter(pk__in=[one.pk, three.pk]).update(contact="WX1")
        for member in (two, three):
            member_update(by=cast.lin, member=member, changes={}, fields={"phone": "139"})
        found = {(pair.first.pk, pair.second.pk): len(pair.reasons) for pair in duplicate_candidates(user=cast.lin)}
        assert found == {
            (one.pk, two.pk): 1,
            (one.pk, three.pk): 1,
            (two.pk, three.pk): 1,
            (one.pk, four.pk): 1,
            (two.pk, four.pk): 1,
        }
        assert len(duplicate_candidates(user=cast.mei, member=three)) == 2
        assert duplicate_candidates(user=cast.out) == []

    def test_two_people_are_not_proposed_again(self, cast: Cast):
        one, two = make_member("a"), make_member("b")
        Member.objects.update(contact="same")
        assert len(duplicate_candidates(user=cast.lin)) == 1
        for _time in range(2):
            duplicates_deny(by=cast.lin, now=NOW, one=two, other=one)
        assert duplicate_candidates(user=cast.lin) == []

    def test_same_names_on_other_days_are_other_people(self, cast: Cast):
        group = make_group()
        make_member("李雷", [group], NOW)
        make_member("李雷", [group], NOW - 2 * DAY)
        assert duplicate_candidates(user=cast.lin) == []


class TestPages:
    def test_two_are_compared_merged_and_parted(self, client, cast: Cast, pair):
        winner, loser = pair
        client.force_login(cast.mei)
        address = reverse("members:merge", args=[winner.pk])
        assert "子涵" in client.get(address, {"q": "子涵"}).content.decode()
        assert "wx_zihan" in client.get(address, {"other": loser.pk}).content.decode()
        answer = client.post(address, {"other": loser.pk, "keep-name": "loser"}, follow=True)
        assert answer.context["member"].name == "子涵妈妈"
        assert client.get(reverse("members:detail", args=[winner.pk])).context["merges"]
        client.post(reverse("members:merge_undo", args=[MergeRun.objects.get().pk]))
        assert Member.objects.get(pk=winner.pk).name == "王子涵妈妈"

    def test_the_pages_tell_a_branch_nothing_of_other_branches(self, client, cast: Cast):
        here, there = make_group("杭州群", branch=cast.hangzhou), make_group("成都秘密群", branch=cast.chengdu)
        both, mine = make_member("两地", [here, there]), make_member("本地", [here])
        Member.objects.filter(pk=both.pk).update(invited_by=make_member("成都介绍人", [there]))
        client.force_login(cast.mei)
        page = client.get(reverse("members:merge", args=[mine.pk]), {"other": both.pk}).content.decode()
        assert "杭州群" in page
        assert "成都" not in page

    def test_a_branch_does_not_part_members_whom_another_branch_knows(self, client, cast: Cast):
        here, there = make_group(branch=cast.hangzhou), make_group(branch=cast.chengdu)
        winner, loser = make_member("本地", [here]), make_member("成都的", [there])
        run = members_merge(by=cast.lin, now=timezone.now(), winner=winner, loser=loser)
        client.force_login(cast.mei)
        page = client.get(reverse("members:detail", args=[winner.pk]))
        assert page.context["merges"] == []
        client.post(reverse("members:merge_undo", args=[run.pk]))
        run.refresh_from_db()
        assert run.undone_at is None
        merge_undo(by=cast.lin, now=timezone.now(), run=run)

    def test_the_page_of_the_merged_leads_on(self, client, cast: Cast, pair):
        winner, loser = pair
        members_merge(by=cast.lin, now=timezone.now(), winner=winner, loser=loser)
        client.force_login(cast.lin)
        answer = client.get(reverse("members:detail", args=[loser.pk]))
        assert answer.headers["Location"] == reverse("members:detail", args=[winner.pk])


race = pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite takes one writer at a time")


def at_once(*acts) -> list[Any]:
    results: list[Any] = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def run(place, act):
        try:
            start.wait()
            results[place] = act()
        except Exception as error:
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@race
@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_a_member_is_merged_once(self, cast: Cast):
        loser, one, two = (make_member(name) for name in "abc")
        results = at_once(
            lambda: members_merge(by=cast.lin, now=NOW, winner=one, loser=loser),
            lambda: members_merge(by=cast.lin, now=NOW, winner=two, loser=loser),
        )
        assert sorted(type(result).__name__ for result in results) == ["MergeRefused", "MergeRun"]

    def test_no_event_is_left_behind_by_a_merge(self, cast: Cast):
        group = make_group()
        for number in range(5):
            winner, loser = make_member(groups=[group]), make_member(groups=[group])

            def send(ref=loser.external_id, number=number):
                for part in range(10):
                    take(ref, "message", group.external_id, key=f"{number}-{part}")
                return True

            def merge(winner=winner, loser=loser):
                with transaction.atomic():
                    return members_merge(by=cast.lin, now=NOW, winner=winner, loser=loser)

            results = at_once(send, merge)
            assert not [result for result in results if isinstance(result, Exception)], results
            assert not Event.objects.filter(member_id=loser.pk).exists()
            assert Event.objects.filter(member_id=winner.pk, kind__slug="message").count() == 10
            assert not Membership.objects.filter(member=loser).exists()
