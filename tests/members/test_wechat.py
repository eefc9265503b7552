"""Members come in from WeChat: known by unionid or openid, never by a name."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection
from django.test import Client

from accounts.models import AuditEntry
from community_ops.lib.wechat_oauth import Person, WeChatError, person_of
from members.entry.services import Applicant, application_approve, application_make, entry_plan_save
from members.merging.services import members_merge, merge_undo
from members.models import Application, Member, MemberIdentity, MemberSession
from members.privacy.services import member_erase
from members.visitors.services import link_address, link_make
from members.visitors.wechat import IdentityTakenError, identities_attach, member_of
from tests.builders import NOW, make_group, make_member
from tests.members.visitors import phone_of
from tests.members.wechat import APP_ID, SECRET, come_in, phone, wechat

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def fake():
    with wechat() as server:
        yield server


def known(member: Member, openid: str, unionid: str = "", app_id: str = APP_ID) -> None:
    identities_attach(now=NOW, member=member, person=Person(app_id, openid, unionid))


def name_of(client: Client) -> str:
    """Who is signed in on a device."""
    answer = client.get("/m/me/")
    return answer.context["member"].name if answer.status_code == 200 else ""


def test_a_known_openid_signs_in_and_is_offered_in_wechat_only(cast, fake):
    known(make_member("子涵妈妈"), "o-1")
    client = phone()
    assert "Sign in with WeChat" in client.get("/m/me/").content.decode()
    assert "Sign in with WeChat" not in Client(headers={"accept-language": "en"}).get("/m/me/").content.decode()
    answer = come_in(fake, client, "o-1")
    assert answer["Location"] == "/m/me/"
    assert name_of(client) == "子涵妈妈"
    assert MemberSession.objects.get().opened_by == "wechat"
    assert fake.calls[0]["grant_type"] == "authorization_code"


def test_a_stranger_stays_one_whatever_their_name(cast, fake):
    make_member("子涵妈妈")
    client = phone()
    come_in(fake, client, "o-9", unionid="u-9", nickname="子涵妈妈")
    assert name_of(client) == ""
    assert not MemberIdentity.objects.exists()


def test_a_unionid_links_the_openids_of_one_person(cast, fake):
    member = make_member("子涵妈妈")
    known(member, "o-other", "u-1", app_id="wxOTHER")
    client = phone()
    come_in(fake, client, "o-1", unionid="u-1")
    assert name_of(client) == "子涵妈妈"
    assert member_of(Person(APP_ID, "o-1")) == member, "the openid alone is enough next time"
    again = phone()
    calls = len(fake.calls)
    come_in(fake, again, "o-1")
    assert name_of(again) == "子涵妈妈"
    assert len(fake.calls) == calls + 1, "and nothing more is asked"


def test_the_state_belongs_to_one_browser_one_time_and_five_minutes(cast, fake, clock):
    known(make_member("子涵妈妈"), "o-1")
    first, other = phone(), phone()
    way = fake.allow(first.get("/m/wechat/")["Location"], "o-1")
    assert other.get(way).status_code == 400, "the link of an attacker signs nobody in"
    other.get("/m/wechat/")
    assert other.get(way).status_code == 400, "nor a browser that has left with a state of its own"
    assert not fake.calls
    assert first.get(way).status_code == 302
    assert first.get(way).status_code == 400, "once"
    late = phone()
    way = fake.allow(late.get("/m/wechat/")["Location"], "o-1")
    clock.move_to(NOW + timedelta(minutes=5, seconds=1), tick=False)
    assert late.get(way).status_code == 400
    assert name_of(late) == ""
    outside = phone().get("/m/wechat/?next=https://example.org/")
    assert "example.org" not in outside.cookies["wechat_state"].value


def test_who_refuses_comes_back_without_a_code(cast, fake):
    client = phone()
    start = client.get("/m/wechat/?next=/m/me/")["Location"]
    state = dict(parse_qsl(urlsplit(start).query))["state"]
    assert client.get(f"/m/wechat/back/?state={state}")["Location"] == "/m/me/"
    assert not fake.calls
    assert name_of(client) == ""


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (b'{"errcode":40029,"errmsg":"invalid code"}', "wrong_code"),
        (b'{"errcode":40163}', "code_used"),
        (b'{"errcode":45011}', "too_many_calls"),
        (b'{"errcode":99999}', "unknown"),
        (b"<html>502", "unknown"),
        (b"\xff\xfe", "unknown"),
        (b"[]", "unknown"),
        (b'{"access_token":"A"}', "unknown"),
    ],
)
def test_errors_have_names_and_no_log_line_a_secret(cast, fake, caplog, said, name):
    fake.says = [said, said]
    with pytest.raises(WeChatError) as error:
        person_of(code="c-secret-1")
    assert error.value.name == name
    client = phone()
    with caplog.at_level(logging.DEBUG):
        answer = client.get(fake.allow(client.get("/m/wechat/")["Location"], "o-1"))
    assert answer.status_code == 502
    assert "did not say who you are" in answer.content.decode()
    assert SECRET not in caplog.text
    assert "code0" not in caplog.text
    assert SECRET not in repr(error.value) + str(error.value.__cause__)


def test_a_wrong_secret_and_an_unreachable_wechat_are_named(cast, fake, settings):
    settings.WECHAT_OA_SECRET = "wrong"
    with pytest.raises(WeChatError, match="wrong_secret"):
        person_of(code="x")
    settings.OUTBOUND_ALLOWED_HOSTS = []
    with pytest.raises(WeChatError, match="address_refused"):
        person_of(code="x")


def test_chinese_text_is_read_as_utf8_whatever_the_header_says(cast, fake):
    fake.says = ['{"openid":"o-张三","scope":"snsapi_base"}'.encode()]
    assert person_of(code="x").openid == "o-张三"


def test_a_preview_of_wechat_never_becomes_a_member(cast, fake):
    member = make_member("子涵妈妈")
    known(member, "o-1")
    client = phone()
    answer = come_in(fake, client, "o-1", is_snapshotuser=1)
    assert answer.status_code == 403
    assert "Use the full service" in answer.content.decode()
    assert name_of(client) == ""
    link = link_make(by=cast.mei, now=NOW, member=make_member("浩然爸爸"))
    path = f"/m/wechat/?link={link_address(link.pk).split('/')[-2]}"
    assert come_in(fake, phone(), "o-2", path=path, is_snapshotuser=1).status_code == 403
    assert MemberIdentity.objects.count() == 1
    link.refresh_from_db()
    assert link.uses == 0


def test_a_personal_link_takes_the_first_wechat_and_refuses_another(cast, fake):
    group = make_group("阅读打卡", branch=cast.hangzhou)
    member = make_member("子涵妈妈", [group])
    link = link_make(by=cast.mei, now=NOW, member=member, group=group, limit=5)
    address = link_address(link.pk)
    path = f"/m/wechat/?link={address.split('/')[-2]}"
    client = phone()
    assert "/m/wechat/?" in client.get(address).content.decode()
    assert client.post(address)["Location"].startswith("/m/wechat/?"), "no way around WeChat's word"
    assert come_in(fake, client, "o-1", path=path)["Location"] == f"/m/g/{group.page_token}/"
    assert name_of(client) == "子涵妈妈"
    assert MemberIdentity.objects.get().value == "o-1"
    thief = phone()
    answer = come_in(fake, thief, "o-2", path=path)
    assert answer.status_code == 409
    assert name_of(thief) == ""
    same = phone()
    come_in(fake, same, "o-1", path=path)
    assert name_of(same) == "子涵妈妈"
    link.refresh_from_db()
    assert link.uses == 2
    other = link_make(by=cast.mei, now=NOW, member=make_member("浩然爸爸"))
    passed_on = phone()
    answer = come_in(fake, passed_on, "o-1", path=f"/m/wechat/?link={link_address(other.pk).split('/')[-2]}")
    assert answer.status_code == 409, "the WeChat of one member opens no account of another"


def test_an_application_made_in_wechat_carries_the_identity_to_the_member(cast, fake):
    group = make_group("阅读打卡", branch=cast.hangzhou)
    entry_plan_save(by=cast.lin, group=group, changes={"is_open": True})
    join = f"/m/g/{group.page_token}/join/"
    client = phone()
    door = client.get(join)
    assert door["Location"].startswith("/m/wechat/?"), "asked silently, once"
    assert come_in(fake, client, "o-7", path=door["Location"])["Location"] == join
    assert client.get(join).status_code == 200
    client.post(join, {"name": "新来的妈妈", "contact": "wx_new"})
    application = Application.objects.get()
    assert application.wechat["openid"] == "o-7"
    assert application_approve(by=cast.mei, now=NOW, application=application)
    application.refresh_from_db()
    assert application.wechat == {}
    later = phone()
    come_in(fake, later, "o-7")
    assert name_of(later) == "新来的妈妈"


def test_who_does_not_tell_wechat_who_they_are_applies_all_the_same(cast, fake):
    group = make_group(branch=cast.hangzhou)
    entry_plan_save(by=cast.lin, group=group, changes={"is_open": True})
    join = f"/m/g/{group.page_token}/join/"
    client = phone()
    start = client.get(client.get(join)["Location"])["Location"]
    client.get(f"/m/wechat/back/?state={dict(parse_qsl(urlsplit(start).query))['state']}")
    client.post(join, {"name": "新来的妈妈", "contact": "wx_new"})
    assert Application.objects.get().wechat == {}


def test_the_wechat_of_another_member_is_not_taken_by_an_approval(cast, fake):
    group = make_group(branch=cast.hangzhou)
    entry_plan_save(by=cast.lin, group=group, changes={"is_open": True})
    owner = make_member("子涵妈妈")
    known(owner, "o-1")
    applicant = Applicant("别人", wechat={"app_id": APP_ID, "openid": "o-1", "unionid": ""})
    application = application_make(group=group, applicant=applicant, now=NOW)
    assert application_approve(by=cast.mei, now=NOW, application=application)
    assert member_of(Person(APP_ID, "o-1")) == owner
    assert AuditEntry.objects.filter(action="member.identity_differs", subject_id=application.member_id).exists()


def test_merged_members_are_known_by_both_and_come_apart_again(cast, fake):
    winner, loser = make_member("子涵妈妈"), make_member("子涵妈妈 2")
    known(winner, "o-1")
    known(loser, "o-2", "u-2")
    run = members_merge(by=cast.lin, now=NOW, winner=winner, loser=loser)
    for openid in ("o-1", "o-2"):
        assert member_of(Person(APP_ID, openid)) == winner
    with pytest.raises(IdentityTakenError):
        known(winner, "o-3")
    merge_undo(by=cast.lin, now=NOW, run=run)
    assert member_of(Person(APP_ID, "o-2")) == loser
    assert member_of(Person(APP_ID, "o-1")) == winner


def test_an_erased_member_is_unknown_to_wechat(cast, fake):
    member = make_member("子涵妈妈")
    known(member, "o-1", "u-1")
    member_erase(by=cast.lin, now=NOW, member=member)
    client = phone()
    come_in(fake, client, "o-1", unionid="u-1")
    assert name_of(client) == ""
    with pytest.raises(IdentityTakenError):
        known(member, "o-1")


def test_who_is_signed_in_stays_who_they_are(cast, fake):
    known(make_member("子涵妈妈"), "o-1")
    other = phone_of(make_member("浩然爸爸"))
    other.get(fake.allow(other.get("/m/wechat/")["Location"], "o-1"))
    assert name_of(other) == "浩然爸爸"


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite lets one write at a time")
@pytest.mark.django_db(transaction=True)
def test_two_wechats_that_open_one_link_at_once_do_not_both_become_the_member(clock):
    member = Member.objects.create(external_id="m-1", name="子涵妈妈")
    gate, refused = threading.Barrier(4), []

    def attach(number: int) -> None:
        gate.wait()
        try:
            known(member, f"o-{number}")
        except IdentityTakenError:
            refused.append(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=attach, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    assert MemberIdentity.objects.count() == 1
