"""Reports limited to a segment."""

from __future__ import annotations

from django.urls import reverse

from members.segments.services import segment_create
from tests.api.base import Caller, assert_problem
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

ANN = {"all": [{"field": "name", "op": "is", "value": "ann"}]}
QUESTION = {
    "metric": "unique",
    "interval": "day",
    "range": {"from": "2026-03-01", "to": "2026-03-03"},
    "event": {},
}


def test_a_report_counts_the_members_of_a_segment_within_reach(client, cast: Cast):
    here, there = make_group(branch=cast.hangzhou), make_group(branch=cast.chengdu)
    make_member("ann", [here])
    make_member("ben", [here])
    make_member("ann", [there])
    segment = segment_create(by=cast.lin, now=NOW, name="ann", definition=ANN)
    for user, whole, inside in ((cast.lin, 3, 2), (cast.mei, 2, 1)):
        caller = Caller(user)
        assert caller.post("/reports/activity/", QUESTION).json()["overall"] == whole
        assert caller.post("/reports/activity/", {**QUESTION, "segment": segment.pk}).json()["overall"] == inside
    assert_problem(Caller(cast.lin).post("/reports/activity/", {**QUESTION, "segment": 99}), 404, "unknown_segment")
    assert_problem(Caller(cast.lin).post("/reports/activity/", {**QUESTION, "segment": "x"}), 400, "invalid_query")
    client.force_login(cast.lin)
    for name in ("activity", "retention", "funnel"):
        page = client.get(reverse(f"analytics:{name}"), {"segment": segment.pk})
        assert page.status_code == 200
        assert page.context["form"].cleaned_data["segment"] == segment
