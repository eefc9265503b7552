"""Segments: the language, who is in one, and the form that builds it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from activity.services import event_key
from members.fields.services import field_define
from members.ingestion import IncomingEvent, ingest
from members.models import JourneyStage, Member, Segment, SegmentCount
from members.roles.services import member_role_grant
from members.segments.builder import Builder, definition_words
from members.segments.filters import definition_check, fields_for, members_matching
from members.segments.selectors import segment_members
from members.segments.services import StaleSegment, segment_create, segment_update
from members.services import member_update
from members.tags.services import members_tag, tag_create
from members.tasks import count_segments
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

DAY = timedelta(days=1)


def event(member: Member, kind: str, days_ago: float, group=None, **more: Any) -> None:
    item = IncomingEvent(
        event_key("t", f"{member.pk} {kind} {days_ago} {group}"),
        member.external_id,
        group.external_id if group else "",
        kind,
        NOW - days_ago * DAY,
        **more,
    )
    assert ingest(events=[item], source="t", by=None, create_missing=True, now=NOW).accepted == 1


@pytest.fixture
def people(cast: Cast) -> dict[str, Member]:
    """Ann and Ben in Hangzhou, Cai in Chengdu. Ann orders and talks, Ben is silent, Cai came by a poster."""
    readers = make_group("读书群", branch=cast.hangzhou, motivation="growth")
    runners = make_group("跑步群", branch=cast.chengdu, motivation="social")
    ann = make_member("ann", [readers], NOW - 40 * DAY)
    ben = make_member("ben", [readers], NOW - 50 * DAY)
    cai = make_member("cai", [runners], NOW - 3 * DAY)
    for day in range(1, 4):
        event(ann, "message", day, readers)
    event(ann, "ordered", 20, value=99)
    event(cai, "link_click", 2, runners, channel="poster7")
    return {"ann": ann, "ben": ben, "cai": cai, "readers": readers, "runners": runners}  # type: ignore[dict-item]


def names(definition: dict[str, Any], user) -> list[str]:
    assert definition_check(definition, user=user) == []
    return sorted(members_matching(definition, user=user, now=NOW).values_list("name", flat=True))


def one(field: str, op: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"all": [{"field": field, "op": op, **({} if value is None else {"value": value}), **more}]}


class TestLanguage:
    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (one("name", "contains", "N"), ["ann", "ben"]),
            (one("stage", "in", [str(JourneyStage.CUSTOMER.value)]), ["ann"]),
            (one("stage", "not_in", [str(JourneyStage.CUSTOMER.value)]), ["ben", "cai"]),
            (one("last_seen", "before", 30), ["ben"]),
            (one("last_seen", "within", 2.0), None),
            (one("last_seen", "within", 5), ["ann", "cai"]),
            (one("last_seen", "never"), []),
            (one("joined", "within", 7), ["cai"]),
            (one("motivation", "in", ["social"]), ["cai"]),
            (one("in_group", "no"), []),
            (one("events", "at_least", 3, kind="message", days=30), ["ann"]),
            (one("events", "at_most", 0, kind="message", days=30), ["ben", "cai"]),
            (one("events", "at_least", 0, kind="message"), ["ann", "ben", "cai"]),
            (one("orders", "at_least", 1), ["ann"]),
            (one("orders", "at_least", 1, days=10), []),
            (one("spent", "at_least", 99.5), []),
            (one("spent", "at_most", 99), ["ann", "ben", "cai"]),
            (one("channel", "in", ["poster7"]), ["cai"]),
            (one("no_marketing", "yes"), []),
            (one("identity", "empty"), ["ann", "ben", "cai"]),
            (one("seed_stage", "in", ["active"]), []),
        ],
    )
    def test_each_field_finds_whom_it_describes(self, cast: Cast, people, condition, expected):
        if expected is None:
            assert definition_check(condition)
        else:
            assert names(condition, cast.lin) == expected

    def test_conditions_are_joined_and_nested_once(self, cast: Cast, people):
        silent = {"field": "last_seen", "op": "before", "value": 30}
        customer = {"field": "stage", "op": "in", "value": ["4"]}
        assert names({"any": [silent, customer]}, cast.lin) == ["ann", "ben"]
        nested = {"all": [{"field": "name", "op": "contains", "value": "n"}, {"any": [silent, customer]}]}
        assert names(nested, cast.lin) == ["ann", "ben"]
        deeper = {"all": [{"any": [{"all": [silent]}]}]}
        assert [error.code for error in definition_check(deeper)] == ["too_deep"]

    def test_groups_tags_and_roles_are_looked_at_within_reach_only(self, cast: Cast, people):
        ann, readers = people["ann"], people["readers"]
        member_role_grant(by=cast.lin, now=NOW, membership=ann.memberships.get(), role="leader")
        assert names(one("group", "in", [str(readers.pk)]), cast.lin) == ["ann", "ben"]
        assert names(one("role", "in", ["leader"]), cast.mei) == ["ann"]
        assert names(one("role", "in", ["leader"]), cast.out) == []
        theirs = tag_create(by=cast.mei, now=NOW, name="杭州重点")
        members_tag(by=cast.mei, now=NOW, tag=theirs, members=[ann])
        assert names(one("tag", "in", [str(theirs.pk)]), cast.lin) == ["ann"]
        assert [error.path for error in definition_check(one("tag", "in", [str(theirs.pk)]), user=cast.out)] == [
            "/all/0/value/0"
        ]

    def test_what_happened_in_another_branch_is_not_counted_for_a_branch(self, cast: Cast, people):
        event(people["ann"], "like", 1, people["runners"])
        liked = one("events", "at_least", 1, kind="like")
        assert names(liked, cast.lin) == ["ann"]
        assert names(liked, cast.mei) == []
        assert names(liked, cast.out) == ["ann"]

    def test_own_fields_of_every_kind(self, cast: Cast, people):
        for key, kind, value in (
            ("campus", "choice", "城西"),
            ("age", "number", 7),
            ("met", "date", "2026-02-01"),
            ("paid", "yes_no", True),
            ("phone", "text", "13900001111"),
        ):
            field_define(by=cast.lin, label=key, key=key, kind=kind, choices=["城西", "城东"])
            member_update(by=cast.lin, member=people["ann"], changes={}, fields={key: value})
        found = {
            "campus in": one("own:campus", "in", ["城西"]),
            "age": one("own:age", "at_least", 7),
            "met": one("own:met", "until", "2026-02-01"),
            "paid": one("own:paid", "yes"),
            "phone": one("own:phone", "contains", "0000"),
        }
        for label, definition in found.items():
            assert names(definition, cast.lin) == ["ann"], label
        for definition in (
            one("own:campus", "not_in", ["城西"]),
            one("own:paid", "no"),
            one("own:phone", "empty"),
        ):
            assert names(definition, cast.lin) == ["ben", "cai"]
        assert names(one("own:age", "at_least", 8), cast.lin) == []

    def test_a_field_of_headquarters_says_nothing_to_a_branch(self, cast: Cast, people):
        field_define(by=cast.lin, label="风险", key="risk", kind="yes_no", headquarters_only=True)
        member_update(by=cast.lin, member=people["ann"], changes={}, fields={"risk": True})
        assert "own:risk" not in fields_for(cast.mei)
        definition = one("own:risk", "yes")
        assert names(definition, cast.lin) == ["ann"]
        assert [error.code for error in definition_check(definition, user=cast.mei)] == ["unknown_field"]
        for either in (definition, one("own:risk", "no")):
            assert list(members_matching(either, user=cast.mei, now=NOW)) == []

    @pytest.mark.parametrize(
        ("definition", "path", "code"),
        [
            ("x", "", "invalid"),
            ({"all": []}, "/all", "required"),
            ({"all": [], "any": []}, "", "invalid"),
            (one("salary", "is", 1), "/all/0/field", "unknown_field"),
            (one("tier", "contains", "x"), "/all/0/op", "unknown_operator"),
            (one("tier", "in", ["gold"]), "/all/0/value/0", "invalid_choice"),
            (one("tier", "in", "senior"), "/all/0/value", "required"),
            (one("last_seen", "within", 0), "/all/0/value", "invalid"),
            (one("last_seen", "within", True), "/all/0/value", "invalid"),
            (one("events", "at_least", 1), "/all/0/kind", "required"),
            (one("events", "at_least", 1, kind="x", days="9"), "/all/0/days", "invalid"),
            (one("orders", "at_least", -1), "/all/0/value", "invalid"),
            (one("name", "is", "a\x00"), "/all/0/value", "required"),
            (one("name", "is", "a", days=3), "/all/0/days", "unknown_field"),
            ({"all": [{"field": ["name"], "op": "is", "value": "a"}]}, "/all/0/field", "unknown_field"),
            ({"all": [one("name", "is", "a")["all"][0]] * 41}, "/all/40", "too_many"),
        ],
    )
    def test_what_cannot_be_used_is_refused_with_its_place(self, cast: Cast, definition, path, code):
        assert (path, code) in [(error.path, error.code) for error in definition_check(definition)]

    def test_what_is_gone_is_answered_by_nobody(self, cast: Cast, people):
        assert list(members_matching(one("own:gone", "no"), user=cast.lin, now=NOW)) == []


class TestServices:
    def test_a_shared_segment_shows_each_person_whom_they_may_see(self, cast: Cast, people):
        segment = segment_create(by=cast.lin, now=NOW, name="在群", definition=one("in_group", "yes"))

        def seen(user):
            return sorted(segment_members(segment, user=user, now=NOW).values_list("name", flat=True))

        assert seen(cast.lin) == ["ann", "ben", "cai"]
        assert seen(cast.mei) == ["ann", "ben"]
        assert seen(cast.out) == ["cai"]

    def test_of_a_branchs_segment_headquarters_sees_the_branchs_members(self, cast: Cast, people):
        segment = segment_create(by=cast.mei, now=NOW, name="在群", definition=one("in_group", "yes"))
        assert segment.branch == cast.hangzhou
        assert segment_members(segment, user=cast.lin, now=NOW).count() == 2
        assert not Segment.objects.visible_to(cast.out).exists()

    def test_two_names_are_told_apart_within_a_branch(self, cast: Cast, people):
        definition = one("in_group", "yes")
        segment_create(by=cast.mei, now=NOW, name="在群", definition=definition)
        segment_create(by=cast.out, now=NOW, name="在群", definition=definition)
        segment_create(by=cast.lin, now=NOW, name="在群", definition=definition)
        for by in (cast.mei, cast.lin):
            with pytest.raises(ValidationError):
                segment_create(by=by, now=NOW, name="在群", definition=definition)

    def test_the_second_of_two_editors_is_told(self, cast: Cast, people):
        segment = segment_create(by=cast.lin, now=NOW, name="在群", definition=one("in_group", "yes"))
        other = one("in_group", "no")
        segment_update(by=cast.lin, segment=segment, name="不在群", definition=other, version=1)
        with pytest.raises(StaleSegment):
            segment_update(by=cast.lin, segment=segment, name="x", definition=other, version=1)
        assert Segment.objects.get().name == "不在群"

    def test_daily_counts_are_written_over_on_the_same_day(self, cast: Cast, people):
        segment_create(by=cast.lin, now=NOW, name="在群", definition=one("in_group", "yes"))
        segment_create(by=cast.mei, now=NOW, name="杭州", definition=one("in_group", "yes"))
        for _time in range(2):
            count_segments()
        found = sorted(SegmentCount.objects.values_list("segment__name", "branch__code", "members"), key=str)
        assert found == [
            ("在群", "chengdu", 1),
            ("在群", "hangzhou", 2),
            ("在群", None, 3),
            ("杭州", "hangzhou", 2),
            ("杭州", None, 2),
        ]

    def test_erased_and_merged_members_are_in_no_segment(self, cast: Cast, people):
        Member.objects.filter(name="ben").update(erased_at=NOW)
        Member.objects.filter(name="cai").update(merged_into=people["ann"])
        assert names(one("in_group", "yes"), cast.lin) == ["ann"]


def sent(**fields: Any) -> QueryDict:
    data = QueryDict(mutable=True)
    for name, value in fields.items():
        key = name.replace("__", "-")
        data.setlist(key, value if isinstance(value, list) else [value])
    return data


class TestBuilder:
    def test_a_definition_survives_the_form(self, cast: Cast, people):
        definition = {
            "all": [
                {"field": "tier", "op": "in", "value": ["senior", "hardcore"]},
                {"field": "events", "op": "at_least", "value": 2, "kind": "message", "days": 30},
                {"any": [{"field": "last_seen", "op": "never"}, {"field": "name", "op": "is", "value": "ann"}]},
            ]
        }
        builder = Builder.of(definition, cast.lin)
        data = QueryDict(mutable=True)
        for block in builder.blocks:
            data.appendlist("block", block.key)
            data[f"join-{block.key}"] = block.join
            for row in block.rows:
                data.appendlist("row", str(row.number))
                data[f"field-{row.number}"], data[f"op-{row.number}"] = row.slug, row.op
                data[f"block-{row.number}"], data[f"days-{row.number}"] = block.key, row.days
                data[f"kind-{row.number}"] = row.kind
                data.setlist(f"value-{row.number}", row.values)
        assert Builder.sent(data, cast.lin).definition == definition
        assert len(definition_words(definition, cast.lin)) == 3

    def test_rows_and_blocks_are_added_and_removed_by_buttons(self, cast: Cast):
        builder = Builder.sent(sent(act="add-0", new__0="tier"), cast.lin)
        assert [row.slug for row in builder.blocks[0].rows] == ["tier"]
        builder = Builder.sent(sent(act="block", row=["1"], field__1="tier", op__1="in"), cast.lin)
        assert [block.join for block in builder.blocks] == ["all", "any"]
        builder = Builder.sent(sent(act="unblock-1", block=["1"], row=["1"], block__1="1", field__1="tier"), cast.lin)
        assert builder.is_empty
        builder = Builder.sent(sent(act="remove-1", row=["1"], field__1="tier", op__1="in"), cast.lin)
        assert builder.is_empty

    def test_a_row_that_is_not_filled_in_says_so(self, cast: Cast):
        data = sent(row=["1", "2"], field__1="tier", op__1="in", field__2="last_seen", op__2="within", value__2="x")
        builder = Builder.sent(data, cast.lin)
        assert builder.definition is None
        assert all(row.errors for row in builder.blocks[0].rows)


class TestPages:
    def fill(self, **more: Any) -> dict[str, Any]:
        row = {"row": "1", "field-1": "in_group", "op-1": "yes", "block-1": "0", "join-0": "all"}
        return {"name": "在群", "act": "save", **row, **more}

    def test_a_segment_is_built_saved_shown_and_deleted(self, client, cast: Cast, people):
        client.force_login(cast.mei)
        answer = client.post(reverse("members:segment_new"), self.fill(), follow=True)
        assert [member.name for member in answer.context["listing"].rows] == ["ann", "ben"]
        segment = Segment.objects.get()
        export = client.get(reverse("members:segment", args=[segment.pk]), {"export": "csv"})
        assert len(b"".join(export.streaming_content).splitlines()) == 3
        assert client.get(reverse("members:segment_edit", args=[segment.pk])).context["builder"].definition
        client.post(reverse("members:segment_delete", args=[segment.pk]))
        assert not Segment.objects.exists()

    def test_preview_counts_within_reach(self, client, cast: Cast, people):
        client.force_login(cast.out)
        assert client.post(reverse("members:segment_preview"), self.fill()).context["number"] == 1

    def test_a_stale_form_keeps_what_was_typed(self, client, cast: Cast, people):
        client.force_login(cast.lin)
        segment = segment_create(by=cast.lin, now=NOW, name="在群", definition=one("in_group", "no"))
        segment_update(by=cast.lin, segment=segment, name="别的", definition=one("in_group", "no"))
        answer = client.post(reverse("members:segment_edit", args=[segment.pk]), self.fill(version="1"))
        assert answer.status_code == 409
        assert "别的" in answer.content.decode()
        assert (
            client.post(reverse("members:segment_edit", args=[segment.pk]), self.fill(version="2")).status_code == 302
        )

    def test_the_filters_of_the_list_become_a_segment(self, client, cast: Cast, people):
        client.force_login(cast.lin)
        query = {"seen": "silent", "stage": "1", "q": "b", "group": people["readers"].pk}
        definition = client.get(reverse("members:segment_new"), query).context["builder"].definition
        assert [member.name for member in members_matching(definition, user=cast.lin, now=NOW)] == ["ben"]

    def test_the_list_is_narrowed_by_a_segment(self, client, cast: Cast, people):
        segment = segment_create(by=cast.lin, now=timezone.now(), name="在群", definition=one("name", "is", "ann"))
        client.force_login(cast.mei)
        rows = client.get(reverse("members:list"), {"segment": segment.pk}).context["listing"].rows
        assert [member.name for member in rows] == ["ann"]

    def test_a_branch_uses_shared_segments_and_does_not_change_them(self, client, cast: Cast, people):
        segment = segment_create(by=cast.lin, now=NOW, name="在群", definition=one("in_group", "yes"))
        client.force_login(cast.mei)
        assert client.get(reverse("members:segment", args=[segment.pk])).status_code == 200
        for name in ("segment_edit", "segment_delete"):
            assert client.post(reverse(f"members:{name}", args=[segment.pk]), self.fill()).status_code == 403

    @pytest.mark.parametrize("rows", [2, 15])
    def test_the_number_of_queries_of_the_list_is_constant(
        self, client, cast: Cast, people, rows, django_assert_num_queries
    ):
        for number in range(rows):
            segment_create(by=cast.lin, now=NOW, name=f"段 {number}", definition=one("stage", "in", ["1"]))
        client.force_login(cast.lin)
        with django_assert_num_queries(7):
            client.get(reverse("members:segments"))
