"""POST /api/v1/events/."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activity.models import Event, EventKind
from groups.models import Group
from members.ingestion.reading import MESSAGES
from members.models import Member
from tests.api.base import Caller, assert_problem, sent
from tests.base import Cast, cast  # noqa: F401  the fixture
from tests.builders import make_group

NDJSON = "application/x-ndjson"


@pytest.fixture
def caller(cast: Cast) -> Caller:  # noqa: F811
    return Caller(cast.lin)


class TestTaking:
    def test_a_whole_event_is_kept_as_sent(self, caller: Caller):
        answer = caller.events(sent(channel="poster7", value=12.5, properties={"campaign": "spring"}))
        assert answer.status_code == 200
        assert answer.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
        event = Event.objects.get()
        assert event.at == datetime(2026, 3, 2, 1, tzinfo=UTC)
        assert event.value == Decimal("12.5")
        assert event.properties == {"campaign": "spring"}
        assert Group.objects.get().pk == event.group_id

    def test_only_id_member_kind_and_time_are_needed(self, caller: Caller):
        event = sent(channel=None, value=None, properties=None)
        del event["group"]
        assert caller.events(event).json()["accepted"] == 1

    def test_the_same_id_of_the_same_token_is_a_duplicate_whatever_it_carries(self, caller: Caller, cast: Cast):  # noqa: F811
        caller.events(sent())
        again = caller.events(sent(member="other", kind="left", at="2020-01-01T00:00:00Z"), {"id": "1"})
        assert again.json() == {"accepted": 0, "duplicates": 2, "rejected": []}
        assert Member.objects.count() == 1
        assert Caller(cast.lin).events(sent()).json()["accepted"] == 1

    def test_good_events_are_kept_when_others_are_rejected(self, caller: Caller):
        answer = caller.events(sent("1"), sent("2", at="yesterday"), sent("3"), 7).json()  # type: ignore[arg-type]
        assert (answer["accepted"], answer["duplicates"]) == (2, 0)
        assert [(item["index"], item["code"]) for item in answer["rejected"]] == [
            (1, "invalid_at"),
            (3, "invalid_event"),
        ]
        assert all(item["message"] for item in answer["rejected"])

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"id": None}, "missing_id"),
            ({"id": ""}, "missing_id"),
            ({"id": 7}, "invalid_id"),
            ({"id": "x" * 201}, "invalid_id"),
            ({"member": None}, "missing_member"),
            ({"member": "  "}, "invalid_member"),
            ({"member": "x" * 121}, "invalid_member"),
            ({"group": 5}, "invalid_group"),
            ({"kind": None}, "missing_kind"),
            ({"kind": "two words"}, "invalid_kind"),
            ({"kind": "消息"}, "invalid_kind"),
            ({"at": None}, "missing_at"),
            ({"at": 1772413200}, "invalid_at"),
            ({"at": "2026-02-30T09:00:00Z"}, "invalid_at"),
            ({"at": "2026-03-02T09:00:00"}, "at_without_offset"),
            ({"at": "2026-03-02"}, "at_without_offset"),
            ({"at": "0001-01-01T00:00:00+14:00"}, "at_out_of_range"),
            ({"at": "2200-01-01T00:00:00Z"}, "at_out_of_range"),
            ({"channel": ["a"]}, "invalid_channel"),
            ({"value": "12"}, "invalid_value"),
            ({"value": True}, "invalid_value"),
            ({"value": 1e12}, "value_out_of_range"),
            ({"value": 10**400}, "value_out_of_range"),
            ({"properties": []}, "invalid_properties"),
            ({"properties": {"a": "x" * 8200}}, "properties_too_large"),
            ({"member": "a\x00b"}, "invalid_text"),
            ({"properties": {"a": ["\ud800"]}}, "invalid_text"),
        ],
    )
    def test_what_is_wrong_with_an_event_has_a_stable_code(self, caller: Caller, change: dict[str, Any], code: str):
        answer = caller.events(sent("good"), sent(**change) if "id" not in change else {**sent(), **change})
        assert answer.status_code == 200
        assert answer.json()["accepted"] == 1
        assert [(item["index"], item["code"]) for item in answer.json()["rejected"]] == [(1, code)]

    def test_a_number_that_json_has_no_word_for_is_refused(self, caller: Caller):
        body = json.dumps({"events": [sent(value=float("nan"))]})
        assert_problem(caller.post("/events/", body), 400, "parse_error")
        too_large = json.dumps({"create_missing": True, "events": [sent(properties={"a": 1})]}).replace("1}", "1e999}")
        assert caller.post("/events/", too_large).json()["rejected"][0]["code"] == "invalid_properties"

    def test_kinds_keep_their_order_and_are_registered_once(self, caller: Caller):
        caller.events(sent("1", kind="waved"), sent("2", kind="waved"), sent("3", kind="message"))
        assert sorted(EventKind.objects.values_list("slug", flat=True)) == ["message", "waved"]


class TestLimits:
    def test_ten_thousand_events_are_taken(self, caller: Caller):
        answer = caller.events(*(sent(str(number), member=f"u{number % 50}") for number in range(10_000)))
        assert answer.json() == {"accepted": 10_000, "duplicates": 0, "rejected": []}

    @pytest.mark.parametrize("as_lines", [False, True])
    def test_one_more_is_too_many_and_none_is_kept(self, caller: Caller, as_lines: bool):
        events = [sent(str(number)) for number in range(10_001)]
        if as_lines:
            body = "\n".join(json.dumps(event) for event in events)
            answer = caller.post("/events/?create_missing=true", body, NDJSON)
        else:
            answer = caller.events(*events)
        assert_problem(answer, 413, "too_many_events")
        assert not Event.objects.exists()

    def test_a_small_packed_body_that_grows_too_large_is_refused(self, caller: Caller):
        bomb = gzip.compress(b" " * (80 * 1024 * 1024))
        assert len(bomb) < 100_000
        assert_problem(caller.post("/events/", bomb, Content_Encoding="gzip"), 413, "body_too_large")

    def test_a_body_over_the_limit_is_refused(self, caller: Caller):
        assert_problem(caller.post("/events/", b" " * (33 * 1024 * 1024)), 413, "body_too_large")
        with_key = caller.post("/events/", b" " * (33 * 1024 * 1024), Idempotency_Key="k")
        assert_problem(with_key, 413, "body_too_large")


class TestBodies:
    def test_lines_are_events_and_a_broken_line_is_one_rejected_event(self, caller: Caller):
        body = f"{json.dumps(sent('1'))}\n{{broken\n\n{json.dumps(sent('2'))}\r\n".encode()
        for packed, headers in ((body, {}), (gzip.compress(body), {"Content_Encoding": "gzip"})):
            Event.objects.all().delete()
            answer = caller.post("/events/?create_missing=true", packed, NDJSON, **headers).json()
            assert answer["accepted"] == 2
            assert [(item["index"], item["code"]) for item in answer["rejected"]] == [(1, "invalid_json")]

    def test_a_packed_json_body_is_read(self, caller: Caller):
        body = gzip.compress(json.dumps({"create_missing": True, "events": [sent()]}).encode())
        assert caller.post("/events/", body, Content_Encoding="gzip").json()["accepted"] == 1

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ([], ""),
            ({}, "/events"),
            ({"events": {}}, "/events"),
            ({"events": [], "create_missing": "yes"}, "/create_missing"),
        ],
    )
    def test_a_body_of_another_shape_says_where(self, caller: Caller, body: Any, pointer: str):
        problem = assert_problem(caller.post("/events/", body), 400, "invalid")
        assert problem["errors"][0]["pointer"] == pointer

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"events": [' + b"[" * 100_000, b'{"events": [NaN]}'])
    def test_a_broken_body_is_a_problem(self, caller: Caller, body: bytes):
        assert caller.post("/events/", body).status_code == 400

    @pytest.mark.parametrize("body", [b"not gzip", gzip.compress(b"{}", mtime=0)[:-9], zlib.compress(b"{}")])
    def test_broken_gzip_is_a_problem(self, caller: Caller, body: bytes):
        assert_problem(caller.post("/events/", body, Content_Encoding="gzip"), 400, "parse_error")

    def test_other_encodings_and_types_are_refused(self, caller: Caller):
        assert_problem(caller.post("/events/", b"x", Content_Encoding="br"), 415, "unsupported_encoding")
        assert_problem(caller.post("/events/", b"a=1", "text/csv"), 415, "unsupported_media_type")

    def test_an_odd_create_missing_of_lines_is_refused(self, caller: Caller):
        assert_problem(caller.post("/events/?create_missing=maybe", b"{}", NDJSON), 400, "invalid")

    def test_no_events_are_no_error(self, caller: Caller):
        assert caller.events().json() == {"accepted": 0, "duplicates": 0, "rejected": []}


class TestRights:
    def test_a_token_without_the_scope_is_refused(self, cast: Cast):  # noqa: F811
        assert_problem(Caller(cast.lin, "reports:read").events(sent()), 403, "permission_denied")
        assert not Event.objects.exists()

    @pytest.mark.parametrize("lacking", ["members:write", "groups:write"])
    def test_making_members_and_groups_needs_their_scopes(self, cast: Cast, lacking: str):  # noqa: F811
        scopes = {"events:write", "members:write", "groups:write"} - {lacking}
        caller = Caller(cast.lin, *scopes)
        assert_problem(caller.events(sent()), 403, "permission_denied")
        line = json.dumps(sent())
        assert_problem(caller.post("/events/?create_missing=true", line, NDJSON), 403, "permission_denied")
        assert caller.events(sent(), create_missing=False).json()["rejected"][0]["code"] == "unknown_group"

    def test_a_manager_may_not_write_whatever_the_token_says(self, cast: Cast):  # noqa: F811
        assert_problem(Caller(cast.ana).events(sent()), 403, "permission_denied")

    def test_another_branchs_group_is_unknown(self, cast: Cast):  # noqa: F811
        make_group(external_id="g1", branch=cast.hangzhou)
        assert Caller(cast.mei).events(sent()).json()["accepted"] == 1
        rejected = Caller(cast.out).events(sent(member="u2")).json()["rejected"]
        assert [item["code"] for item in rejected] == ["unknown_group"]
        assert not Member.objects.filter(external_id="u2").exists()

    def test_without_a_token_or_with_a_dead_one_nobody_is_let_in(self, caller: Caller, client):
        assert_problem(client.post("/api/v1/events/", b"{}", "application/json"), 401, "not_authenticated")
        caller.token.user.is_active = False
        caller.token.user.save()
        answer = caller.events(sent())
        assert_problem(answer, 401, "authentication_failed")
        assert answer["WWW-Authenticate"].startswith("Bearer")

    def test_other_methods_are_refused(self, caller: Caller):
        assert_problem(caller.get("/events/"), 405, "method_not_allowed")


class TestIdempotencyKey:
    def test_the_same_request_is_answered_again_and_carried_out_once(self, caller: Caller):
        body = {"create_missing": True, "events": [sent()]}
        first = caller.post("/events/", body, Idempotency_Key="k1")
        again = caller.post("/events/", body, Idempotency_Key="k1")
        assert first.json() == again.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
        assert again["Idempotent-Replayed"] == "true"

    def test_another_body_under_the_same_key_is_in_conflict(self, caller: Caller, cast: Cast):  # noqa: F811
        caller.post("/events/", {"create_missing": True, "events": [sent()]}, Idempotency_Key="k1")
        other = {"create_missing": True, "events": [sent("2")]}
        assert_problem(caller.post("/events/", other, Idempotency_Key="k1"), 409, "idempotency_key_reused")
        assert Event.objects.count() == 1
        assert Caller(cast.lin).post("/events/", other, Idempotency_Key="k1").status_code == 200

    def test_a_refused_request_leaves_its_key_free(self, caller: Caller):
        assert caller.post("/events/", b"{", Idempotency_Key="k1").status_code == 400
        body = {"create_missing": True, "events": [sent()]}
        assert caller.post("/events/", body, Idempotency_Key="k1").json()["accepted"] == 1

    def test_a_key_that_is_too_long_is_refused(self, caller: Caller):
        assert_problem(caller.post("/events/", {}, Idempotency_Key="k" * 256), 400, "invalid_idempotency_key")


texts = st.text(max_size=8) | st.text(alphabet=st.characters(categories=["Cs", "Cc", "Lo"]), max_size=4)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
FIELDS = ["id", "member", "group", "kind", "at", "channel", "value", "properties"]
times = st.sampled_from(["2026-03-02T09:00:00Z", "9999-12-31T23:59:59-14:00", "2026-W10", "T", "2026-03-02T24:00Z"])
events_of_any_kind = values | st.fixed_dictionaries(
    {}, optional={name: values | st.just("ok") | times for name in FIELDS}
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(events=st.lists(events_of_any_kind, max_size=4), as_lines=st.booleans(), create_missing=st.booleans())
def test_whatever_is_sent_is_answered(caller: Caller, events: list[Any], as_lines: bool, create_missing: bool):
    def dump(value: Any) -> str:
        return json.dumps(value)

    if as_lines:
        body = "\n".join(dump(event) for event in events)
        answer = caller.post(f"/events/?create_missing={str(create_missing).lower()}", body, NDJSON)
    else:
        answer = caller.post("/events/", dump({"create_missing": create_missing, "events": events}))
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        outcome = answer.json()
        assert outcome["accepted"] + outcome["duplicates"] + len(outcome["rejected"]) == len(events)
        assert {item["code"] for item in outcome["rejected"]} <= set(MESSAGES)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60), encoding=st.sampled_from(["", "gzip", "identity"]))
def test_whatever_bytes_are_sent_are_answered(caller: Caller, body: bytes, encoding: str):
    for content_type in ("application/json", NDJSON):
        assert caller.post("/events/", body, content_type, Content_Encoding=encoding).status_code in (200, 400)
