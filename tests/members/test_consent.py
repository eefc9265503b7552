"""The text that members agree to before they take part."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from accounts.models import AuditEntry
from members.consent.services import StaleText, consent_give, draft_publish, draft_save, text_in_force
from members.merging.services import members_merge, merge_undo
from members.models import Consent, ConsentText, Member
from members.visitors.http import for_members
from tests.base import Cast
from tests.builders import NOW, make_group, make_member
from tests.members.visitors import phone_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


def publish(cast: Cast, text: str = "第二版") -> ConsentText:
    draft = draft_save(by=cast.lin, now=NOW, body_zh=text, body_en=f"{text} (en)", revision=0)
    return draft_publish(by=cast.lin, now=NOW, revision=draft.revision)


def called(monkeypatch, rf: Any, member: Member, group: Any, method: str, agrees: bool) -> tuple[int, list[str]]:
    """What a page for members answers, and whether its view ran."""
    ran: list[str] = []

    def view(request: Any, visit: Any) -> Any:
        from django.http import HttpResponse

        ran.append(visit.member.name)
        return HttpResponse("done")

    phone = phone_of(member, agrees=agrees)
    request = rf.generic(method, f"/m/g/{group.page_token}/anything/")
    request.COOKIES = {name: morsel.value for name, morsel in phone.cookies.items()}
    return for_members(view)(request, token=group.page_token).status_code, ran


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_takes_part_before_they_agreed(cast, clock, monkeypatch, rf, method):
    group = make_group("阅读打卡", branch=cast.hangzhou)
    member = make_member("子涵妈妈", [group])
    assert called(monkeypatch, rf, member, group, method, agrees=False) == (403, [])
    assert called(monkeypatch, rf, member, group, method, agrees=True) == (200, ["子涵妈妈"])
    Consent.objects.update(withdrawn_at=NOW)
    assert called(monkeypatch, rf, member, group, method, agrees=False) == (403, [])


def test_a_member_is_asked_once_and_goes_on_where_they_were(cast, clock):
    group = make_group("阅读打卡", branch=cast.hangzhou)
    member = make_member("子涵妈妈", [group])
    phone = phone_of(member, agrees=False)
    home = f"/m/g/{group.page_token}/"
    assert phone.get(home).status_code == 200, "the page of the group can be read"
    text = text_in_force()
    assert text is not None
    asked = phone.get("/m/me/consent/", {"next": home}).content.decode()
    assert "What we keep" in asked
    answer = phone.post("/m/me/consent/", {"version": text.version, "next": home})
    assert (answer.status_code, answer["Location"]) == (302, home)
    consent = Consent.objects.get()
    assert (consent.member, consent.text, consent.channel, consent.digest) == (member, text, "link", text.digest)
    phone.post("/m/me/consent/", {"version": text.version, "next": home})
    assert Consent.objects.count() == 1
    assert "I have read this and agree" not in phone.get("/m/me/consent/").content.decode()
    outside = phone.post("/m/me/consent/", {"version": text.version, "next": "https://example.org/"})
    assert outside["Location"] == "/m/me/"


def test_a_new_version_is_asked_for_again_and_an_old_page_does_not_agree_to_it(cast, clock):
    member = make_member("子涵妈妈")
    phone = phone_of(member)
    newer = publish(cast)
    assert phone.post("/m/me/consent/", {"version": newer.version - 1}).status_code == 409
    assert phone.post("/m/me/consent/", {"version": "9" * 30}).status_code == 409
    assert not Consent.objects.filter(text=newer).exists()
    page = phone.get("/m/me/consent/", headers={"accept-language": "zh-hans"}).content.decode()
    assert "第二版" in page
    assert "(en)" not in page
    assert phone.post("/m/me/consent/", {"version": newer.version}).status_code == 302


def test_a_word_is_taken_back_as_easily_as_it_was_given(cast, clock):
    member = make_member("子涵妈妈")
    phone = phone_of(member)
    assert "Take my consent back" in phone.get("/m/me/consent/").content.decode()
    assert phone.post("/m/me/consent/withdraw/").status_code == 302
    assert Consent.objects.get().withdrawn_at == NOW
    phone.post("/m/me/consent/", {"version": "1"})
    assert list(Consent.objects.order_by("pk").values_list("withdrawn_at", flat=True)) == [NOW, None]
    acts = AuditEntry.objects.filter(subject_type="members.member").values_list("action", flat=True)
    assert {"member.consented", "member.consent_withdrawn"} <= set(acts)


def test_what_two_merged_members_agreed_to_is_one_word_and_comes_apart_again(cast, clock):
    winner, loser = make_member("子涵妈妈"), make_member("子涵妈妈 2")
    for member in (winner, loser):
        consent_give(now=NOW, member=member, version=1, channel="link")
    run = members_merge(by=cast.lin, now=NOW, winner=winner, loser=loser)
    assert [consent.member for consent in Consent.objects.all()] == [winner]
    merge_undo(by=cast.lin, now=NOW, run=run)
    assert set(Consent.objects.values_list("member", flat=True)) == {winner.pk, loser.pk}


def test_administrators_write_a_draft_and_publish_it(cast, clock, client):
    client.force_login(cast.lin)
    page = reverse("members:consent")
    start = client.get(page).content.decode()
    assert "我们保存什么" in start
    answer = client.post(page, {"revision": "0", "body_zh": "新版", "body_en": ""})
    assert answer.status_code == 422
    assert "Both languages are needed" in answer.content.decode()
    client.post(page, {"revision": "0", "body_zh": "新版", "body_en": "New"})
    assert text_in_force().version == 1, "a draft asks nobody"
    late = client.post(page, {"revision": "0", "body_zh": "别人的", "body_en": "Other"})
    assert late.status_code == 409
    assert "别人的" in late.content.decode()
    assert ConsentText.objects.get(version=2).body_zh == "新版"
    client.post(page, {"revision": "1", "body_zh": "新版二", "body_en": "New"})
    client.post(reverse("members:consent_publish"), {"revision": "1"})
    assert text_in_force().version == 1, "somebody published what they had not seen"
    client.post(reverse("members:consent_publish"), {"revision": "2"})
    assert text_in_force().body_zh == "新版二"
    with pytest.raises(StaleText):
        draft_publish(by=cast.lin, now=NOW, revision=2)


def test_a_text_in_force_never_changes(cast, clock):
    first = text_in_force()
    digest = first.digest
    draft_save(by=cast.lin, now=NOW, body_zh="新版", body_en="New", revision=0)
    first.refresh_from_db()
    assert first.digest == digest
    assert text_in_force() == first
