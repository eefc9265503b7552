"""Benchmarks: nominated, told with consent, and what members did afterwards."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import AuditEntry
from activity.services import event_key
from campaigns.posts.models import Post
from campaigns.stories.models import Benchmark, BenchmarkState
from campaigns.stories.services import StaleBenchmark, benchmark_nominate, benchmark_schedule, benchmark_write
from delivery.models import Delivery, Message
from delivery.services import deliver, dispatch
from groups.models import Group, Permission
from groups.roles.services import role_permission_set
from members.ingestion import IncomingEvent, ingest
from members.privacy.services import member_erase
from tests.builders import NOW, make_group, make_member
from tests.campaigns.content.things import picture_bytes

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


@pytest.fixture
def group(cast):
    group = make_group("杭州·阅读", branch=cast.hangzhou)
    Group.objects.update(opened_at=NOW - 20 * DAY)
    return group


def act(member, group, kind, *ats):
    events = [
        IncomingEvent(event_key("t", f"{member.pk} {kind} {at}"), member.external_id, group.external_id, kind, at)
        for at in ats
    ]
    assert ingest(events=events, source="t", by=None, create_missing=False, now=max(ats)).accepted == len(ats)


def ready(by, group, member, **changes):
    row = benchmark_nominate(by=by, now=NOW, group=group, member=member)
    values = {"title": "一个月", "story": "每天五分钟。", "consent": "微信里同意", "picture": None, **changes}
    return benchmark_write(by=by, benchmark=row, version=row.version, **values)


def test_the_most_steady_members_are_proposed_and_nominated_in_place(client, cast, group):
    loud, steady = (make_member(name, groups=[group], now=NOW - 30 * DAY) for name in ("话多", "天天在"))
    left = make_member("走了", groups=[group], now=NOW - 30 * DAY)
    act(loud, group, "message", *(NOW - timedelta(minutes=minute) for minute in range(1, 30)))
    act(steady, group, "check_in", *(NOW - number * DAY for number in range(1, 6)))
    act(left, group, "message", *(NOW - number * DAY for number in range(1, 9)))
    act(left, group, "left", NOW - timedelta(hours=1))
    act(make_member("以前", groups=[group], now=NOW - 60 * DAY), group, "message", NOW - 15 * DAY)
    client.force_login(cast.mei)
    assert [row[0] for row in client.get("/stories/missing/").context["rows"]] == [group]

    found = client.get(f"/stories/candidates/{group.pk}/", headers={"hx-request": "true"}).context["candidates"]
    assert [(row.member, row.days) for row in found] == [(steady, 5), (loud, 1)]
    response = client.post(
        f"/stories/nominate/{group.pk}/", {"member": steady.pk, "next": "/stories/missing/"}, follow=True
    )
    assert response.context["rows"] == []
    row = Benchmark.objects.get()
    assert (row.member, row.nominated_by, row.state) == (steady, cast.mei, BenchmarkState.NOMINATED)

    note = next(str(message.extra_tags) for message in response.context["messages"])
    client.post(note.split(":", 1)[1].split(" ")[0])
    assert [line[0] for line in client.get("/stories/missing/").context["rows"]] == [group]
    client.post(f"/stories/nominate/{group.pk}/", {"member": left.pk})
    assert Benchmark.objects.standing().count() == 0


def test_groups_show_from_day_14_and_on_request_from_day_7(client, cast):
    for day in (3, 7, 13, 14, 40):
        opened = make_group(f"day {day}", branch=cast.hangzhou)
        Group.objects.filter(pk=opened.pk).update(opened_at=NOW - day * DAY)
    make_group("forming", branch=cast.hangzhou, motivation="")
    client.force_login(cast.mei)

    def shown(query=""):
        return [(row[0].name, row[1]) for row in client.get(f"/stories/missing/{query}").context["rows"]]

    assert shown() == [("day 40", 40), ("day 14", 14)]
    assert shown("?soon=1") == [("day 40", 40), ("day 14", 14), ("day 13", 13), ("day 7", 7)]
    client.force_login(cast.out)
    assert shown() == []


def test_a_story_with_consent_becomes_a_post_of_opinion(client, cast, group):
    row = benchmark_nominate(by=cast.mei, now=NOW, group=group, member=make_member(groups=[group]))
    client.force_login(cast.mei)
    when = {"day": "2026-03-03", "clock": "20:00"}
    story = {"version": 1, "title": "一个月", "story": "每天五分钟。"}
    upload = SimpleUploadedFile("a.png", picture_bytes(), content_type="image/png")
    client.post(f"/stories/{row.pk}/", {**story, "picture": upload})
    refused = client.post(f"/stories/{row.pk}/schedule/", when)
    assert refused.status_code == 422
    assert "Ask the member first" in refused.content.decode()
    assert not Post.objects.exists()

    assert client.post(f"/stories/{row.pk}/", {**story, "version": 2, "consent": "微信里同意"}).status_code == 302
    assert client.post(f"/stories/{row.pk}/schedule/", {**when, "day": "2026-03-01"}).status_code == 422
    assert client.post(f"/stories/{row.pk}/schedule/", when).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.post.value, list(row.post.groups.all())) == (BenchmarkState.SCHEDULED, "opinion", [group])
    assert row.post.picture == row.picture is not None
    assert f"{Delivery.objects.get().due_at:%Y-%m-%d %H:%M}" == "2026-03-03 12:00"
    assert set(AuditEntry.objects.filter(subject_type="campaigns.benchmark").values_list("action", flat=True)) == {
        "benchmark.nominated",
        "benchmark.written",
        "benchmark.scheduled",
    }


def test_what_is_no_picture_is_refused_beside_its_field_and_nothing_is_lost(client, cast, group):
    row = benchmark_nominate(by=cast.mei, now=NOW, group=group, member=make_member(groups=[group]))
    client.force_login(cast.mei)
    upload = SimpleUploadedFile("a.png", io.BytesIO(b"no picture").read(), content_type="image/png")
    response = client.post(f"/stories/{row.pk}/", {"version": 1, "title": "一", "story": "好故事", "picture": upload})
    assert response.status_code == 422
    assert response.context["form"].errors["picture"]
    assert "好故事" in response.content.decode()


def test_of_two_who_write_or_schedule_the_second_is_told(cast, group):
    row = ready(cast.mei, group, make_member(groups=[group]))
    with pytest.raises(StaleBenchmark):
        benchmark_write(
            by=cast.lin, benchmark=row, title="x", story="x", consent="x", picture=None, version=row.version - 1
        )
    benchmark_schedule(by=cast.mei, now=NOW, benchmark=row, at=NOW + DAY)
    with pytest.raises(StaleBenchmark):
        benchmark_schedule(by=cast.lin, now=NOW, benchmark=row, at=NOW + DAY)
    assert Post.objects.count() == 1


def test_members_who_react_within_a_day_are_counted_once_and_the_teller_is_not(client, cast, group, clock):
    teller, first, second, late = (make_member(groups=[group], now=NOW - DAY) for _number in range(4))
    row = ready(cast.mei, group, teller)
    benchmark_schedule(by=cast.mei, now=NOW, benchmark=row, at=NOW + timedelta(hours=1))
    sent = NOW + timedelta(hours=1)
    clock.move_to(sent)
    for pk in dispatch(now=sent, clock=sent).queued:
        deliver(delivery_id=pk)
    act(first, group, "message", sent - timedelta(hours=2), sent + timedelta(hours=1), sent + timedelta(hours=2))
    act(second, group, "like", sent + timedelta(hours=23))
    act(teller, group, "answer", sent + timedelta(hours=1))
    act(late, group, "message", sent + timedelta(hours=25))
    act(late, group, "check_in", sent + timedelta(hours=1))

    found: Any = Benchmark.objects.with_reactions().get()
    assert (found.sent_at, found.after, found.before) == (sent, 2, 1)
    client.force_login(cast.ana)
    assert "does not prove" in client.get("/stories/").content.decode()
    assert b"2" in client.get("/stories/?export=csv").getvalue()


def test_who_may_not_post_to_the_group_reads_only(client, cast, group):
    member = make_member(groups=[group])
    row = ready(cast.mei, group, member)
    role_permission_set(by=cast.lin, role="operator", permission=Permission.POST, allowed=False)
    client.force_login(cast.mei)
    assert "Up to an administrator" not in client.get(f"/stories/{row.pk}/").content.decode()
    for path in (f"/stories/{row.pk}/", f"/stories/{row.pk}/schedule/", f"/stories/{row.pk}/withdraw/"):
        assert client.post(path, {"title": "x", "story": "y", "version": 2}).status_code == 403
    assert client.post(f"/stories/nominate/{group.pk}/", {"member": member.pk}).status_code == 403


def test_erasing_a_member_takes_their_story_along(cast, group):
    member = make_member(groups=[group])
    ready(cast.mei, group, member)
    member_erase(by=cast.lin, now=NOW, member=member)
    assert not Benchmark.objects.exists()


@pytest.mark.parametrize("count", [2, 20])
def test_the_list_takes_the_same_queries_whatever_it_holds(client, cast, group, django_assert_max_num_queries, count):
    message = Message.objects.create(title="x", text="x")
    for _number in range(count):
        row = ready(cast.mei, group, make_member(groups=[group], now=NOW - DAY))
        post = benchmark_schedule(by=cast.mei, now=NOW, benchmark=row, at=NOW + timedelta(hours=1))
        Delivery.objects.filter(post_id=post.pk).update(state="sent", settled_at=NOW, message=message)
    client.force_login(cast.lin)
    with django_assert_max_num_queries(6):
        assert len(client.get("/stories/").context["listing"].rows) == count
