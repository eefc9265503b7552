"""The pages of the seed-user programme."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.urls import reverse

from accounts.models import Role
from accounts.policies import policy_get, policy_version
from activity.services import event_key
from campaigns.orders.services import NewOrder, orders_record
from members.models import Member, SeedExclusion, SeedProfile, SeedScoring, SeedUser
from members.seeds.criteria import CRITERIA, SeedPolicy
from members.seeds.services import seed_move, seeds_add
from tests.base import Cast
from tests.builders import NOW, make_group, make_member
from tests.members.test_seeds_scoring import did

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _monday():
    with time_machine.travel(NOW, tick=False):
        yield


def candidates(cast: Cast, number: int, **fields) -> list[SeedUser]:
    group = make_group(branch=cast.hangzhou)
    members = [make_member(f"member {index:02}", [group]) for index in range(number)]
    SeedProfile.objects.bulk_create(
        [SeedProfile(member=member, score=90 - index, certainty=45) for index, member in enumerate(members)]
    )
    return seeds_add(by=cast.mei, now=NOW, members=members, branch=cast.hangzhou, owner=cast.mei, **fields)


class TestBoard:
    def columns(self, client, **query) -> dict[str, list[str]]:
        response = client.get(reverse("members:seeds"), query)
        return {item.stage: [card.seed.member.name for card in item.cards] for item in response.context["columns"]}

    def test_a_column_for_each_stage_with_count_and_flow(self, client, cast: Cast):
        first, second, _third = candidates(cast, 3)
        seed_move(by=cast.mei, now=NOW - 10 * DAY, seed=first, to="invited")
        seed_move(by=cast.mei, now=NOW - DAY, seed=first, to="accepted")
        seed_move(by=cast.mei, now=NOW - DAY, seed=second, to="invited")
        client.force_login(cast.mei)
        response = client.get(reverse("members:seeds"))
        columns = {item.stage: item for item in response.context["columns"]}
        assert {stage: item.count for stage, item in columns.items()} == {
            "candidate": 1,
            "invited": 1,
            "accepted": 1,
            "active": 0,
            "graduated": 0,
            "dropped": 0,
        }
        flow = columns["invited"].flow
        assert (flow.in_7, flow.in_30, flow.out_7, flow.out_30) == (1, 2, 1, 1)

    def test_a_branch_sees_its_own_programme(self, client, cast: Cast):
        candidates(cast, 1)
        seeds_add(by=cast.lin, now=NOW, members=[make_member("hq")], branch=None)
        client.force_login(cast.out)
        assert self.columns(client)["candidate"] == []
        client.force_login(cast.mei)
        assert self.columns(client)["candidate"] == ["member 00"]
        client.force_login(cast.ana)
        assert sorted(self.columns(client)["candidate"]) == ["hq", "member 00"]
        assert self.columns(client, programme="community")["candidate"] == ["hq"]

    def test_the_best_come_first_and_more_are_loaded(self, client, cast: Cast):
        candidates(cast, 45)
        client.force_login(cast.mei)
        assert self.columns(client)["candidate"] == [f"member {index:02}" for index in range(20)]
        more = client.get(reverse("members:seed_column", args=["candidate"]), {"page": 3})
        assert [card.seed.member.name for card in more.context["cards"]] == [
            f"member {index}" for index in range(40, 45)
        ]
        assert client.get(reverse("members:seed_column", args=["nowhere"])).status_code == 404

    @pytest.mark.parametrize("number", [2, 20])
    def test_the_number_of_queries_is_constant(self, client, cast: Cast, number, django_assert_num_queries):
        seeds = candidates(cast, number)
        for seed in seeds[::2]:
            seed_move(by=cast.mei, now=NOW, seed=seed, to="invited")
        client.force_login(cast.lin)
        with django_assert_num_queries(13):
            client.get(reverse("members:seeds"))
        with django_assert_num_queries(5):
            client.get(reverse("members:seed_list"))

    def test_a_card_is_moved_and_taken_back(self, client, cast: Cast):
        (seed,) = candidates(cast, 1)
        client.force_login(cast.mei)
        board = reverse("members:seeds") + "?q=member"
        data = {"from": "board", "stage": "candidate", "to": "invited", "next": board}
        assert client.post(reverse("members:seed_move", args=[seed.pk]), data)["Location"] == board
        seed.refresh_from_db()
        assert seed.stage == "invited"
        page = client.get(board).content.decode()
        undo = reverse("members:seed_undo", args=[seed.pk, seed.moves.first().pk])
        assert undo in page
        assert client.post(undo).status_code == 302
        seed.refresh_from_db()
        assert seed.stage == "candidate"
        assert client.post(undo).status_code == 409

    def test_the_second_of_two_sees_where_the_card_is(self, client, cast: Cast):
        seeds = candidates(cast, 2)
        seed_move(by=cast.lin, now=NOW, seed=seeds[0], to="invited")
        client.force_login(cast.mei)
        data = {
            "from": "board",
            "stage": "candidate",
            "to": "accepted",
            "next": reverse("members:seeds") + "?q=member%2000",
        }
        response = client.post(reverse("members:seed_move", args=[seeds[0].pk]), data)
        assert response.status_code == 409
        assert "lin moved member 00 meanwhile; now: Invited. Nothing was changed." in response.content.decode()
        shown = [card.seed for item in response.context["columns"] for card in item.cards]
        assert shown == [seeds[0]]
        data["next"] = "https://elsewhere.example/"
        assert client.post(reverse("members:seed_move", args=[seeds[0].pk]), data).status_code == 409

    def test_on_the_page_of_one_what_was_typed_stays(self, client, cast: Cast):
        (seed,) = candidates(cast, 1)
        client.force_login(cast.mei)
        data = {"stage": "invited", "to": "accepted", "note": "很乐意参加"}
        response = client.post(reverse("members:seed_move", args=[seed.pk]), data)
        assert response.status_code == 409
        assert "很乐意参加" in response.content.decode()
        response = client.post(reverse("members:seed_move", args=[seed.pk]), {"stage": "candidate", "to": "dropped"})
        assert response.status_code == 422

    def test_managers_look_and_do_not_move(self, client, cast: Cast):
        (seed,) = candidates(cast, 1)
        client.force_login(cast.ana)
        assert client.post(reverse("members:seed_move", args=[seed.pk]), {"to": "invited"}).status_code == 403
        assert "Move to…" not in client.get(reverse("members:seeds")).content.decode()


class TestOne:
    def test_care_is_saved_and_two_editors_are_told(self, client, cast: Cast):
        (seed,) = candidates(cast, 1)
        client.force_login(cast.mei)
        form = client.get(reverse("members:seed", args=[seed.pk])).context["form"]
        data = {"version": form["version"].value(), "owner": cast.lin.pk, "group": "", "next_step": "周五电话"}
        assert client.post(reverse("members:seed_edit", args=[seed.pk]), data).status_code == 302
        data["next_step"] = "周六见面"
        response = client.post(reverse("members:seed_edit", args=[seed.pk]), data)
        assert response.status_code == 409
        assert "周六见面" in response.content.decode()
        assert "周五电话" in response.content.decode()
        data["version"] = response.context["form"]["version"].value()
        assert client.post(reverse("members:seed_edit", args=[seed.pk]), data).status_code == 302
        seed.refresh_from_db()
        assert (seed.owner, seed.group, seed.next_step) == (cast.lin, None, "周六见面")

    def test_staff_of_another_branch_and_foreign_groups_cannot_be_chosen(self, client, cast: Cast):
        (seed,) = candidates(cast, 1)
        foreign = make_group(branch=cast.chengdu)
        client.force_login(cast.mei)
        for field in ({"owner": cast.out.pk}, {"owner": cast.ana.pk}, {"group": foreign.pk}):
            assert client.post(reverse("members:seed_edit", args=[seed.pk]), field).status_code == 422

    def test_answers_are_noted_and_score_at_once(self, client, cast: Cast):
        (seed,) = candidates(cast, 1)
        client.force_login(cast.mei)
        address = reverse("members:seed_answers", args=[seed.member_id])
        assert client.post(address, {"need": "11"}).status_code == 422
        assert client.post(address, {"need": "9", "creates": "yes", "audience": "3000"}).status_code == 302
        profile = SeedProfile.objects.get(member=seed.member)
        assert (profile.need, profile.creates, profile.audience, profile.certainty) == (9, True, 3000, 80)
        assert client.post(address, {"need": "9"}).status_code == 302
        profile.refresh_from_db()
        assert (profile.creates, profile.audience) == (None, None)

    def test_the_members_page_tells(self, client, cast: Cast):
        (seed,) = candidates(cast, 1)
        client.force_login(cast.mei)
        text = client.get(reverse("members:member_seed", args=[seed.member_id])).content.decode()
        assert "Candidate" in text
        assert "Score 90.0" in text


class TestProposals:
    def test_chosen_members_go_onto_the_board(self, client, cast: Cast):
        group = make_group(branch=cast.hangzhou)
        ann, ben, far = make_member("ann", [group]), make_member("ben", [group]), make_member("far", [make_group()])
        for member in (ann, ben, far):
            SeedProfile.objects.create(member=member, score=50)
        client.force_login(cast.mei)
        page = client.get(reverse("members:seed_proposals"))
        assert [profile.member.name for profile, _explanation in page.context["rows"]] == ["ben", "ann"]
        data = {"member": [ann.pk, ben.pk, far.pk, "x"]}
        assert client.post(reverse("members:seeds_add"), data).status_code == 302
        assert set(SeedUser.objects.values_list("member__name", "branch", "owner")) == {
            ("ann", cast.hangzhou.pk, cast.mei.pk),
            ("ben", cast.hangzhou.pk, cast.mei.pk),
        }

    def test_large_numbers_stay_numbers_in_forms(self, client, cast: Cast):
        group = make_group(branch=cast.hangzhou)
        ann = make_member("ann", [group])
        many = Member.objects.create(pk=1_234_567, external_id="m", name="many")
        many.memberships.create(group=group, joined_at=NOW, last_seen_at=NOW)
        SeedProfile.objects.create(member=many, score=50)
        SeedProfile.objects.create(member=ann, score=40)
        client.force_login(cast.mei)
        assert 'value="1234567"' in client.get(reverse("members:seed_proposals")).content.decode()
        (seed,) = seeds_add(by=cast.mei, now=NOW, members=[ann], branch=cast.hangzhou)
        assert f'id="seed-{seed.pk}"' in client.get(reverse("members:seeds")).content.decode()

    def test_headquarters_puts_onto_the_board_of_a_branch_only_whom_it_may_see(self, client, cast: Cast):
        ann = make_member("ann", [make_group(branch=cast.chengdu)])
        client.force_login(cast.lin)
        client.post(reverse("members:seeds_add"), {"member": [ann.pk], "programme": cast.hangzhou.pk})
        assert not SeedUser.objects.exists()
        client.post(reverse("members:seeds_add"), {"member": [ann.pk], "programme": "community"})
        assert SeedUser.objects.get().branch is None

    def test_setting_aside_is_listed_and_taken_back(self, client, cast: Cast):
        ann = make_member("ann", [make_group(branch=cast.hangzhou)])
        SeedProfile.objects.create(member=ann, score=50)
        client.force_login(cast.mei)
        client.post(reverse("members:seed_exclude"), {"member": ann.pk, "reason": ""})
        assert not SeedExclusion.objects.exists()
        client.post(reverse("members:seed_exclude"), {"member": ann.pk, "reason": "同行老师"})
        assert "同行老师" in client.get(reverse("members:seed_proposals")).content.decode()
        address = reverse("members:seed_unexclude", args=[SeedExclusion.objects.get().pk])
        client.force_login(cast.out)
        assert client.post(address).status_code == 404
        client.force_login(cast.mei)
        assert client.post(address).status_code == 302
        assert not SeedExclusion.objects.exists()

    @pytest.mark.parametrize("number", [2, 20])
    def test_the_number_of_queries_is_constant(self, client, cast: Cast, number, django_assert_num_queries):
        group = make_group(branch=cast.hangzhou)
        for index in range(number):
            SeedProfile.objects.create(member=make_member(groups=[group]), score=index + 1)
        client.force_login(cast.lin)
        with django_assert_num_queries(8):
            client.get(reverse("members:seed_proposals"))


class TestCriteria:
    def data(self, **changes):
        policy = policy_get(SeedPolicy)
        data = {
            "version": policy_version(SeedPolicy),
            "window_days": 30,
            "invite_days": 3,
            "follow_up_days": 3,
            "offer": "",
        }
        data |= {f"weight_{item.key}": policy.weight(item.key) for item in CRITERIA}
        data |= {f"full_{item.key}": policy.full_marks(item.key) for item in CRITERIA}
        return data | changes

    def test_a_change_asks_for_all_scores_anew(self, client, cast: Cast):
        client.force_login(cast.lin)
        address = reverse("members:seed_criteria")
        assert client.post(address, self.data(weight_answers=30, offer="免费试听")).status_code == 302
        policy = policy_get(SeedPolicy)
        assert (policy.weight("answers"), policy.offer) == (30, "免费试听")
        assert SeedScoring.objects.get().state == "queued"
        assert "about to be computed" in client.get(reverse("members:seed_scoring")).content.decode()

    def test_a_preview_saves_nothing(self, client, cast: Cast):
        candidates(cast, 3)
        client.force_login(cast.lin)
        response = client.post(reverse("members:seed_criteria"), self.data(act="preview", weight_answers=30))
        assert [row.rank for row in response.context["preview"]] == [1, 2, 3]
        assert policy_version(SeedPolicy) == 0
        assert not SeedScoring.objects.exists()

    def test_two_administrators_are_told(self, client, cast: Cast):
        client.force_login(cast.lin)
        address = reverse("members:seed_criteria")
        mine = self.data(weight_need=40)
        client.post(address, self.data(weight_need=20))
        response = client.post(address, mine)
        assert response.status_code == 409
        mine["version"] = response.context["form"]["version"].value()
        assert client.post(address, mine).status_code == 302
        assert policy_get(SeedPolicy).weight("need") == 40

    def test_what_cannot_be_is_refused(self, client, cast: Cast):
        client.force_login(cast.lin)
        nothing = {f"weight_{item.key}": 0 for item in CRITERIA}
        for wrong in ({"full_need": 11}, {"weight_need": 101}, {"window_days": 400}, nothing):
            assert client.post(reverse("members:seed_criteria"), self.data(**wrong)).status_code == 422

    def test_administrators_of_a_branch_look_and_do_not_decide(self, client, cast: Cast):
        cast.mei.role = Role.ADMIN
        cast.mei.save()
        client.force_login(cast.mei)
        assert client.get(reverse("members:seed_criteria")).status_code == 200
        assert client.post(reverse("members:seed_criteria"), self.data()).status_code == 403


class TestResults:
    def test_what_a_seed_user_brought_since_they_accepted(self, client, cast: Cast):
        group = make_group(branch=cast.hangzhou)
        ann = make_member("ann", [group], now=NOW - 90 * DAY)
        (seed,) = seeds_add(by=cast.mei, now=NOW - 80 * DAY, members=[ann], branch=cast.hangzhou)
        seed_move(by=cast.mei, now=NOW - 70 * DAY, seed=seed, to="accepted")
        friends = {
            "stays": make_member("stays", [group], now=NOW - 60 * DAY),
            "leaves": make_member("leaves", [group], now=NOW - 60 * DAY),
            "fresh": make_member("fresh", [group], now=NOW - 5 * DAY),
            "before": make_member("before", [group], now=NOW - 75 * DAY),
        }
        Member.objects.filter(pk__in=[friend.pk for friend in friends.values()]).update(invited_by=ann)
        did(friends["leaves"], "left", days_ago=50, group=group)
        did(ann, "message", 4, days_ago=3, group=group)
        did(ann, "message", 9, days_ago=75, group=group)
        did(ann, "answer", 2, days_ago=3, group=group)
        order = NewOrder(event_key("t", "o"), friends["stays"].external_id, NOW - DAY, Decimal("99.50"), "CNY")
        orders_record(orders=[order], source="t", by=None, now=NOW)
        client.force_login(cast.mei)
        (row,) = client.get(reverse("members:seed_results")).context["listing"].rows
        assert (row.brought, row.due, row.stayed, row.wrote, row.answered) == (3, 2, 1, 4, 2)
        assert (row.bought, row.worth) == (1, 100)
        text = b"".join(client.get(reverse("members:seed_results"), {"export": "csv"}).streaming_content).decode()
        assert ",3,2,1,4,2,1,99.5" in text

    def grown(self, cast: Cast, number: int, seeded: int) -> None:
        for index in range(number):
            group = make_group(branch=cast.hangzhou)
            members = [make_member(groups=[group], now=NOW - 60 * DAY) for _member in range(10)]
            for member in members[: 5 if index < seeded else 2]:
                did(member, "message", 2, days_ago=2, group=group)
            if index < seeded:
                (seed,) = seeds_add(by=cast.lin, now=NOW, members=members[:1], branch=None)
                seed_move(by=cast.lin, now=NOW - 40 * DAY, seed=seed, to="accepted")

    def test_groups_with_seed_users_stand_against_like_ones(self, client, cast: Cast):
        self.grown(cast, 6, 3)
        client.force_login(cast.lin)
        (row,) = client.get(reverse("members:seed_results")).context["likenesses"]
        assert (row.enough, row.with_seeds.groups, row.without.groups) == (True, 3, 3)
        assert (row.with_seeds.active, row.without.active) == (50.0, 20.0)
        assert (row.with_seeds.messages, row.without.messages) == (1.0, 0.4)

    def test_too_few_groups_say_nothing(self, client, cast: Cast):
        self.grown(cast, 5, 2)
        client.force_login(cast.lin)
        response = client.get(reverse("members:seed_results"))
        assert [row.enough for row in response.context["likenesses"]] == [False]
        assert "Not enough data" in response.content.decode()

    def test_before_and_after_wait_for_their_days(self, client, cast: Cast):
        self.grown(cast, 2, 1)
        client.force_login(cast.lin)
        (row,) = client.get(reverse("members:seed_results")).context["spans"]
        assert (row.complete, row.active_before, row.active_after, row.messages_after) == (True, 10, 0, 0)
        with time_machine.travel(NOW - 15 * DAY, tick=False):
            (row,) = client.get(reverse("members:seed_results")).context["spans"]
        assert not row.enough

    @pytest.mark.parametrize("number", [2, 20])
    def test_the_number_of_queries_is_constant(self, client, cast: Cast, number, django_assert_num_queries):
        for seed in candidates(cast, number):
            seed_move(by=cast.mei, now=NOW, seed=seed, to="accepted")
        client.force_login(cast.lin)
        with django_assert_num_queries(10):
            client.get(reverse("members:seed_results"))
