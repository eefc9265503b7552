"""Check-ins on the page of today: how each programme stands, and groups are reminded by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from campaigns.checkins.dues import check_ins_tick
from campaigns.checkins.models import CheckInGroup
from campaigns.checkins.programmes import programme_pause
from campaigns.checkins.reminding import groups_remind
from campaigns.checkins.today import running_programmes
from delivery.models import Delivery
from groups.models import Group
from groups.roles.permissions import OPERATOR
from groups.roles.services import role_permission_set
from members.models import Membership
from members.privacy.services import member_erase
from tests.base import make_cast
from tests.builders import NOW, make_group, make_member
from tests.campaigns.checkins.things import FIRST, ZONE, make_programme, press
from tests.races import at_once

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def standing(user, now=NOW, groups=None):
    """Name, checked in, expected, about to lose a streak, and whether they may remind."""
    seen = Group.objects.visible_to(user) if groups is None else groups
    return [
        (row.programme.name, row.counted, row.present, row.risky, row.may_remind)
        for row in running_programmes(user=user, groups=seen, now=now)
    ]


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


def test_each_programme_tells_its_rate_so_far_and_who_is_about_to_lose_a_streak(cast, clock):
    morning, evening = make_group("晨读", branch=cast.hangzhou), make_group("夜读", branch=cast.hangzhou)
    elsewhere = make_group("成都", branch=cast.chengdu)
    both = make_member("两群", [morning, evening])
    keen, late, gone = (make_member(groups=[morning]) for _number in range(3))
    there = make_member(groups=[elsewhere])
    programme = make_programme(morning, evening, elsewhere, name="阅读")
    make_programme(evening, name="走路", timezone="America/New_York")
    programme_pause(by=cast.lin, now=NOW, programme=make_programme(morning, name="歇着"))
    make_programme(morning, name="以后", first_day=FIRST + 9 * DAY)
    for number in range(3):
        at = NOW + DAY * number
        for member, group in ((keen, morning), (late, morning), (gone, morning), (there, elsewhere)):
            press(programme, member, group, at)
    now = NOW + 3 * DAY
    assert standing(cast.mei, now)[1] == ("阅读", 0, 4, 3, True)
    press(programme, keen, morning, now)
    press(programme, both, evening, now)
    press(programme, there, elsewhere, now)
    member_erase(by=cast.lin, now=now, member=gone)
    # In New York it is late in the evening before, which closes first. Who is in two groups is expected once, and
    # other branches are not counted.
    assert standing(cast.mei, now) == [("走路", 0, 1, 0, True), ("阅读", 2, 3, 1, True)]
    assert standing(cast.out, now) == [("阅读", 1, 1, 0, True)]
    assert ("阅读", 3, 4, 1, False) in standing(cast.ana, now)
    assert standing(cast.mei, now, Group.objects.filter(pk=evening.pk))[1] == ("阅读", 1, 1, 0, True)


def test_the_part_costs_the_same_for_two_groups_and_for_two_hundred(client, cast, clock):
    programme = make_programme(make_group(branch=cast.hangzhou))
    other = make_programme(make_group(branch=cast.hangzhou), name="走路")
    members = [make_member() for _number in range(5)]
    client.force_login(cast.mei)
    counts = []
    for size in (2, 200):
        numbers = range(Group.objects.count(), size)
        fields = {"branch": cast.hangzhou, "state": "active", "motivation": "growth", "purpose": "x"}
        groups = Group.objects.bulk_create(
            Group(external_id=f"g{number}", name=f"G{number}", **fields) for number in numbers
        )
        CheckInGroup.objects.bulk_create(
            CheckInGroup(programme=one, group=group, from_day=FIRST) for one in (programme, other) for group in groups
        )
        Membership.objects.bulk_create(
            Membership(member=member, group=group, joined_at=NOW, last_seen_at=NOW)
            for member in members
            for group in groups
        )
        with CaptureQueriesContext(connection) as asked:
            page = client.get("/today/check-ins/")
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 14
    assert [row.present for row in page.context["running"]] == [5, 5]
    assert f"/rituals/check-ins/{programme.pk}/remind/" in page.content.decode()


def test_groups_are_reminded_by_hand_once_a_day_after_a_look_at_which(client, cast, clock):
    open_one, done, mine_not = (make_group(name, branch=cast.hangzhou) for name in ("晨读", "都打了", "成都的"))
    Group.objects.filter(pk=mine_not.pk).update(branch=cast.chengdu)
    programme = make_programme(open_one, done, mine_not, last_day=None)
    make_member(groups=[open_one, mine_not])
    press(programme, make_member(groups=[done]), done, NOW)
    address = f"/rituals/check-ins/{programme.pk}/remind/"
    client.force_login(cast.mei)
    assert not client.get(address).context["told"], "the day has no row yet"
    check_ins_tick(now=NOW)
    page = client.get(address)
    assert [(one.group.name, one.why_not) for one in page.context["told"]] == [("晨读", "")]
    assert [one.group.name for one in page.context["left_out"]] == ["都打了"]
    assert "0 of 1 have checked in" in page.content.decode() or "1 人" in page.content.decode()
    assert client.post(address, {"next": "/today/"})["Location"] == "/today/"
    assert client.post(address)["Location"] == f"/rituals/check-ins/{programme.pk}/"
    row = Delivery.objects.get()
    assert (row.group_id, row.due_at, row.late_until - NOW) == (open_one.pk, NOW, timedelta(minutes=30))
    assert AuditEntry.objects.get(action="checkins.reminded").after == {"day": "2026-03-02", "groups": 1}
    clock.move_to(NOW + DAY, tick=False)
    check_ins_tick(now=NOW + DAY)
    client.post(address)
    assert Delivery.objects.count() == 3, "a day later, both have somebody who has not"


def test_who_may_not_post_to_the_groups_does_not_remind_them(client, cast, clock):
    programme = make_programme(make_group(branch=cast.hangzhou))
    address = f"/rituals/check-ins/{programme.pk}/remind/"
    role_permission_set(by=cast.lin, role=OPERATOR, permission="post", allowed=False)
    for person, status in ((cast.mei, 403), (cast.ana, 403), (cast.out, 404)):
        client.force_login(person)
        assert (client.get(address).status_code, client.post(address).status_code) == (status, status)
    client.force_login(cast.mei)
    assert address not in client.get("/today/check-ins/").content.decode()


def test_without_a_programme_that_runs_today_shows_no_box(client, cast, clock):
    make_group(branch=cast.hangzhou)
    client.force_login(cast.mei)
    assert client.get("/today/check-ins/").content.strip() == b""


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_two_who_remind_at_once_remind_once(time_machine):
    time_machine.move_to(NOW, tick=False)
    cast = make_cast()
    groups = [make_group(branch=cast.hangzhou) for _number in range(3)]
    programme = make_programme(*groups, timezone=ZONE)
    for group in groups:
        make_member(groups=[group])
    check_ins_tick(now=NOW)
    answers = at_once(lambda _place: groups_remind(by=cast.mei, now=NOW, programme=programme), 4)
    assert sorted(answers) == [0, 0, 0, 3], answers
    assert Delivery.objects.count() == 3
