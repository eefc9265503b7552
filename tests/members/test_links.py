"""Personal links as staff make, show and end them, and applicants who open the group."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEntry
from groups.models import Permission
from groups.roles.services import role_permission_set
from members.entry.services import Applicant, application_approve, application_make, entry_plan_save
from members.models import EntryLink, Member, MemberSession
from members.privacy.services import member_erase
from members.visitors.services import link_address, link_make
from tests.base import Cast
from tests.builders import NOW, make_group, make_member
from tests.members.visitors import phone_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


def browser(user) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def test_links_for_everybody_are_made_in_one_go_and_once(cast):
    group = make_group("阅读打卡", branch=cast.hangzhou)
    first, second = make_member("子涵妈妈", [group]), make_member("浩然爸爸", [group])
    make_member("别的群", [make_group(branch=cast.hangzhou)])
    mei = browser(cast.mei)
    link_make(by=cast.mei, now=NOW, member=first, group=group)
    answer = mei.post(reverse("members:group_links_make", args=[group.pk]), {"all": "1"}, follow=True)
    page = answer.content.decode()
    assert "1 link is made." in page
    assert set(EntryLink.objects.values_list("member", flat=True)) == {first.pk, second.pk}
    for link in EntryLink.objects.all():
        assert link_address(link.pk) in page
    assert page.count("data:image/svg+xml") == 2
    file = mei.get(reverse("members:group_links", args=[group.pk]), {"export": "csv"}).getvalue().decode()
    assert link_address(EntryLink.objects.get(member=second).pk) in file
    assert AuditEntry.objects.filter(action="member.link_made", subject_id=second.pk, actor=cast.mei).count() == 1


def test_the_list_shows_uses_expiry_and_devices_and_narrows_to_who_has_no_way_in(cast, clock):
    group = make_group("阅读打卡", branch=cast.hangzhou)
    names = ("子涵妈妈", "浩然爸爸", "朵朵妈妈")
    opened, waiting, without = (make_member(name, [group]) for name in names)
    for member in (opened, waiting):
        link = link_make(by=cast.mei, now=NOW, member=member, group=group)
    phone = Client()
    phone.post(reverse("member:link", args=[link_address(EntryLink.objects.get(member=opened).pk).split("/")[-2]]))
    address = reverse("members:group_links", args=[group.pk])
    mei = browser(cast.mei)
    page = mei.get(address).content.decode()
    assert "1 of 2" in page
    assert "0 of 2" in page
    assert "1 member has neither a link nor a signed-in device." in page
    for way, member in (("in", opened), ("link", waiting), ("none", without)):
        found = mei.get(address, {"way": way}).content.decode()
        assert [name for name in names if name in found] == [member.name]
    clock.move_to(link.expires_at + timedelta(minutes=1), tick=False)
    assert "2 members have neither" in browser(cast.mei).get(address).content.decode()


def test_the_list_costs_as_much_for_twenty_as_for_two(cast):
    group = make_group(branch=cast.hangzhou)
    mei = browser(cast.mei)
    counts = []
    for more in (2, 18):
        for _number in range(more):
            link_make(by=cast.mei, now=NOW, member=make_member(groups=[group]), group=group)
        for name in ("group_links", "group_links_sheet"):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                mei.get(reverse(f"members:{name}", args=[group.pk]))
            counts.append(len(queries))
    assert counts[:2] == counts[2:]


def test_a_link_is_ended_and_devices_are_signed_out_by_staff(cast):
    group = make_group(branch=cast.hangzhou)
    member, other = make_member("子涵妈妈", [group]), make_member("浩然爸爸", [group])
    link = link_make(by=cast.mei, now=NOW, member=member, group=group)
    kept = link_make(by=cast.mei, now=NOW, member=other, group=group)
    phone = phone_of(member)
    mei = browser(cast.mei)
    ticked = {"membership": member.memberships.get().pk}
    mei.post(reverse("members:group_links_end", args=[group.pk]), ticked)
    assert Client().get(link_address(link.pk)).status_code == 404
    assert Client().get(link_address(kept.pk)).status_code == 200
    assert phone.get("/m/me/").status_code == 200, "a device that was signed in stays so"
    mei.post(reverse("members:group_links_sign_out", args=[group.pk]), ticked)
    assert phone.get("/m/me/").status_code == 403
    acts = list(AuditEntry.objects.filter(subject_id=member.pk, actor=cast.mei).values_list("action", flat=True))
    assert {"member.link_made", "member.link_ended", "member.signed_out"} <= set(acts)
    for who, status in ((cast.out, 404), (cast.ana, 403)):
        assert (
            browser(who).post(reverse("members:group_links_end", args=[group.pk]), {"all": "1"}).status_code == status
        )


def test_on_the_page_of_a_member_links_are_made_shown_and_ended(cast):
    group = make_group("阅读打卡", branch=cast.hangzhou)
    elsewhere = make_group("成都", branch=cast.chengdu)
    member = make_member("子涵妈妈", [group, elsewhere])
    mei = browser(cast.mei)
    made = mei.post(reverse("members:member_link_make", args=[member.pk]), {"group": elsewhere.pk})
    link = EntryLink.objects.get()
    assert link.group == group, "a link leads to no group of another branch"
    assert link_address(link.pk) in mei.get(made["Location"]).content.decode()
    phones = [phone_of(member), phone_of(member)]
    part = mei.get(reverse("members:member_links", args=[member.pk])).content.decode()
    assert part.count("WeChat · Android") == 2
    assert "成都" not in part
    device = MemberSession.objects.earliest("pk")
    mei.post(reverse("members:member_sign_out", args=[member.pk]), {"device": device.pk})
    assert [phone.get("/m/me/").status_code for phone in phones] == [403, 200]
    mei.post(reverse("members:member_sign_out", args=[member.pk]), {"device": "x"})
    assert phones[1].get("/m/me/").status_code == 200, "a number that is none signs nobody out"
    mei.post(reverse("members:member_sign_out", args=[member.pk]))
    assert phones[1].get("/m/me/").status_code == 403
    mei.post(reverse("members:member_link_end", args=[member.pk, link.pk]))
    assert Client().get(link_address(link.pk)).status_code == 404


def test_who_may_not_review_a_group_makes_no_links_for_it(cast):
    group = make_group(branch=cast.hangzhou)
    member = make_member(groups=[group])
    role_permission_set(by=cast.lin, role="operator", permission=Permission.REVIEW, allowed=False)
    mei = browser(cast.mei)
    assert mei.get(reverse("members:group_links", args=[group.pk])).status_code == 403
    assert mei.post(reverse("members:member_link_make", args=[member.pk])).status_code == 403
    assert mei.get(reverse("members:member_links", args=[member.pk])).content.strip() == b""
    assert not EntryLink.objects.exists()


class TestApplicants:
    @pytest.fixture
    def own(self, cast: Cast) -> str:
        group = make_group("阅读打卡", branch=cast.hangzhou)
        entry_plan_save(by=cast.lin, group=group, changes={"is_open": True})
        application = application_make(group=group, applicant=Applicant("新来的妈妈"), now=NOW)
        assert (
            "Open the group" not in Client(headers={"accept-language": "en"}).get(application.page_url).content.decode()
        )
        assert application.page_url.endswith(Client().post(f"{application.page_url}device/")["Location"])
        assert application_approve(by=cast.mei, now=NOW, application=application)
        return application.page_url

    def test_an_approved_applicant_signs_two_devices_in(self, own):
        phones = [Client(headers={"accept-language": "en"}) for _phone in range(3)]
        assert "Open the group on this device" in phones[0].get(own).content.decode()
        answers = [phone.post(f"{own}device/") for phone in (phones[0], phones[0], *phones[1:])]
        assert ["/m/g/" in answer["Location"] for answer in answers] == [True, True, True, False]
        assert [phone.get("/m/me/").status_code for phone in phones] == [200, 200, 403]
        assert set(MemberSession.objects.values_list("opened_by", flat=True)) == {"application"}

    @pytest.mark.parametrize("why", ["too late", "somebody else", "erased"])
    def test_nobody_else_and_not_for_ever(self, cast, clock, own, why):
        phone = Client(headers={"accept-language": "en"})
        if why == "too late":
            clock.move_to(NOW + timedelta(days=14, seconds=1), tick=False)
        if why == "somebody else":
            phone = phone_of(make_member("赵敏"))
        if why == "erased":
            member_erase(by=cast.lin, now=NOW, member=Member.objects.get(name="新来的妈妈"))
            assert phone.post(f"{own}device/").status_code == 404
            return
        assert "Open the group on this device" not in phone.get(own).content.decode()
        before = MemberSession.objects.count()
        phone.post(f"{own}device/")
        assert MemberSession.objects.count() == before
