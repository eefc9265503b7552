from __future__ import annotations

import gc
import os
import shutil
from time import sleep
from zoneinfo import ZoneInfo

import pytest

from analytics import kernels, kernels_attempts, kernels_funnel, kernels_ledger, kernels_periods
from analytics.queries.activity import ActivityQuery, Metric
from analytics.queries.funnel import FunnelQuery
from analytics.queries.periods import millis
from analytics.queries.retention import RetentionQuery
from analytics.queries.running import events_read
from analytics.sources import Selection, SqlNames, SqlSource
from analytics.warmup import DONE, compile_apart, compile_once, warm_up, warm_up_in_background
from tests.builders import NOW
from tests.races import at_once

KERNELS = (
    kernels_attempts.funnel,
    kernels_funnel.plain_funnel,
    kernels_funnel.paces,
    kernels_funnel.tally,
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


@pytest.fixture
def folder_of_the_suite():
    return os.environ["NUMBA_CACHE_DIR"]


@pytest.fixture
def kept_nowhere(monkeypatch, tmp_path):
    """As on a machine that has compiled nothing yet."""
    folder = tmp_path / "kernels"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    return folder


@pytest.mark.once
def test_whoever_starts_first_has_another_process_compile_and_the_next_finds_it_done(
    folder_of_the_suite, kept_nowhere, monkeypatch
):
    # To compile everything anew takes a minute, so most of it is there.
    shutil.copytree(folder_of_the_suite, kept_nowhere)
    (kept_nowhere / DONE).unlink(missing_ok=True)
    compile_apart()
    assert (kept_nowhere / DONE).exists()
    monkeypatch.setattr("subprocess.run", lambda *_args, **_rest: pytest.fail("compiled twice"))
    compile_apart()


def test_a_folder_that_cannot_be_written_stops_no_server(kept_nowhere, monkeypatch):
    kept_nowhere.touch()  # a file stands where the folder should be
    compile_apart()
    assert kept_nowhere.is_file()


def test_of_those_who_compile_at_once_one_does(kept_nowhere, monkeypatch):
    done: list[str] = []

    def compiling() -> None:
        sleep(0.2)
        done.append("once")

    monkeypatch.setattr("analytics.warmup.warm_up", compiling)
    assert at_once(lambda _n: compile_once(), 4) == [None] * 4
    assert done == ["once"]
