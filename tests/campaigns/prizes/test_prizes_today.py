"""Prizes that are to be sent, on the page of today: done in place, and taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from campaigns.prizes.models import Award, AwardState
from campaigns.prizes.services import award_address_set, prize_award, prize_create
from campaigns.today.bundles import ALL, todo
from groups.roles.services import staff_role_grant
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
WHERE: dict[str, Any] = {"recipient": "王子涵妈妈", "phone": "13900001111", "address": "文三路 1 号"}


def won(group, *, key="k", at=NOW, needs_address=True, branch=None) -> Award:
    prize = prize_create(by=None, now=at, title="签名本", stock=9, needs_address=needs_address, branch=branch)
    return prize_award(prize=prize, member=make_member("子涵妈妈"), group=group, key=key, reason="21 天", now=at)


def bundle(user, whose="mine"):
    return next((one for one in todo(user=user, now=NOW, whose=whose).bundles if one.key == "award"), None)


def test_what_can_be_sent_is_to_do_from_the_moment_it_can(cast):
    group = make_group(branch=cast.hangzhou)
    first, second = won(group, key="1", at=NOW - 9 * DAY), won(group, key="2", at=NOW - 4 * DAY, needs_address=False)
    assert [row.pk for row in bundle(cast.mei).rows] == [second.pk], "without an address it is the member's turn"
    award_address_set(now=NOW - DAY, award=first, **WHERE)
    found = bundle(cast.mei)
    assert [(row.pk, row.due_at) for row in found.rows] == [(second.pk, NOW - DAY), (first.pk, NOW + 2 * DAY)]
    assert (found.count, found.groups, found.late, found.due_at) == (2, 1, 1, NOW - DAY)
    assert bundle(cast.out, ALL) is None
    staff_role_grant(by=cast.lin, now=NOW, group=group, user=cast.lin, role="owner")
    assert bundle(cast.mei) is None
    assert bundle(cast.mei, ALL).count == 2
    won(None, key="3", needs_address=False, branch=cast.hangzhou)
    assert bundle(cast.mei).count == 1, "what belongs to no group is everybody's in the branch"


def test_it_is_marked_as_sent_in_place_with_its_number_and_taken_back(client, cast):
    row = won(make_group(branch=cast.hangzhou))
    award_address_set(now=NOW, award=row, **WHERE)
    sent, unsend = f"/rituals/prizes/awards/{row.pk}/sent/", f"/rituals/prizes/awards/{row.pk}/unsend/"
    with time_machine.travel(NOW, tick=False):
        client.force_login(cast.ana)
        page = client.get("/today/").content.decode()
        assert "签名本" in page
        assert sent not in page
        assert "13900001111" not in page, "who only reads is not told where it goes"
        assert client.post(sent).status_code == 403
        client.force_login(cast.out)
        assert (client.post(sent).status_code, client.post(unsend).status_code) == (404, 404)
        client.force_login(cast.mei)
        page = client.get("/today/").content.decode()
        assert sent in page
        assert "13900001111" in page
        answer = client.post(sent, {"tracking": " 顺丰 SF1\x00 ", "next": "/today/?whose=all"})
        assert answer["Location"] == "/today/?whose=all"
        row.refresh_from_db()
        assert (row.state, row.tracking, row.sent_at) == (AwardState.SENT, "顺丰 SF1", NOW)
        page = client.get("/today/?whose=all").content.decode()
        assert f"{unsend}?next=%2Ftoday%2F%3Fwhose%3Dall" in page
        assert client.post(f"{unsend}?next=/today/")["Location"] == "/today/"
        row.refresh_from_db()
        assert (row.state, row.tracking, row.sent_at) == (AwardState.TO_SEND, "", None)
        assert client.post(unsend)["Location"] == f"/rituals/prizes/awards/{row.pk}/"


def test_many_are_one_line_that_leads_to_all(cast):
    group = make_group(branch=cast.hangzhou)
    for number in range(8):
        won(group, key=str(number), at=NOW - number * DAY, needs_address=False)
    found = bundle(cast.mei)
    assert (found.count, found.late, len(found.rows), found.more) == (8, 4, 6, 2)
    assert found.all_url == "/rituals/prizes/awards/?state=to_send"
