"""How many points may be booked by hand: a ceiling at once and for a day, none for administrators of headquarters."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from accounts.models import AuditEntry, Role, User
from accounts.policies import policy_get, policy_save
from members.models import Transfer
from members.points.policy import PointsPolicy
from members.points.services import BeyondCeiling, points_book, points_of
from tests.base import make_cast
from tests.builders import NOW, make_group, make_member
from tests.races import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def member(cast):
    return make_member("子涵妈妈", [make_group(branch=cast.hangzhou)])


def limit(by, at_once, a_day):
    policy_save(by=by, now=NOW, values=PointsPolicy(most_at_once=at_once, most_a_day=a_day))


def book(by, member, points, key, now=NOW):
    return points_book(by=by, now=now, member=member, points=points, reason="分享", key=key)


def test_beyond_the_ceiling_nothing_is_booked_and_the_form_says_how_much_is_left(client, cast, member):
    limit(cast.lin, 100, 150)
    client.force_login(cast.mei)
    address = f"/members/{member.pk}/points/"

    def post(points, once):
        return client.post(address, {"once": once * 32, "points": str(points), "reason": "分享"})

    assert "At most 100 points at once. 150 of 150 are left today." in client.get(address).content.decode()
    refused = post(101, "a")
    assert refused.status_code == 422
    assert "You may book 100 points now" in str(refused.context["form"].errors["points"])
    assert "分享" in refused.content.decode(), "what was typed is kept"
    assert [post(100, "b").status_code, post(100, "b").status_code] == [302, 302], "pressed twice it is one booking"
    assert "50 points" in str(post(-51, "c").context["form"].errors["points"]), "what is taken counts as well"
    assert post(-50, "d").status_code == 302
    assert "all that you may" in str(post(1, "e").context["form"].errors["points"])
    assert (points_of(member), Transfer.objects.count()) == (50, 2)


def test_a_day_ends_at_midnight_of_the_installation_and_is_each_persons_own(cast, member):
    limit(cast.lin, 0, 100)
    other = User.objects.create_user("wei", role=Role.OPERATOR, branch=cast.hangzhou)
    book(cast.mei, member, 100, "1")
    midnight = NOW + timedelta(hours=12)
    with pytest.raises(BeyondCeiling):
        book(cast.mei, member, 1, "2", midnight - timedelta(seconds=1))
    book(other, member, 100, "3")
    book(cast.mei, member, 100, "4", midnight)


def test_who_has_no_ceiling_and_what_0_means(cast, member):
    limit(cast.lin, 10, 10)
    book(cast.lin, member, 100_000, "1")
    at_a_branch = User.objects.create_user("qing", role=Role.ADMIN, branch=cast.hangzhou)
    for by in (cast.mei, at_a_branch):
        with pytest.raises(BeyondCeiling):
            book(by, member, 11, f"2{by.pk}")
    limit(cast.lin, 0, 0)
    book(cast.mei, member, 100_000, "3")


def test_headquarters_decide_the_ceilings_and_two_editors_are_told(client, cast):
    address = "/settings/points/by-hand/"
    client.force_login(cast.lin)
    assert client.get(address).context["form"].initial["most_at_once"] == 1000
    wrong = client.post(address, {"version": "0", "most_at_once": "20", "most_a_day": "10"})
    assert (wrong.status_code, "most_at_once" in wrong.context["form"].errors) == (422, True)
    assert client.post(address, {"version": "0", "most_at_once": "20", "most_a_day": "60"}).status_code == 302
    assert policy_get(PointsPolicy) == PointsPolicy(20, 60)
    assert AuditEntry.objects.get(action="policy.updated").after == {"most_at_once": 20, "most_a_day": 60}
    late = client.post(address, {"version": "0", "most_at_once": "9", "most_a_day": "9"})
    assert "Somebody else has changed it" in late.content.decode()
    User.objects.filter(pk=cast.lin.pk).update(branch=cast.hangzhou)
    assert client.get(address).status_code == 403


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_booked_at_once_they_do_not_pass_the_ceiling_together(clock):
    cast = make_cast()
    limit(cast.lin, 0, 100)
    member = make_member(groups=[make_group(branch=cast.hangzhou)])
    answers = at_once(lambda place: book(cast.mei, member, 40, str(place)), 5)
    assert sum(isinstance(answer, Transfer) for answer in answers) == 2
    assert sum(isinstance(answer, BeyondCeiling) for answer in answers) == 3
    assert points_of(member) == 80
