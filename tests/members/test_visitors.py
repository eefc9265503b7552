"""Personal links, and the devices that they sign in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from activity.services import event_key
from members.ingestion import IncomingEvent, ingest
from members.merging.services import members_merge
from members.models import Member, MemberSession
from members.visitors.services import link_code, link_make, sessions_end
from tests.base import Cast
from tests.builders import NOW, make_group, make_member
from tests.members.visitors import phone_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


def address(cast: Cast, member: Member, **more) -> str:
    link = link_make(by=cast.mei, now=NOW, member=member, **more)
    return f"/m/i/{link_code(link)}/"


def test_a_personal_link_signs_a_device_in_after_a_word_of_the_member(cast, clock):
    group = make_group("阅读打卡", branch=cast.hangzhou)
    member = make_member("王子涵妈妈", [group])
    link = address(cast, member, group=group)
    phone = Client()
    assert "王子涵妈妈" in phone.get(link).content.decode()
    assert not MemberSession.objects.exists(), "a preview by a chat program must not spend the link"
    answer = phone.post(link)
    assert (answer.status_code, answer["Location"]) == (302, f"/m/g/{group.page_token}/")
    assert answer.cookies["member"]["httponly"]
    assert answer.cookies["member"]["samesite"] == "Lax"
    assert "王子涵妈妈" in phone.get("/m/me/").content.decode()
    assert phone.get(link).status_code == 302, "opened again on the same device it leads on without another use"
    assert member.entry_links.get().uses == 1


def test_the_link_of_somebody_else_changes_nothing_on_a_signed_in_device(cast, clock):
    first, second = make_member("子涵妈妈"), make_member("浩然爸爸")
    phone = phone_of(first)
    link = address(cast, second)
    assert "belongs to somebody else" in phone.get(link).content.decode()
    assert phone.post(link).status_code == 409
    assert "子涵妈妈" in phone.get("/m/me/").content.decode()
    assert second.entry_links.get().uses == 0


@pytest.mark.parametrize("why", ["used up", "too old", "ended", "made up", "of nobody"])
def test_a_link_that_is_spent_old_ended_or_guessed_leads_nowhere(cast, clock, why):
    member = make_member("子涵妈妈")
    link = address(cast, member, limit=1)
    if why == "used up":
        Client().post(link)
    if why == "too old":
        clock.move_to(NOW + timedelta(days=15), tick=False)
    if why == "ended":
        member.entry_links.update(ended_at=NOW)
    if why == "made up":
        link = link[:-3] + ("aa/" if link[-3:] != "aa/" else "bb/")
    if why == "of nobody":
        link = "/m/i/zzzzzzzzzzzzzzzzzzzzz-aaaa/"
    phone = Client()
    assert (phone.get(link).status_code, phone.post(link).status_code) == (404, 404)
    assert phone.get("/m/me/").status_code == 403


def test_a_device_is_signed_out_by_itself_by_staff_and_by_half_a_year_without_a_visit(cast, clock):
    member = make_member("子涵妈妈")
    phone, other = phone_of(member), phone_of(member)
    phone.post("/m/me/sign-out/")
    assert (phone.get("/m/me/").status_code, other.get("/m/me/").status_code) == (403, 200)
    sessions_end(now=NOW, member=member)
    assert other.get("/m/me/").status_code == 403
    third = phone_of(member)
    clock.move_to(NOW + timedelta(days=181), tick=False)
    assert third.get("/m/me/").status_code == 403


def test_a_merged_member_is_signed_in_as_the_one_who_remains(cast, clock):
    remaining, double = make_member("子涵妈妈"), make_member("子涵妈妈 2")
    phone = phone_of(double)
    members_merge(by=cast.lin, now=NOW, winner=remaining, loser=double)
    assert ">子涵妈妈<" in phone.get("/m/me/").content.decode()


def test_the_page_of_a_group_offers_tiles_to_its_members_only(cast, clock):
    group = make_group("阅读打卡", branch=cast.hangzhou)
    member = make_member("子涵妈妈", [group])
    page = f"/m/g/{group.page_token}/"
    assert "member-tiles" in phone_of(member).get(page).content.decode()
    left = [IncomingEvent(event_key("tests", "left-1"), member.external_id, group.external_id, "left", NOW)]
    ingest(events=left, source="tests", by=None, create_missing=False, now=NOW)
    shown = phone_of(member).get(page).content.decode()
    assert "member-tiles" not in shown
    assert "who is not in this group" in shown
