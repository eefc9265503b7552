from __future__ import annotations

import gc
from zoneinfo import ZoneInfo

import pytest

from analytics import kernels, kernels_attempts, kernels_funnel, kernels_ledger, kernels_periods
from analytics.queries.activity import ActivityQuery, Metric
from analytics.queries.funnel import FunnelQuery
from analytics.queries.periods import millis
from analytics.queries.retention import RetentionQuery
from analytics.queries.running import events_read
from analytics.sources import Selection, SqlNames, SqlSource
from analytics.warmup import warm_up, warm_up_in_background
from tests.builders import NOW

KERNELS = (
    kernels_attempts.funnel,
    kernels_funnel.plain_funnel,
    kernels_funnel.paces,
    kernels_funnel.put_in_rows,
    kernels.retention,
    kernels.total,
    kernels.unique,
    kernels.rolling,
    kernels.lifecycle,
    kernels.active_periods,
    kernels.matching,
    kernels_ledger.first_joined,
    kernels_ledger.standing,
    kernels_ledger.holding,
    kernels_ledger.ordered_within,
    kernels_ledger.touches,
    kernels_ledger.clicked,
    kernels_ledger.carries,
    kernels_ledger.deeds,
    kernels_ledger.nearest_there,
    kernels_ledger.last_before,
    kernels_ledger.paid,
    kernels_periods.habits,
    kernels_periods.lifecycles,
    kernels_periods.member_days,
)


@pytest.mark.django_db
def test_a_report_finds_its_kernel_compiled_for_just_the_arrays_it_brings(cast):
    warm_up()
    compiled = {kernel.__name__: list(kernel.signatures) for kernel in KERNELS}
    assert all(compiled.values())

    source = SqlSource(Selection.of(cast.lin, groups=None, members=None))
    zone, names = ZoneInfo("Asia/Shanghai"), SqlNames()
    days = {"from": "2026-02-01", "to": "2026-02-10"}
    funnel = {
        "range": days,
        "steps": [{"kind": "joined"}, {"kind": "message", "where": {"channel": "qr"}}],
        "exclusions": [{"kind": "left", "after_step": 1, "before_step": 2}],
        "series": {"interval": "day"},
        "breakdown": {"by": "channel"},
    }
    for question in (funnel, {"range": days, "steps": funnel["steps"]}):
        FunnelQuery.read(question, zone=zone, now=NOW).compute(source, names, now=NOW)
    RetentionQuery.read({"range": {"from": "2026-02-01"}, "period": "week"}, zone=zone, now=NOW).compute(
        source, names, now=NOW
    )
    for metric in Metric:
        ActivityQuery.read({"range": days, "metric": metric, "interval": "day"}, zone=zone, now=NOW).compute(
            source, names, now=NOW
        )
    events_read(source, names, since=None, until=millis(NOW), kinds=["message"])
    assert {kernel.__name__: list(kernel.signatures) for kernel in KERNELS} == compiled


@pytest.mark.once
def test_no_collection_of_garbage_goes_through_what_stays_as_long_as_the_process():
    loaded = len(gc.get_objects())
    warm_up_in_background().join()
    try:
        assert gc.get_freeze_count() > loaded / 2
        assert len(gc.get_objects()) < loaded / 2
    finally:
        gc.unfreeze()
