"""The initiators of a group."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import reverse

from accounts.models import AuditEntry
from groups.roles.services import role_permission_set
from members.initiators.selectors import initiators_of, proposals_for
from members.initiators.services import StaleProgramme, kit_add, kit_remove, programme_save
from members.models import InitiatorProgramme, KitItem, Member, MemberRole
from members.roles.services import member_role_end, member_role_grant
from tests.base import Cast
from tests.builders import NOW, make_group, make_member
from tests.members.test_seeds_scoring import did

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _monday():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def group(cast: Cast):
    return make_group(branch=cast.hangzhou)


def bring(inviter: Member, group, number: int, days_ago: float) -> list[Member]:
    friends = [make_member(groups=[group], now=NOW - days_ago * DAY) for _friend in range(number)]
    Member.objects.filter(pk__in=[friend.pk for friend in friends]).update(invited_by=inviter)
    return friends


def write(cast: Cast, group, **changes) -> InitiatorProgramme:
    return programme_save(by=cast.mei, now=NOW, group=group, changes=changes)


class TestProposals:
    def names(self, programme: InitiatorProgramme) -> list[str]:
        return [item.membership.member.name for item in proposals_for(programme=programme, now=NOW)]

    def test_who_fulfils_every_condition_is_proposed(self, cast: Cast, group):
        ann, ben, cid = (make_member(name, [group], now=NOW - 80 * DAY) for name in ("ann", "ben", "cid"))
        bring(ann, group, 3, days_ago=10)
        bring(ben, group, 3, days_ago=10)
        bring(cid, group, 3, days_ago=70)
        for day in range(5):
            did(ann, "message", 1, days_ago=day, group=group)
            did(cid, "message", 1, days_ago=day, group=group)
        assert set(self.names(write(cast, group, min_invited=3))) == {"ann", "ben"}
        assert self.names(write(cast, group, min_active_days=5)) == ["ann"]
        assert self.names(write(cast, group, min_invited=0)) == ["ann", "cid"]
        assert self.names(write(cast, group, min_active_days=0)) == []

    def test_who_left_or_holds_the_role_is_not(self, cast: Cast, group):
        ann, ben = (make_member(name, [group]) for name in ("ann", "ben"))
        for member in (ann, ben):
            did(member, "answer", 2, group=group)
        programme = write(cast, group, min_answers=2)
        assert set(self.names(programme)) == {"ann", "ben"}
        member_role_grant(by=cast.mei, now=NOW, membership=ann.memberships.get(), role="initiator")
        ben.memberships.update(left_at=NOW + DAY)
        assert self.names(programme) == []

    def test_what_happened_in_other_groups_does_not_count(self, cast: Cast, group):
        other = make_group(branch=cast.hangzhou)
        ann = make_member("ann", [group, other])
        did(ann, "message", 9, group=other)
        assert self.names(write(cast, group, min_messages=1)) == []


class TestWhatEachBrought:
    def test_it_is_counted_while_the_role_is_held(self, cast: Cast, group):
        ann = make_member("ann", [group], now=NOW - 80 * DAY)
        membership = ann.memberships.get()
        role = member_role_grant(by=cast.mei, now=NOW - 30 * DAY, membership=membership, role="initiator")
        bring(ann, group, 2, days_ago=40)
        friends = bring(ann, group, 3, days_ago=20)
        friends[0].memberships.update(left_at=NOW)
        did(ann, "message", 4, days_ago=15, group=group)
        did(ann, "message", 4, days_ago=45, group=group)
        did(ann, "answer", 1, days_ago=5, group=group)
        (item,) = initiators_of(group=group, now=NOW)
        figures = item.figures
        assert (figures.invited, figures.present, figures.active_days) == (3, 2, 2)
        assert (figures.messages, figures.answers) == (4, 1)
        member_role_end(by=cast.mei, now=NOW - 10 * DAY, role=role)
        (item,) = initiators_of(group=group, now=NOW)
        assert (item.figures.active_days, item.figures.answers) == (1, 0)


class TestProgramme:
    def test_two_editors_are_told(self, cast: Cast, group):
        programme_save(by=cast.mei, now=NOW, group=group, changes={"offer": "a"}, version=0)
        with pytest.raises(StaleProgramme):
            programme_save(by=cast.lin, now=NOW, group=group, changes={"offer": "b"}, version=0)
        programme_save(by=cast.lin, now=NOW, group=group, changes={"offer": "b"}, version=1)
        assert AuditEntry.objects.filter(action="initiators.updated").count() == 2

    @pytest.mark.parametrize(("sort", "needed"), [("text", "text"), ("link", "url"), ("picture", "url")])
    def test_material_needs_its_content(self, cast: Cast, group, sort, needed):
        with pytest.raises(ValidationError) as error:
            kit_add(by=cast.mei, now=NOW, group=group, sort=sort, title="海报")
        assert set(error.value.message_dict) == {needed}

    def test_material_with_an_address_that_runs_scripts_is_refused(self, cast: Cast, group):
        with pytest.raises(ValidationError):
            kit_add(by=cast.mei, now=NOW, group=group, sort="link", title="x", url="javascript:alert(1)")

    def test_material_is_taken_away_once(self, cast: Cast, group):
        item = kit_add(by=cast.mei, now=NOW, group=group, sort="text", title="话术", text="一起来")
        assert kit_remove(by=cast.mei, item=KitItem.objects.get(pk=item.pk))
        assert not kit_remove(by=cast.mei, item=KitItem(pk=item.pk, programme=item.programme))


class TestPage:
    DATA = {
        "version": "0",
        "offer": "首发名额",
        "asks": "每月带来两位新成员",
        "min_invited": "2",
        "min_active_days": "0",
        "min_messages": "0",
        "min_answers": "0",
        "window_days": "60",
    }

    def test_the_programme_is_saved_and_the_second_editor_told(self, client, cast: Cast, group):
        client.force_login(cast.mei)
        address = reverse("members:initiators_save", args=[group.pk])
        assert client.post(address, self.DATA).status_code == 302
        response = client.post(address, self.DATA | {"offer": "另一个"})
        assert response.status_code == 409
        assert "另一个" in response.content.decode()
        again = self.DATA | {"offer": "另一个", "version": response.context["form"]["version"].value()}
        assert client.post(address, again).status_code == 302
        assert group.initiator_programme.offer == "另一个"
        assert client.post(address, self.DATA | {"window_days": "0"}).status_code == 422

    def test_roles_are_given_and_ended(self, client, cast: Cast, group):
        ann = make_member("ann", [group])
        client.force_login(cast.mei)
        client.post(reverse("members:initiator_grant", args=[group.pk, ann.pk]))
        role = MemberRole.objects.get(ended_at=None)
        assert role.role == "initiator"
        assert "ann" in client.get(reverse("members:group_initiators", args=[group.pk])).content.decode()
        client.post(reverse("members:initiator_end", args=[group.pk, role.pk]))
        assert not MemberRole.objects.filter(ended_at=None).exists()

    def test_who_may_not_invite_looks_and_does_not_change(self, client, cast: Cast, group):
        role_permission_set(by=cast.lin, role="operator", permission="invite", allowed=False)
        client.force_login(cast.mei)
        page = client.get(reverse("members:group_initiators", args=[group.pk]))
        assert (page.status_code, page.context["may_change"]) == (200, False)
        assert client.post(reverse("members:initiators_save", args=[group.pk]), self.DATA).status_code == 403

    def test_powers_are_those_of_the_matrix(self, client, cast: Cast, group):
        role_permission_set(by=cast.lin, role="initiator", permission="post", allowed=True)
        client.force_login(cast.ana)
        powers = client.get(reverse("members:group_initiators", args=[group.pk])).context["powers"]
        assert [allowed for _label, allowed in powers] == [True, True, False, True, False, False]

    def test_material_is_added_on_the_page(self, client, cast: Cast, group):
        client.force_login(cast.mei)
        address = reverse("members:initiators_kit_new", args=[group.pk])
        data = {"kit-sort": "picture", "kit-title": "海报", "kit-url": "", "kit-text": ""}
        assert client.post(address, data).status_code == 422
        assert client.post(address, data | {"kit-url": "https://example.org/a.png"}).status_code == 302
        assert (
            "https://example.org/a.png"
            in client.get(reverse("members:group_initiators", args=[group.pk])).content.decode()
        )

    @pytest.mark.parametrize("number", [2, 20])
    def test_the_number_of_queries_is_constant(self, client, cast: Cast, group, number, django_assert_num_queries):
        write(cast, group, min_answers=1, min_invited=0)
        for index in range(number * 2):
            member = make_member(groups=[group])
            did(member, "answer", group=group)
            if index % 2:
                member_role_grant(by=cast.mei, now=NOW, membership=member.memberships.get(), role="initiator")
        client.force_login(cast.lin)
        with django_assert_num_queries(12):
            client.get(reverse("members:group_initiators", args=[group.pk]))
