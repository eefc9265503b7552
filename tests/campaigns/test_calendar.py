"""The calendar's pages: what they show to whom, and how one entry is looked at and changed from them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import User
from campaigns.models import Occurrence, Post, SpecialDay
from campaigns.posts.occurrences import occurrence_cancel
from campaigns.posts.services import Schedule, post_create
from delivery.models import Delivery, Message, State
from delivery.services import NewDelivery, deliveries_plan
from groups.models import Group
from tests.base import Cast
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _monday():
    with time_machine.travel(NOW, tick=False):
        yield


def signed_in(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def make_post(*groups: Group, title="Read", zone="Asia/Shanghai", start="2026-03-02T18:00") -> Post:
    schedule = Schedule(timezone=zone, rrule="FREQ=DAILY", start=start)
    return post_create(by=None, now=NOW, title=title, body="Ten minutes.", groups=groups, schedule=schedule)


def shown(client: Client, query: str = "") -> list[tuple[str, str]]:
    """The entries on the page: when, and their title."""
    page = client.get(f"/calendar/?day=2026-03-02{query}").content.decode()
    return re.findall(r'id="e\d+".*?data-at="([^"]+)".*?class="cal-name"[^>]*>([^<]*)', page)


def test_each_view_shows_the_days_it_is_asked_for(cast: Cast):
    make_post(make_group(branch=cast.hangzhou))
    client = signed_in(cast.mei)
    assert [at for at, _title in shown(client)][:2] == ["2026-03-02T18:00", "2026-03-03T18:00"]
    assert len(shown(client)) == 14  # as far ahead as posts are planned
    assert len(shown(client, "&view=week")) == 7
    assert shown(client, "&view=day") == [("2026-03-02T18:00", "Read")]
    assert shown(client, "&view=nonsense&by=nonsense") == shown(client)


def test_a_branch_sees_its_own_and_counts_only_its_groups(cast: Cast):
    mine, other = make_group("甲", branch=cast.hangzhou), make_group("乙", branch=cast.chengdu)
    make_post(mine, other, title="Both")
    make_post(other, title="Theirs")
    assert {title for _at, title in shown(signed_in(cast.mei))} == {"Both"}
    assert {title for _at, title in shown(signed_in(cast.lin))} == {"Both", "Theirs"}
    page = signed_in(cast.mei).get("/calendar/?view=week&by=branch&day=2026-03-02").content.decode()
    assert "杭州" in page
    assert "成都" not in page


def test_filters_choose_by_group_branch_motivation_and_state(cast: Cast):
    mine = make_group("甲群", branch=cast.hangzhou, motivation="growth")
    other = make_group("乙群", branch=cast.chengdu, motivation="sales")
    off = make_post(mine, title="Mine")
    make_post(other, title="Other")
    occurrence_cancel(by=cast.lin, now=NOW, occurrence=off.occurrences.earliest("due_at"))
    client = signed_in(cast.lin)
    for query, titles in {
        "&q=甲": {"Mine"},
        f"&branch={cast.chengdu.pk}": {"Other"},
        "&motivation=sales": {"Other"},
        "&state=planned": {"Mine", "Other"},
        "&state=called_off": {"Mine"},
        "&state=failed": set(),
    }.items():
        assert {title for _at, title in shown(client, query)} == titles, query


def test_rows_of_groups_show_what_goes_to_each_and_leave_through_pages(cast: Cast):
    for number in range(27):
        make_post(make_group(f"Group {number:02}", branch=cast.hangzhou), title=f"Post {number:02}")
    client = signed_in(cast.mei)
    first = client.get("/calendar/?view=week&by=group&day=2026-03-02").content.decode()
    assert "Post 24" in first
    assert "Post 25" not in first
    assert "Post 26" in client.get("/calendar/?view=week&by=group&day=2026-03-02&page=2").content.decode()


def test_a_full_day_collapses_and_opens_and_says_what_failed_below(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    posts = [make_post(group, title=f"Post {number}") for number in range(9)]
    failed = posts[-1].occurrences.earliest("due_at")
    Delivery.objects.filter(occurrence_id=failed.pk).update(state=State.FAILED, attempts=16)
    client = signed_in(cast.mei)
    page = client.get("/calendar/?day=2026-03-02").content.decode()
    assert "+6 more" in page
    assert "1 failed" in page
    assert len(shown(client, "&view=day")) == 9


def test_days_carry_their_names_and_a_branch_only_its_own(cast: Cast):
    SpecialDay.objects.create(day=NOW.date(), name="清明节")
    SpecialDay.objects.create(day=NOW.date(), name="成都店庆", branch=cast.chengdu)
    page = signed_in(cast.mei).get("/calendar/").content.decode()
    assert "清明节" in page
    assert "成都店庆" not in page


def test_another_zone_is_told_on_hover_and_the_day_is_that_of_the_installation(cast: Cast):
    make_post(make_group(branch=cast.hangzhou), zone="America/New_York", start="2026-03-02T18:00")
    page = signed_in(cast.mei).get("/calendar/?day=2026-03-02").content.decode()
    assert 'data-at="2026-03-03T07:00"' in page
    assert "2026-03-02 18:00 America/New_York" in page


@pytest.mark.parametrize(
    "query", ["", "view=week", "view=week&by=group", "view=week&by=branch", "view=day", "q=Reading"]
)
def test_the_number_of_queries_is_the_same_for_few_and_for_many(cast: Cast, django_assert_max_num_queries, query):
    group = make_group(branch=cast.hangzhou)
    post = make_post(group)
    client = signed_in(cast.mei)
    counted = []
    for count in (20, 600):
        fill(post, group, count)
        with django_assert_max_num_queries(28) as captured:
            assert client.get(f"/calendar/?day=2026-03-02&{query}").status_code == 200
        counted.append(len(captured))
    assert counted[0] == counted[1]


def fill(post: Post, group: Group, count: int) -> None:
    """Gives a post so many times, a minute apart, in place of those it had."""
    Delivery.objects.filter(post_id=post.pk).delete()
    Occurrence.objects.filter(post=post).delete()
    rows = Occurrence.objects.bulk_create(
        [Occurrence(post=post, local=f"x{number}", due_at=NOW + timedelta(minutes=number)) for number in range(count)]
    )
    deliveries_plan(
        message=post.message,
        rows=[
            NewDelivery(
                dedupe_key=row.local,
                kind="inapp",
                destination_id=None,
                group_id=group.pk,
                group_ref=group.external_id,
                due_at=row.due_at,
                missed="late",
                late_until=row.due_at,
                post_id=post.pk,
                occurrence_id=row.pk,
            )
            for row in rows
        ],
    )


def test_the_panel_reads_as_the_chosen_group_will(cast: Cast):
    first, second = make_group("甲群", branch=cast.hangzhou), make_group("乙群", branch=cast.hangzhou)
    post = make_post(first, second)
    Message.objects.filter(pk=post.message_id).update(text="Dear {group} <b>", has_variables=True)
    url = reverse("campaigns:calendar_entry", args=[post.occurrences.earliest("due_at").pk])
    client = signed_in(cast.mei)
    assert "Dear 甲群 &lt;b&gt;" in client.get(f"{url}?group={first.pk}").content.decode()
    part = client.get(f"{url}?group={second.pk}", headers={"hx-request": "true"}).content.decode()
    assert "Dear 乙群" in part
    assert "<html" not in part


def test_a_move_is_previewed_done_and_undone(cast: Cast):
    occurrence = make_post(make_group(branch=cast.hangzhou)).occurrences.earliest("due_at")
    was = occurrence.due_at
    client = signed_in(cast.mei)
    url = f"/calendar/{occurrence.pk}/move/"

    preview = client.get(f"{url}?to=2026-03-05T10:15").content.decode()
    assert "To 1 group" in preview
    assert Delivery.objects.filter(occurrence_id=occurrence.pk).get().due_at == was

    response = client.post(
        url, {"to": "2026-03-05T10:15", "seen": was.isoformat(), "next": "/calendar/?day=2026-03-02"}
    )
    assert response["Location"] == "/calendar/?day=2026-03-02"
    occurrence.refresh_from_db()
    assert f"{occurrence.due_at:%d %H:%M}" == "05 02:15"
    page = client.get("/calendar/?day=2026-03-02").content.decode()
    undo = re.search(r'action="(/calendar/\d+/put-back/[^"]+)"', page)[1].replace("&amp;", "&")
    assert client.post(undo)["Location"] == "/calendar/?day=2026-03-02"
    occurrence.refresh_from_db()
    assert (occurrence.due_at, occurrence.by_hand) == (was, False)
    assert client.post(undo.replace(f"/{occurrence.pk}/", f"/{occurrence.pk + 1}/")).status_code == 404


def test_a_move_that_somebody_else_was_quicker_with_says_so(cast: Cast):
    occurrence = make_post(make_group(branch=cast.hangzhou)).occurrences.earliest("due_at")
    client = signed_in(cast.mei)
    data = {"to": "2026-03-05T10:00", "seen": (NOW + timedelta(hours=1)).isoformat()}
    page = client.post(f"/calendar/{occurrence.pk}/move/", data, follow=True).content.decode()
    assert "Somebody changed it meanwhile" in page
    assert (
        "Choose a day and a time"
        in client.post(f"/calendar/{occurrence.pk}/move/", {"to": "soon"}, follow=True).content.decode()
    )


def test_words_of_one_time_are_edited_and_what_was_typed_is_kept(cast: Cast):
    occurrence = make_post(make_group(branch=cast.hangzhou)).occurrences.earliest("due_at")
    client = signed_in(cast.mei)
    url = f"/calendar/{occurrence.pk}/edit/"
    refused = client.post(url, {"title": "My title", "text": "{grup}", "seen": occurrence.post.message_id})
    assert refused.status_code == 422
    assert "My title" in refused.content.decode()
    data = {"title": "Mine", "text": "Words", "link": "https://example.com/", "seen": occurrence.post.message_id}
    assert client.post(url, data).status_code == 302
    assert Delivery.objects.get(occurrence_id=occurrence.pk).message.link == "https://example.com/"


def test_whoever_may_not_post_to_every_group_of_it_looks_but_does_not_touch(cast: Cast):
    post = make_post(make_group(branch=cast.hangzhou), make_group(branch=cast.chengdu))
    pk = post.occurrences.earliest("due_at").pk
    client = signed_in(cast.mei)
    page = client.get(f"/calendar/{pk}/").content.decode()
    assert "you cannot change it" in page
    assert "/move/" not in page
    for act in ("move", "edit", "send", "call-off", "restore"):
        assert client.post(f"/calendar/{pk}/{act}/").status_code == 403
    assert 'draggable="true"' not in client.get("/calendar/").content.decode()
