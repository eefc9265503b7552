"""The members in the console."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from activity.models import Event
from activity.services import event_key
from campaigns.orders.services import NewOrder, orders_record
from groups.models import Group
from members.ingestion import IncomingEvent, ingest
from members.models import JourneyStage, Member
from tests.base import Cast
from tests.builders import NOW, make_group

HOUR = timedelta(hours=1)


@pytest.fixture
def story(cast: Cast) -> Member:
    """Ann in a group of Hangzhou and in one of Chengdu, Ben in Chengdu only; Ann ordered."""
    make_group(external_id="readers", name="读书群", branch=cast.hangzhou)
    make_group(external_id="runners", name="跑步群", branch=cast.chengdu)
    take("1", "ann", "readers", "joined", -300)
    take("2", "ann", "readers", "message", -200, channel="poster7")
    take("3", "ann", "runners", "like", -150)
    take("4", "ben", "runners", "message", -100)
    take("5", "ben", "runners", "left", -90)
    order = NewOrder(event_key("t", "o"), "ann", NOW - HOUR, "99.50", "CNY", "A-1", 2, "阅读课")  # type: ignore[arg-type]
    orders_record(orders=[order], source="t", by=None, now=NOW)
    return Member.objects.get(external_id="ann")


def take(key: str, member: str, group: str, kind: str, hours: float, **more):
    event = IncomingEvent(event_key("t", key), member, group, kind, NOW + hours * HOUR, **more)
    ingest(events=[event], source="t", by=None, create_missing=True, now=NOW)


class TestList:
    def get(self, client, **query):
        return client.get(reverse("members:list"), query)

    def names(self, client, **query) -> list[str]:
        return [member.name for member in self.get(client, **query).context["listing"].rows]

    def test_everybody_in_reach_is_listed_last_seen_first(self, client, cast: Cast, story):
        client.force_login(cast.ana)
        assert self.names(client) == ["ann", "ben"]
        client.force_login(cast.mei)
        assert self.names(client) == ["ann"]

    def test_search_filters_and_sorting_narrow_the_list(self, client, cast: Cast, story):
        client.force_login(cast.lin)
        readers, runners = Group.objects.order_by("external_id")
        assert self.names(client, q="BE") == ["ben"]
        assert self.names(client, group=readers.pk) == ["ann"]
        assert self.names(client, group=runners.pk) == ["ann"]
        assert self.names(client, branch=cast.chengdu.pk) == ["ann"]
        assert self.names(client, stage=JourneyStage.CUSTOMER.value) == ["ann"]
        assert self.names(client, sort="-name") == ["ben", "ann"]
        assert self.names(client, group="x", stage="99", sort="secret") == ["ann", "ben"]

    def test_another_branchs_group_is_no_filter(self, client, cast: Cast, story):
        client.force_login(cast.mei)
        runners = Group.objects.get(external_id="runners")
        assert self.get(client, group=runners.pk).context["listing"].active_filters == []

    def test_the_list_is_exported(self, client, cast: Cast, story):
        client.force_login(cast.ana)
        text = b"".join(self.get(client, export="csv").streaming_content).decode("utf-8-sig")
        assert text.splitlines()[1].startswith("ann,ann,Customer,Non-paying,")

    @pytest.mark.parametrize("rows", [2, 20])
    def test_the_number_of_queries_is_constant(self, client, cast: Cast, rows, django_assert_num_queries):
        for number in range(rows):
            take(f"m{number}", f"m{number}", f"g{number}", "message", -number)
        client.force_login(cast.lin)
        with django_assert_num_queries(12):
            self.get(client)

    def test_an_empty_community_says_what_to_do(self, client, cast: Cast):
        client.force_login(cast.lin)
        assert reverse("members:imports") in self.get(client).content.decode()


class TestDetail:
    def test_a_member_is_shown_with_what_they_did(self, client, cast: Cast, story):
        client.force_login(cast.lin)
        html = client.get(reverse("members:detail", args=[story.pk])).content.decode()
        for words in ("Joined the group", "Liked something", "读书群", "跑步群", "poster7", "99.5"):
            assert words in html

    def test_staff_of_a_branch_see_what_happened_in_their_groups_and_outside_of_any(self, client, cast: Cast, story):
        client.force_login(cast.mei)
        html = client.get(reverse("members:detail", args=[story.pk])).content.decode()
        assert "Joined the group" in html
        assert "Ordered" in html
        assert "跑步群" not in html
        page = client.get(reverse("members:timeline", args=[story.pk]), {"show": "events:like"})
        assert page.context["page"].entries == []

    def test_a_stranger_finds_nobody(self, client, cast: Cast, story):
        ben = Member.objects.get(external_id="ben")
        client.force_login(cast.mei)
        for name in ("detail", "timeline", "edit"):
            assert client.get(reverse(f"members:{name}", args=[ben.pk])).status_code == 404
        assert client.get(reverse("campaigns:member_orders", args=[ben.pk])).status_code == 404
        assert client.post(reverse("members:edit", args=[ben.pk]), {"name": "x"}).status_code == 404

    def test_the_timeline_goes_back_page_by_page_without_gaps(self, client, cast: Cast):
        events = [
            IncomingEvent(event_key("t", str(number)), "ann", "g", "message", NOW - (number // 3) * HOUR)
            for number in range(130)
        ]
        ingest(events=events, source="t", by=None, create_missing=True, now=NOW)
        ann = Member.objects.get()
        client.force_login(cast.lin)
        seen: list[int] = []
        after: str | None = ""
        while after is not None:
            page = client.get(reverse("members:timeline", args=[ann.pk]), {"after": after}).context["page"]
            seen += [entry.number for entry in page.entries]
            after = str(page.next) if page.next else None
        assert seen == list(Event.objects.order_by("-at", "-pk").values_list("pk", flat=True))

    def test_odd_places_in_a_timeline_start_at_its_head(self, client, cast: Cast, story):
        client.force_login(cast.lin)
        long = ("9" * 17 + "-events-1", "1-events-" + "9" * 30)
        for after in ("x", "1-events", "-events-1", *long, "²-events-1", "1-x-1"):
            answer = client.get(reverse("members:timeline", args=[story.pk]), {"after": after, "show": "x"})
            assert answer.status_code == 200

    def test_kinds_of_other_systems_are_shown_by_their_slug(self, client, cast: Cast, story):
        take("9", "ann", "readers", "sang_along", -1)
        client.force_login(cast.lin)
        assert "sang_along" in client.get(reverse("members:detail", args=[story.pk])).content.decode()

    def test_what_members_wrote_is_escaped(self, client, cast: Cast):
        take("1", "<script>alert(1)</script>", "<b>g", "message", 0, channel="<i>")
        client.force_login(cast.lin)
        html = client.get(reverse("members:detail", args=[Member.objects.get().pk])).content.decode()
        assert "<script>alert" not in html
        assert "<b>g" not in html
        assert "<i>" not in html

    @pytest.mark.parametrize("rows", [2, 20])
    def test_the_number_of_queries_is_constant(self, client, cast: Cast, rows, django_assert_num_queries):
        for number in range(rows):
            take(f"m{number}", "ann", f"g{number}", "message", -number)
        client.force_login(cast.lin)
        with django_assert_num_queries(23):
            client.get(reverse("members:detail", args=[Member.objects.get().pk]))


class TestNames:
    def test_a_name_is_changed_and_recorded(self, client, cast: Cast, story):
        client.force_login(cast.mei)
        address = reverse("members:edit", args=[story.pk])
        assert client.get(address).status_code == 200
        assert client.post(address, {"name": " 安娜 "}).status_code == 302
        story.refresh_from_db()
        assert story.name == "安娜"

    def test_an_empty_name_is_refused_and_what_was_typed_stays(self, client, cast: Cast, story):
        client.force_login(cast.mei)
        assert client.post(reverse("members:edit", args=[story.pk]), {"name": " "}).status_code == 422

    def test_a_manager_reads_and_does_not_change(self, client, cast: Cast, story):
        client.force_login(cast.ana)
        assert client.post(reverse("members:edit", args=[story.pk]), {"name": "x"}).status_code == 403
        assert client.post(reverse("members:list")).status_code in (403, 405)


class TestOfAGroup:
    def test_those_who_are_in_the_group_are_listed_and_those_who_left_on_demand(self, client, cast: Cast, story):
        address = reverse("members:of_group", args=[Group.objects.get(external_id="runners").pk])
        client.force_login(cast.out)

        def names(**query):
            return [row.member.name for row in client.get(address, query).context["listing"].rows]

        assert names() == ["ann"]
        assert names(presence="left") == ["ben"]
        assert names(presence="all", sort="name") == ["ann", "ben"]
        assert names(presence="all", q="be") == ["ben"]
        export = client.get(address, {"presence": "all", "export": "csv"})
        assert len(b"".join(export.streaming_content).decode().splitlines()) == 3

    def test_a_stranger_finds_no_group(self, client, cast: Cast, story):
        client.force_login(cast.mei)
        runners = Group.objects.get(external_id="runners")
        assert client.get(reverse("members:of_group", args=[runners.pk])).status_code == 404

    @pytest.mark.parametrize("rows", [2, 20])
    def test_the_number_of_queries_is_constant(self, client, cast: Cast, rows, django_assert_num_queries):
        for number in range(rows):
            take(f"m{number}", f"m{number}", "g", "message", -number)
        client.force_login(cast.lin)
        with django_assert_num_queries(6):
            client.get(reverse("members:of_group", args=[Group.objects.get().pk]))


class TestOrders:
    def test_orders_are_summed_by_currency(self, client, cast: Cast, story):
        client.force_login(cast.mei)
        html = client.get(reverse("campaigns:member_orders", args=[story.pk])).content.decode()
        assert "CNY 99.50" in html
        assert "A-1" in html
