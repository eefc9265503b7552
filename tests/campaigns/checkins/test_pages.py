"""Pages of check-ins: on a member's phone without a script, in the console, and through the API."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from accounts.scopes import Scope
from accounts.services import token_issue
from campaigns.checkins.counting import check_in
from campaigns.checkins.models import CheckIn, CheckInProgramme
from campaigns.checkins.programmes import ThresholdDraft
from members.points.services import points_of
from members.visitors.tiles import tiles_of
from tests.builders import NOW, make_group, make_member
from tests.campaigns.checkins.things import make_programme, press, say, standing
from tests.members.visitors import phone_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def jpeg() -> io.BytesIO:
    file = io.BytesIO()
    picture = Image.new("RGB", (40, 30), "navy")
    details = picture.getexif()
    details[271] = "Some camera"
    picture.save(file, "JPEG", exif=details)
    file.seek(0)
    return file


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def place(cast, clock):
    group = make_group("阅读打卡", branch=cast.hangzhou)
    return group, make_member("子涵妈妈", [group])


def staff(user) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


# On the phone


def test_a_member_checks_in_with_one_button_sees_the_streak_and_is_rewarded(place, clock):
    group, member = place
    programme = make_programme(
        group, last_day=None, goal="percent", goal_value=50, thresholds=[ThresholdDraft("streak", 2, 20)]
    )
    phone, home = phone_of(member), f"/m/g/{group.page_token}/"
    assert "not yet today" in phone.get(home).content.decode()
    list_page = phone.get(f"{home}check-in/")
    page = list_page["Location"]
    assert page == f"{home}check-in/{programme.pk}/"
    assert "1 to go" not in phone.get(page).content.decode()
    done = phone.post(page)
    assert done.status_code == 302
    shown = phone.get(done["Location"]).content.decode()
    assert "Done for today" in shown
    assert "1 of 1 members today" in shown
    assert "1 to go" in shown
    assert phone.post(page).status_code == 302
    assert "done today" in phone.get(home).content.decode()
    clock.move_to(NOW + DAY, tick=False)
    phone.post(page)
    shown = phone.get(page).content.decode()
    assert "to go" not in shown
    assert (CheckIn.objects.count(), points_of(member)) == (2, 20)


def test_a_picture_is_kept_without_metadata_and_shown_to_the_member_and_staff_only(cast, place):
    group, member = place
    other = make_member("浩然爸爸", [group])
    programme = make_programme(group, proof="picture", is_reviewed=True)
    phone, page = phone_of(member), f"/m/g/{group.page_token}/check-in/{programme.pk}/"
    refused = phone.post(page)
    assert (refused.status_code, "Add a picture" in refused.content.decode()) == (422, True)
    broken = phone.post(page, {"picture": SimpleUploadedFile("a.jpg", b"no picture")})
    assert (broken.status_code, CheckIn.objects.count()) == (422, 0)
    assert phone.post(page, {"picture": SimpleUploadedFile("IMG_0001.jpg", jpeg().read())}).status_code == 302
    row = CheckIn.objects.get()
    assert row.state == "waiting"
    assert "IMG_0001" not in row.picture.name
    with row.picture.open("rb") as kept:
        assert not Image.open(kept).getexif()
    mine = f"{page}picture/{row.pk}/"
    assert phone.get(mine)["Content-Type"] == "image/jpeg"
    assert phone_of(other).get(mine).status_code == 404
    assert Client().get(mine).status_code == 403
    photo = f"/rituals/check-ins/check-in/{row.pk}/picture/"
    assert [staff(user).get(photo).status_code for user in (cast.mei, cast.out)] == [200, 404]


def test_a_missed_day_is_made_up_on_the_phone(place, clock):
    group, member = place
    programme = make_programme(group, free_cards=1)
    press(programme, member, group, NOW)
    clock.move_to(NOW + DAY * 2, tick=False)
    phone, page = phone_of(member), f"/m/g/{group.page_token}/check-in/{programme.pk}/"
    phone.post(page)
    shown = phone.get(page).content.decode()
    assert "You have 1 free card." in shown
    assert 'value="2026-03-03"' in shown
    assert phone.post(f"{page}make-up/", {"day": "2026-03-03"}).status_code == 302
    assert standing(programme, member) == (3, 3, 3)
    assert phone.post(f"{page}make-up/", {"day": "2026-03-01"}).status_code == 422


def test_a_page_does_not_cost_more_with_more_members(place):
    group, member = place
    programme = make_programme(group)
    phone = phone_of(member)
    page = f"/m/g/{group.page_token}/check-in/{programme.pk}/"
    people = [make_member(groups=[group]) for _each in range(18)]

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            phone.get(page)
        return len(queries)

    for person in (*people[:11], member):
        press(programme, person, group, NOW)
    few = cost()
    for person in people[11:]:
        press(programme, person, group, NOW)
    assert cost() == few


# In the console


def test_a_programme_is_written_previewed_changed_and_held(cast, place):
    group, _member = place
    mei, new = staff(cast.mei), "/rituals/check-ins/new/"
    form = {
        "name": "21 天晨读", "groups": [group.pk], "first_day": "2026-03-02", "last_day": "2026-03-22",
        "weekdays": list("0123456"), "opens": "06:00", "closes": "09:00", "timezone": "Asia/Shanghai",
        "by_page": "on", "keyword": "打卡", "proof": "none", "free_cards": "1", "card_price": "0", "card_days": "3",
        "goal": "percent", "goal_value": "70",
        "threshold_reach": ["streak", "total"], "threshold_count": ["7", ""], "threshold_points": ["20", ""],
        "threshold_prize": ["", ""],
    }  # fmt: skip
    assert mei.get(new).status_code == 200
    preview = mei.post(new, {**form, "act": "preview"})
    assert (preview.status_code, preview.content.decode().count('<li><span class="plain-list-main">')) == (200, 14)
    wrong = mei.post(new, {**form, "name": "", "last_day": "2026-03-01", "goal_value": "170"})
    assert wrong.status_code == 422
    assert "21 天晨读" not in wrong.content.decode()
    assert 'value="170"' in wrong.content.decode(), "what was typed is kept"
    saved = mei.post(new, form)
    programme = CheckInProgramme.objects.get()
    assert saved["Location"] == f"/rituals/check-ins/{programme.pk}/"
    assert programme.thresholds.get().points == 20
    edit = f"/rituals/check-ins/{programme.pk}/edit/"
    assert mei.post(edit, {**form, "version": "1", "name": "晨读"}).status_code == 302
    told = mei.post(edit, {**form, "version": "1", "name": "晨读 2"})
    assert (told.status_code, "Somebody else changed it" in told.content.decode()) == (422, True)
    pause = f"/rituals/check-ins/{programme.pk}/pause/"
    assert "nobody can check in" in mei.get(pause).content.decode()
    mei.post(pause)
    programme.refresh_from_db()
    assert programme.state == "paused"
    mei.post(f"/rituals/check-ins/{programme.pk}/resume/")
    programme.refresh_from_db()
    assert programme.state == "running"
    assert staff(cast.ana).post(pause).status_code == 403
    assert staff(cast.out).get(edit).status_code == 404


def test_the_page_of_a_programme_shows_rates_and_who_is_about_to_lose_a_streak(cast, place, clock):
    group, member = place
    programme = make_programme(group)
    for day in range(3):
        press(programme, member, group, NOW + DAY * day)
    newcomer = make_member("新成员", [group])
    press(programme, newcomer, group, NOW + DAY * 2)
    clock.move_to(NOW + DAY * 3, tick=False)
    mei, page = staff(cast.mei), f"/rituals/check-ins/{programme.pk}/"
    shown = mei.get(page).content.decode()
    risky = shown.split('id="risky"')[1].split("</section>")[0]
    assert ("子涵妈妈" in risky, "新成员" in risky) == (True, False)
    assert mei.post(f"{page}for/", {"member": member.pk}).status_code == 302
    assert standing(programme, member) == (4, 4, 4)
    assert "子涵妈妈" not in mei.get(page).content.decode().split('id="risky"')[1].split("</section>")[0]
    for path in ("", "all/", "rewards/"):
        assert staff(cast.ana).get(f"{page}{path}").status_code == 200
    assert "子涵妈妈" in mei.get(f"{page}all/?export=csv").getvalue().decode()


def test_proofs_are_approved_and_rejected_in_bulk_with_an_undo(cast, place):
    group, member = place
    programme = make_programme(group, proof="text", is_reviewed=True)
    people = [member, *(make_member(groups=[group]) for _each in range(2))]
    rows = [press(programme, person, group, NOW, text=f"读了 {n} 页") for n, person in enumerate(people)]
    mei, queue, judge = staff(cast.mei), "/rituals/check-ins/proofs/", "/rituals/check-ins/proofs/judge/"
    assert "读了 2 页" in mei.get(queue).content.decode()
    assert "读了 2 页" in mei.get("/today/").content.decode()
    mei.post(judge, {"check_in": [rows[0].pk, rows[1].pk], "decision": "approve"})
    mei.post(judge, {"check_in": [rows[2].pk], "decision": "reject"})
    assert list(CheckIn.objects.order_by("pk").values_list("state", flat=True)) == ["counted", "counted", "waiting"]
    mei.post(judge, {"check_in": [rows[2].pk], "decision": "reject", "reason": "看不清"})
    rows[2].refresh_from_db()
    assert (rows[2].state, rows[2].reason) == ("rejected", "看不清")
    shown = phone_of(people[2]).get(f"/m/g/{group.page_token}/check-in/{programme.pk}/").content.decode()
    assert "看不清" in shown
    mei.post(f"/rituals/check-ins/check-in/{rows[2].pk}/reopen/")
    rows[2].refresh_from_db()
    assert rows[2].state == "waiting"
    assert staff(cast.ana).post(judge, {"check_in": [rows[2].pk], "decision": "approve"}).status_code == 403
    staff(cast.out).post(judge, {"check_in": [rows[2].pk], "decision": "approve"})
    rows[2].refresh_from_db()
    assert rows[2].state == "waiting", "out of reach"


def test_lists_cost_the_same_with_two_rows_and_with_twenty(cast, place):
    group, _member = place
    programme = make_programme(group, proof="text", is_reviewed=True, thresholds=[ThresholdDraft("total", 1, 1)])
    client = staff(cast.mei)
    paths = [path.format(pk=programme.pk) for path in ("", "proofs/", "{pk}/", "{pk}/all/", "{pk}/rewards/")]
    more = make_group(branch=cast.hangzhou)
    people = iter([make_member(groups=[group]) for _each in range(40)])

    def costs() -> dict[str, int]:
        found = {}
        for path in paths:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(f"/rituals/check-ins/{path}").status_code == 200
            found[path] = len(queries)
        return found

    def grow(number: int) -> None:
        for count in range(number):
            make_programme(more, name=f"{number} {count}", keyword="")
            press(programme, next(people), group, NOW, text="读了三页")
            check_in(now=NOW, programme=programme, member=next(people), group=group, by=cast.mei)

    grow(2)
    few = costs()
    grow(18)
    assert costs() == few


# Through the API


def test_other_systems_read_programmes_and_check_ins_of_their_reach(cast, place):
    group, member = place
    theirs = make_group(branch=cast.chengdu)
    programme = make_programme(group, theirs)
    say(member, group, "打卡", NOW)
    press(programme, make_member(groups=[theirs]), theirs, NOW)
    _token, text = token_issue(by=None, user=cast.mei, scopes=[Scope.CAMPAIGNS_READ])
    headers = {"authorization": f"Bearer {text}"}
    found = Client().get("/api/v1/check-in-programmes/", headers=headers).json()["results"]
    assert [(row["id"], row["groups"], row["opens"]) for row in found] == [(programme.pk, [group.external_id], "00:00")]
    rows = (
        Client().get(f"/api/v1/check-ins/?programme={programme.pk}&day=2026-03-02", headers=headers).json()["results"]
    )
    assert [(row["member"], row["way"]) for row in rows] == [(member.external_id, "keyword")]
    assert Client().get("/api/v1/check-ins/?day=yesterday", headers=headers).status_code == 400


def test_the_tile_is_one_query(place, django_assert_num_queries):
    from campaigns.checkins.tile import tile_of
    from members.visitors.http import Visit

    group, member = place
    make_programme(group)
    make_programme(group, name="晚读", keyword="晚读")
    visit = Visit(member, member.memberships.get(), group, True)
    with django_assert_num_queries(1):
        tile = tile_of(visit, NOW)
    assert tile is not None
    assert tile.is_calling
    assert tiles_of(visit, NOW)[0].label == "Check in"
