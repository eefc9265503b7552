"""Posts in the console: written, previewed, changed, paused, stopped; and who may."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from accounts.models import AuditEntry, User
from campaigns.models import Piece, Post, Series, SeriesPiece
from campaigns.posts.services import Schedule, post_create
from delivery.models import Delivery
from groups.models import Group
from tests.base import Cast
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _monday():
    with time_machine.travel(NOW, tick=False):
        yield


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def typed(*groups: Group, **fields):
    return {
        "title": "Read aloud",
        "body": "Ten minutes.",
        "groups": [group.pk for group in groups],
        "repeat": "once",
        "day": "2026-03-03",
        "clock": "09:00",
        "missed": "late",
        "late_minutes": "30",
        **fields,
    }


def make_post(*groups: Group, rule="FREQ=DAILY", title="Read aloud") -> Post:
    schedule = Schedule(timezone="Asia/Shanghai", rrule=rule, start="2026-03-02T18:00")
    return post_create(by=None, now=NOW, title=title, body="Ten minutes.", groups=groups, schedule=schedule)


# --- Writing ---


@pytest.mark.parametrize(
    ("fields", "rule", "first"),
    [
        ({}, "", "2026-03-03 01:00"),
        ({"repeat": "daily"}, "FREQ=DAILY", "2026-03-03 01:00"),
        ({"repeat": "workdays"}, "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "2026-03-03 01:00"),
        ({"repeat": "weekly", "weekdays": ["TH", "SU"]}, "FREQ=WEEKLY;BYDAY=TH,SU", "2026-03-05 01:00"),
        ({"repeat": "monthly"}, "FREQ=MONTHLY;BYMONTHDAY=3", "2026-03-03 01:00"),
        (
            {"repeat": "monthly", "day": "2026-03-31"},
            "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1",
            "2026-03-31 01:00",
        ),
        ({"repeat": "daily", "until": "2026-03-05"}, "FREQ=DAILY;UNTIL=20260305", "2026-03-03 01:00"),
    ],
)
def test_a_post_is_planned_in_the_words_people_use(cast: Cast, fields, rule, first):
    group = make_group(branch=cast.hangzhou)

    response = signed_in(cast.mei).post("/posts/new/", typed(group, **fields))

    post = Post.objects.get()
    assert response.status_code == 302
    assert response["Location"] == f"/posts/{post.pk}/"
    assert (post.rrule, post.created_by, post.timezone) == (rule, cast.mei, "Asia/Shanghai")
    assert f"{Delivery.objects.order_by('due_at').first().due_at:%Y-%m-%d %H:%M}" == first


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"title": ""}, "This field is required."),
        ({"body": " "}, "This field is required."),
        ({"groups": []}, "Choose at least one group."),
        ({"clock": "25:00"}, "Enter a valid time."),
        ({"day": "2026-02-30"}, "Enter a valid date."),
        ({"day": "2026-03-01"}, "This time has passed."),
        ({"repeat": "weekly"}, "Choose at least one weekday."),
        ({"repeat": "daily", "until": "2026-03-01"}, "This recurrence never comes about."),
        ({"repeat": "custom"}, "Select a valid choice"),
        ({"repeat": "daily", "day": "0001-01-01"}, "Give the first time on the local clock"),
        ({"late_minutes": "-1"}, "greater than or equal to 0"),
        ({"missed": "maybe"}, "Select a valid choice"),
    ],
)
def test_what_was_typed_stays_beside_what_is_wrong(cast: Cast, fields, says):
    group = make_group(name="Reading of grade 3")

    response = signed_in(cast.lin).post("/posts/new/", {**typed(group, title="Kept title"), **fields})

    page = response.content.decode()
    assert response.status_code == 422
    assert says in page
    assert not Post.objects.exists()
    if "title" not in fields:
        assert "Kept title" in page
    if "groups" not in fields:
        assert f'value="{group.pk}" checked' in page


def test_the_group_it_was_asked_from_is_ticked(cast: Cast):
    group = make_group()

    page = signed_in(cast.lin).get(f"/posts/new/?group={group.pk}").content.decode()

    assert f'value="{group.pk}" checked' in page


def test_a_post_serves_as_a_draft_of_another(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    post = make_post(group, title="From last week")

    page = signed_in(cast.mei).get(f"/posts/new/?from={post.pk}").content.decode()

    assert "From last week" in page
    assert f'value="{group.pk}" checked' in page
    assert "From last week" not in signed_in(cast.out).get(f"/posts/new/?from={post.pk}").content.decode()


def test_only_active_groups_within_reach_can_be_chosen(cast: Cast):
    ours = make_group(name="Ours", branch=cast.hangzhou)
    theirs = make_group(name="Theirs", branch=cast.chengdu)
    forming = make_group(name="Forming", branch=cast.hangzhou, motivation="")
    mei = signed_in(cast.mei)

    found = mei.get("/posts/groups/").content.decode()

    assert "Ours" in found
    assert "Theirs" not in found
    assert "Forming" not in found
    for other in (theirs, forming):
        assert mei.post("/posts/new/", typed(ours, other)).status_code == 422
    assert not Post.objects.exists()


def test_groups_are_found_by_name_and_not_twice(cast: Cast):
    reading = make_group(name="Reading of grade 3")
    make_group(name="Maths")
    lin = signed_in(cast.lin)

    assert "Reading of grade 3" in lin.get("/posts/groups/", {"find": "reading"}).content.decode()
    assert "Maths" not in lin.get("/posts/groups/", {"find": "reading"}).content.decode()
    assert "Reading" not in lin.get("/posts/groups/", {"find": "reading", "groups": str(reading.pk)}).content.decode()
    assert lin.get("/posts/groups/", {"find": "\x00", "groups": "x"}).status_code == 200


def test_the_next_five_times_are_shown_before_saving(cast: Cast):
    lin = signed_in(cast.lin)

    page = lin.get("/posts/times/", {"repeat": "daily", "day": "2026-03-03", "clock": "09:00"}).content.decode()

    assert page.count("<li>") == 5
    assert "Tue 3 Mar 2026 09:00" in page
    assert (
        "This time has passed."
        in lin.get("/posts/times/", {"repeat": "once", "day": "2026-03-01", "clock": "09:00"}).content.decode()
    )
    assert lin.get("/posts/times/").status_code == 200


# --- Changing ---


def test_editing_shows_what_is_there_and_saves_what_was_typed(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    post = make_post(group)
    mei = signed_in(cast.mei)

    page = mei.get(f"/posts/{post.pk}/edit/").content.decode()
    assert 'value="2026-03-02"' in page
    assert 'value="18:00"' in page
    response = mei.post(
        f"/posts/{post.pk}/edit/", typed(group, repeat="daily", day="2026-03-02", clock="18:30", title="Read louder")
    )

    post.refresh_from_db()
    assert response.status_code == 302
    assert (post.title, post.start_local) == ("Read louder", "2026-03-02T18:30:00")
    assert AuditEntry.objects.get(action="post.updated").actor == cast.mei


def test_a_rule_of_its_own_survives_editing(cast: Cast):
    group = make_group()
    post = make_post(group, rule="FREQ=HOURLY;INTERVAL=6")
    lin = signed_in(cast.lin)

    response = lin.post(
        f"/posts/{post.pk}/edit/", typed(group, repeat="custom", day="2026-03-02", clock="18:00", title="Other")
    )

    post.refresh_from_db()
    assert response.status_code == 302
    assert (post.title, post.rrule) == ("Other", "FREQ=HOURLY;INTERVAL=6")


def test_pause_can_be_undone(cast: Cast):
    post = make_post(make_group(branch=cast.hangzhou))
    mei = signed_in(cast.mei)

    page = mei.post(f"/posts/{post.pk}/pause/", follow=True).content.decode()
    assert f"/posts/{post.pk}/resume/" in page
    mei.post(f"/posts/{post.pk}/resume/")

    post.refresh_from_db()
    assert post.state == "active"
    assert Delivery.objects.filter(state="planned").count() == 14


def test_stopping_shows_first_what_it_cancels(cast: Cast):
    post = make_post(make_group(name="Reading of grade 3"), make_group())
    lin = signed_in(cast.lin)

    page = lin.get(f"/posts/{post.pk}/stop/").content.decode()
    assert "28 deliveries" in page
    assert "Reading of grade 3" in page
    post.refresh_from_db()
    assert post.state == "active"

    lin.post(f"/posts/{post.pk}/stop/")
    post.refresh_from_db()
    assert post.state == "stopped"
    assert lin.get(f"/posts/{post.pk}/edit/").status_code == 302


# --- Who may ---

PATHS = ["", "edit/", "stop/"]
ACTS = ["edit/", "pause/", "resume/", "stop/"]


@pytest.mark.parametrize("path", PATHS)
def test_a_post_of_another_branch_does_not_exist(cast: Cast, path):
    post = make_post(make_group(branch=cast.hangzhou))

    assert signed_in(cast.mei).get(f"/posts/{post.pk}/{path}").status_code == 200
    assert signed_in(cast.out).get(f"/posts/{post.pk}/{path}").status_code == 404
    assert Client().get(f"/posts/{post.pk}/{path}").status_code == 302


@pytest.mark.parametrize("act", ACTS)
def test_a_manager_and_other_branches_change_nothing(cast: Cast, act):
    post = make_post(make_group(branch=cast.hangzhou))

    assert signed_in(cast.ana).post(f"/posts/{post.pk}/{act}").status_code == 403
    assert signed_in(cast.out).post(f"/posts/{post.pk}/{act}").status_code == 404
    post.refresh_from_db()
    assert post.state == "active"


@pytest.mark.parametrize("act", ACTS)
def test_a_branch_does_not_change_what_others_wait_for(cast: Cast, act):
    post = make_post(make_group(branch=cast.hangzhou), make_group(name="Theirs", branch=cast.chengdu))
    mei = signed_in(cast.mei)

    page = mei.get(f"/posts/{post.pk}/")
    assert page.status_code == 200
    assert b"Theirs" not in page.content
    assert mei.post(f"/posts/{post.pk}/{act}").status_code == 403


@pytest.mark.parametrize("act", ["pause/", "resume/"])
def test_acts_are_never_done_by_looking(cast: Cast, act):
    post = make_post(make_group())

    assert signed_in(cast.lin).get(f"/posts/{post.pk}/{act}").status_code == 405


def test_a_manager_reads(cast: Cast):
    post = make_post(make_group())
    ana = signed_in(cast.ana)

    assert ana.get("/posts/").status_code == 200
    assert ana.get(f"/posts/{post.pk}/").status_code == 200
    assert ana.get("/posts/new/").status_code == 403


# --- Lists ---


def test_posts_are_searched_filtered_sorted_and_exported(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    make_post(group, title="Read aloud")
    make_post(group, title="Sums of the day")
    once = post_create(
        by=cast.mei,
        now=NOW,
        title="=1+1",
        body="Once.",
        groups=[group],
        schedule=Schedule(timezone="Asia/Shanghai", at=NOW + timedelta(hours=1)),
    )
    mei = signed_in(cast.mei)

    def titles(**query):
        return [post.title for post in mei.get("/posts/", query).context["listing"].rows]

    assert titles(sort="title") == ["=1+1", "Read aloud", "Sums of the day"]
    assert titles(q="sums") == ["Sums of the day"]
    assert titles(repeats="once") == ["=1+1"]
    assert titles(state="paused") == []
    assert titles(sort="next")[0] == once.title
    exported = mei.get("/posts/", {"export": "csv"}).getvalue().decode()
    assert "'=1+1" in exported
    assert signed_in(cast.out).get("/posts/").context["listing"].total == 0


def test_a_post_says_a_series_to_all_groups_that_match_at_several_times(cast: Cast):
    series = Series.objects.create(name="Words", created_at=NOW)
    piece = Piece.objects.create(title="a", text="A.", value="learning", created_at=NOW, updated_at=NOW)
    SeriesPiece.objects.create(series=series, piece=piece, position=0)
    make_group("Reading", branch=cast.hangzhou)
    make_group("Sales", branch=cast.hangzhou, motivation="sales")
    fields = typed(
        title="", body="", source="series", series=series.pk, recipients="audience", motivations=["growth"],
        repeat="daily", more="14:00，21:00", holidays="skip", zone="Asia/Shanghai",
    )  # fmt: skip
    mei = signed_in(cast.mei)

    check = mei.post("/posts/check/", fields).content.decode()
    assert "Goes to 1 group. Every day at 09:00, 14:00, 21:00, not on days off." in check
    assert "The series has nothing new for this time" in check
    assert "As <span" in check
    assert not Post.objects.exists()
    response = mei.post("/posts/new/", fields)

    post = Post.objects.get()
    assert response["Location"] == f"/posts/{post.pk}/"
    assert (post.slots, post.audience, post.series, post.holidays) == (
        ["09:00", "14:00", "21:00"], {"branches": ["hangzhou"], "motivations": ["growth"]}, series, "skip",
    )  # fmt: skip
    assert "Motivation: Growth" in mei.get(f"/posts/{post.pk}/").content.decode()
    edit = mei.get(f"/posts/{post.pk}/edit/").content.decode()
    assert 'value="14:00, 21:00"' in edit


def test_from_one_time_on_a_post_is_another(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    post = make_post(group)
    third = post.occurrences.order_by("due_at")[2]
    mei = signed_in(cast.mei)
    page = mei.get(f"/posts/{post.pk}/edit/?from={third.pk}").content.decode()
    assert 'value="2026-03-04"' in page

    fields = typed(group, body="Twenty.", repeat="daily", day="2026-03-04", version="1")
    mei.post(f"/posts/{post.pk}/edit/?from={third.pk}", fields)

    made = Post.objects.exclude(pk=post.pk).get()
    assert (made.follows, made.body) == (post, "Twenty.")


def test_the_second_of_two_editors_is_told_and_keeps_what_they_wrote(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    post = make_post(group)
    Post.objects.update(version=2, body="Theirs.")
    fields = typed(group, body="Mine.", repeat="daily", version="1")

    response = signed_in(cast.mei).post(f"/posts/{post.pk}/edit/", fields)

    page = response.content.decode()
    assert response.status_code == 409
    assert "Theirs." in page
    assert "Mine." in page
    assert 'name="version" value="2"' in page


@pytest.mark.parametrize("rows", [2, 20])
def test_the_list_takes_the_same_queries_whatever_it_holds(cast: Cast, django_assert_max_num_queries, rows):
    group = make_group()
    for _number in range(rows):
        make_post(group)
    lin = signed_in(cast.lin)

    with django_assert_max_num_queries(4):  # session, person, count, rows
        lin.get("/posts/")
    post = Post.objects.first()
    with django_assert_max_num_queries(20):
        lin.get(f"/posts/{post.pk}/")
