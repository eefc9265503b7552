"""Pages of activities: on the phone, in the console, and for other systems."""

from __future__ import annotations

import csv
import io

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.services import token_issue
from campaigns.activities.models import Activity, ActivityReview
from campaigns.activities.services import activity_draft, attended_mark, review_write
from campaigns.activities.services.reviewing import CHANGED_FOR, OPEN_FOR
from members.privacy.services import member_erase
from tests.builders import NOW, make_group, make_member
from tests.campaigns.activity_things import DAY, HOUR, MINUTE, START, crowd, make_activity, sign_up, states
from tests.members.visitors import phone_of

pytestmark = pytest.mark.django_db
OVER = START + 2 * HOUR


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def group(cast):
    return make_group("晨读", branch=cast.hangzhou)


FORM = {
    "title": "讲座", "kind": "lecture", "timezone": "Asia/Shanghai",
    "starts_day": "2026-03-05", "starts_clock": "19:00", "ends_clock": "21:00", "place": "书房",
    "capacity": "2", "has_waiting_list": "on", "questions": "几位?\n孩子几年级?",
    "reminds_day_before": "on", "points": "5",
}  # fmt: skip


def test_staff_write_open_change_and_cancel_an_activity(cast, group, clock, client):
    client.force_login(cast.mei)
    preview = client.get("/rituals/activities/times/", FORM).content.decode()
    assert "19:00 – 21:00" in preview
    answer = client.post("/rituals/activities/new/", {**FORM, "groups": [group.pk]})
    activity = Activity.objects.get()
    page = f"/rituals/activities/{activity.pk}/"
    assert (answer.status_code, answer["Location"]) == (302, page)
    assert (activity.starts_at, activity.ends_at, activity.questions) == (START, OVER, ["几位?", "孩子几年级?"])
    client.post(f"{page}open/", {"announce": "1"})
    changed = {**FORM, "groups": [group.pk], "capacity": "3", "version": activity.version}
    assert client.post(f"{page}edit/", changed).status_code == 302
    stale = client.post(f"{page}edit/", {**changed, "title": "又改"})
    assert stale.status_code == 422
    assert "Somebody changed this activity while you were editing" in stale.content.decode()
    member = crowd(activity, group, 1)[0].member
    assert member.name in client.get(f"{page}cancel/").content.decode()
    client.post(f"{page}cancel/", {"reason": "台风"})
    activity.refresh_from_db()
    assert (activity.decided, activity.capacity, activity.cancel_reason) == ("cancelled", 3, "台风")


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("title", ""),
        ("ends_clock", "18:00"),
        ("starts_clock", ""),
        ("timezone", "Mars/Olympus"),
        ("capacity", "0"),
        ("link", "javascript:alert(1)"),
        ("reminder", "{nobody}"),
        ("questions", "1\n2\n3\n4"),
        ("groups", "999999"),
    ],
)
def test_a_form_that_is_not_right_keeps_what_was_typed_and_marks_the_field(cast, group, clock, client, field, typed):
    client.force_login(cast.mei)
    answer = client.post("/rituals/activities/new/", {**FORM, "groups": [group.pk], field: typed})
    assert answer.status_code == 422
    form = answer.context["form"]
    where = {"ends_clock": "ends_day"}.get(field, field)
    assert where in form.errors
    assert "书房" in answer.content.decode()
    assert not Activity.objects.exists()


def test_a_member_signs_up_waits_moves_up_and_gives_back_on_the_phone(cast, group, clock):
    activity = make_activity(cast.mei, [group], capacity=1, link="https://live.example/room", questions=("几位?",))
    first, second = make_member(groups=[group]), make_member(groups=[group])
    page = f"/m/g/{group.page_token}/activities/{activity.pk}/"
    phone, other = phone_of(first), phone_of(second)
    assert "live.example" not in phone.get(page).content.decode(), "the link is for those who have a place"
    assert phone.post(f"{page}sign-up/", {"answer_0": "两位"}).status_code == 302
    clock.shift(MINUTE)
    other.post(f"{page}sign-up/")
    assert "live.example" in phone.get(page).content.decode()
    assert "number 1 on the waiting list" in other.get(page).content.decode()
    assert phone.get(f"{page}calendar.ics")["Content-Type"] == "text/calendar; charset=utf-8"
    phone.post(f"{page}give-back/")
    assert "A place became free" in other.get(page).content.decode()
    assert states(activity) == ["cancelled", "going"]
    tile = other.get(f"/m/g/{group.page_token}/").content.decode()
    assert f"/m/g/{group.page_token}/activities/" in tile
    too_long = phone.post(f"{page}sign-up/", {"answer_0": "长" * 201})
    assert too_long.status_code == 422
    assert "长" * 201 in too_long.content.decode()


def test_members_see_neither_drafts_nor_what_other_groups_are_invited_to(cast, group, clock):
    elsewhere = make_group(branch=cast.chengdu)
    draft = make_activity(cast.mei, [group], opened=False)
    foreign = make_activity(cast.out, [elsewhere])
    phone = phone_of(make_member(groups=[group]))
    listed = phone.get(f"/m/g/{group.page_token}/activities/").content.decode()
    assert "Nothing is planned right now" in listed
    for hidden in (draft, foreign):
        page = f"/m/g/{group.page_token}/activities/{hidden.pk}/"
        assert phone.get(page).status_code == 404
        assert phone.post(f"{page}sign-up/").status_code == 404
    assert phone.get(f"/m/g/{elsewhere.page_token}/activities/{foreign.pk}/").status_code == 403


def test_reviews_are_given_after_the_end_by_those_who_were_there_and_changed_for_a_week(cast, group, clock, client):
    activity = make_activity(cast.mei, [group])
    came, missed = (signup.member for signup in crowd(activity, group, 2))
    attended_mark(now=START, activity=activity, member=came, by=cast.mei)
    activity.signups.filter(member=missed).update(state="missed")
    page = f"/m/g/{group.page_token}/activities/{activity.pk}/"
    phone = phone_of(came)

    def refused(member, now, stars=5, text=""):
        with pytest.raises(ValidationError) as error:
            review_write(now=now, activity=activity, member=member, stars=stars, text=text)
        return error.value.code

    assert refused(came, OVER - MINUTE) == "not_over"
    assert refused(missed, OVER) == "not_there"
    assert refused(make_member(groups=[group]), OVER) == "not_there"
    assert refused(came, OVER, stars=6) == "stars"
    assert refused(came, OVER + OPEN_FOR) == "too_late"
    clock.move_to(OVER, tick=False)
    assert phone.post(f"{page}review/", {"text": "很好"}).status_code == 422, "stars are asked for"
    assert phone.post(f"{page}review/", {"stars": "4", "text": "<b>很好</b>"}).status_code == 302
    clock.move_to(OVER + CHANGED_FOR - MINUTE, tick=False)
    phone.post(f"{page}review/", {"stars": "5", "text": "<b>更好</b>"})
    assert refused(came, OVER + CHANGED_FOR) == "too_late"
    client.force_login(cast.mei)
    read = client.get(f"/rituals/activities/{activity.pk}/?tab=review").content.decode()
    assert "&lt;b&gt;更好&lt;/b&gt;" in read
    summary = client.get(f"/rituals/activities/{activity.pk}/?tab=review").context["summary"]
    assert (summary.came, summary.missed, summary.reviews, summary.stars) == (1, 1, 1, 5)
    member_erase(by=cast.lin, now=OVER + CHANGED_FOR, member=came)
    review = ActivityReview.objects.get()
    assert (review.stars, review.text) == (5, ""), "erased, the stars stay and the words are gone"


def test_a_branch_sees_the_people_of_its_own_groups_in_what_several_are_invited_to(cast, group, clock, client):
    theirs = make_group(branch=cast.chengdu)
    shared = make_activity(cast.lin, [group, theirs])
    mine, other = crowd(shared, group, 1)[0].member, crowd(shared, theirs, 1)[0].member
    client.force_login(cast.mei)
    page = client.get(f"/rituals/activities/{shared.pk}/").content.decode()
    assert mine.name in page
    assert other.name not in page
    assert theirs.name not in page
    assert client.get(f"/rituals/activities/{shared.pk}/edit/").status_code == 403
    assert client.post(f"/rituals/activities/{shared.pk}/cancel/").status_code == 403


def test_lists_and_pages_cost_the_same_for_two_and_for_twenty(cast, group, clock, client):
    def cost(ask) -> int:
        ask()
        with CaptureQueriesContext(connection) as queries:
            assert ask().status_code == 200
        return len(queries)

    activity = make_activity(cast.mei, [group], capacity=1)
    crowd(activity, group, 1)
    phone = phone_of(make_member(groups=[group]))
    client.force_login(cast.mei)
    asks = {
        "list": lambda: client.get("/rituals/activities/"),
        "rituals": lambda: client.get("/rituals/"),
        "people": lambda: client.get(f"/rituals/activities/{activity.pk}/"),
        "phone": lambda: phone.get(f"/m/g/{group.page_token}/activities/"),
        "tile": lambda: phone.get(f"/m/g/{group.page_token}/"),
    }
    before = {name: cost(ask) for name, ask in asks.items()}
    crowd(activity, group, 6)
    for number in range(6):
        crowd(make_activity(cast.mei, [group], title=f"第 {number} 次", capacity=1), group, 2)
    assert {name: cost(ask) for name, ask in asks.items()} == before


def test_the_list_filters_by_derived_states_and_exports(cast, group, clock, client):
    make_activity(cast.mei, [group], title="开放")
    full = make_activity(cast.mei, [group], title="满了", capacity=1)
    crowd(full, group, 1)
    make_activity(cast.mei, [group], title="草稿", opened=False)
    make_activity(cast.mei, [group], title="过去", now=NOW - 3 * DAY, starts_at=NOW - 2 * DAY, ends_at=NOW - DAY)
    make_activity(cast.mei, [group], title="正在", now=NOW - 3 * DAY, starts_at=NOW - HOUR, ends_at=NOW + HOUR)
    client.force_login(cast.mei)

    def titles(query):
        rows = csv.DictReader(io.StringIO(client.get(f"/rituals/activities/{query}").getvalue().decode("utf-8-sig")))
        return sorted(row["Activity"] for row in rows)

    assert len(titles("?export=csv")) == 5
    for state, title in (("open", "开放"), ("full", "满了"), ("draft", "草稿"), ("over", "过去"), ("running", "正在")):
        assert titles(f"?state={state}&export=csv") == [title]
    people = client.get(f"/rituals/activities/{full.pk}/?export=xlsx")
    assert "spreadsheet" in people["Content-Type"]


def test_other_systems_read_activities_and_sign_ups_within_reach(cast, group, clock, client):
    activity = make_activity(cast.mei, [group], capacity=1)
    crowd(activity, group, 2)
    hidden = make_activity(cast.out, [make_group(branch=cast.chengdu)])
    crowd(hidden, hidden.groups.get(), 1)
    _row, secret = token_issue(by=None, user=cast.mei, scopes=["campaigns:read"])

    def read(path):
        return client.get(f"/api/v1/{path}", headers={"authorization": f"Bearer {secret}"}).json()["results"]

    (row,) = read("activities/?state=full")
    assert (row["id"], row["state"], row["taken"], row["waiting"]) == (activity.pk, "full", 1, 1)
    assert row["groups"] == [group.external_id]
    assert [signup["state"] for signup in read("sign-ups/")] == ["going", "waiting"]
    assert read(f"sign-ups/?activity={hidden.pk}") == read("activities/?state=nonsense") == []


def test_a_draft_made_of_an_idea_waits_for_its_times(cast, group, clock, client):
    draft = activity_draft(by=cast.mei, now=NOW, group=group, title="周末徒步", text="大家一起去西湖")
    client.force_login(cast.mei)
    page = client.get(f"/rituals/activities/{draft.pk}/").content.decode()
    assert "Write first when it begins and ends" in page
    assert not draft.signups.exists()
    sign = make_member(groups=[group])
    with pytest.raises(ValidationError):
        sign_up(draft, sign)
