"""Reports that are counted by the workers of a real Dask cluster on loopback."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics.index import building
from analytics.index.building import index_build
from analytics.index.files import PartOnDisk
from analytics.index.source import source_of
from analytics.queries import cluster
from analytics.queries.activity import ActivityQuery
from analytics.queries.funnel import FunnelQuery
from analytics.queries.retention import RetentionQuery
from analytics.queries.running import run, run_here
from analytics.sources import Selection, SqlNames, SqlSource
from community_ops.embedded.valkey import free_port
from tests.analytics.agreed import CASES, check_all, send_all
from tests.analytics.index_things import EVER, add
from tests.analytics.test_api import WRITE, asker
from tests.analytics.works import Slowly, WhoWorks
from tests.builders import NOW, make_group, make_member
from tests.conftest import process, said_by, wait_until

pytestmark = [pytest.mark.services, pytest.mark.django_db, pytest.mark.once]
DAYS = {"from": "2026-03-01", "to": "2026-03-01"}
QUESTIONS: list[tuple[Any, dict[str, Any]]] = [
    (ActivityQuery, {"metric": "unique", "interval": "hour", "range": DAYS, "breakdown": {"by": "group"}}),
    (RetentionQuery, {"period": "day", "total_intervals": 3, "range": {"from": "2026-03-01"}}),
    (FunnelQuery, {"steps": [{"kind": "joined"}, {"kind": "message"}, {"kind": "like"}], "range": DAYS}),
]


@pytest.fixture(scope="module")
def scheduler():
    """A scheduler and two workers, each a process of its own."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m"]
    quiet = ["--no-dashboard"]
    with process(
        [*dask, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), *quiet], "scheduler"
    ):
        wait_until(lambda: "Scheduler at" in said_by("scheduler"), seconds=60, because=lambda: said_by("scheduler"))
        worker = [*dask, "distributed.cli.dask_worker", address, "--nworkers", "1", "--nthreads", "1", "--no-nanny"]
        with process([*worker, *quiet], "worker-1"), process([*worker, *quiet], "worker-2"):
            client = cluster._client(address)
            client.wait_for_workers(2, timeout=60)
            yield address
            cluster._forget(address)


@pytest.fixture
def community(cast, settings, tmp_path, monkeypatch):
    """An index of several parts, and something newer than it."""
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(building, "PART", 7)
    monkeypatch.setattr("analytics.index.source.FEW_GROUPS", 0)
    groups = [make_group(branch=cast.hangzhou) for _n in range(3)]
    members = [make_member(groups=[groups[n % 3]]) for n in range(9)]
    for second, kind in enumerate(["message", "like", "message"]):
        add([(member.pk, groups[n % 3].pk, kind, 10 * n + second) for n, member in enumerate(members)], 100 * second)
    index_build(now=NOW)
    add([(members[0].pk, groups[0].pk, "like", 99)], 1000)
    return Selection(cast.lin)


def answers(source):
    zone, names = ZoneInfo("UTC"), SqlNames()
    return [kind.read(asked, zone=zone, now=NOW).compute(source, names, now=NOW).as_dict() for kind, asked in QUESTIONS]


def test_the_cluster_says_what_one_process_says(community, scheduler, settings):
    shards = source_of(community).shards(since=None, until=EVER, kinds=None)
    assert sum(isinstance(shard, PartOnDisk) for shard in shards) > 2
    want = answers(SqlSource(community))
    settings.DASK_SCHEDULER = scheduler
    where = run(shards, WhoWorks())
    assert os.getpid() in where, "what is in memory is counted here"
    assert len(set(where)) >= 2
    assert answers(source_of(community)) == want


def test_all_agreed_numbers_come_back_through_the_cluster(cast, scheduler, settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(building, "PART", 400)
    monkeypatch.setattr("analytics.index.source.FEW_MEMBERS", 0)
    ask = asker(cast.lin, *WRITE)
    send_all(ask)
    assert index_build(now=NOW).parts > 2
    settings.DASK_SCHEDULER = scheduler
    asked: list[int] = []
    through = cluster.run

    def counted(address, shards, work):
        asked.append(len(shards))
        return through(address, shards, work)

    monkeypatch.setattr(cluster, "run", counted)
    check_all(ask)
    assert len(asked) >= len(CASES)


def test_a_lost_worker_does_not_lose_the_question(community, scheduler, settings):
    settings.DASK_SCHEDULER = scheduler
    shards = source_of(community).shards(since=None, until=EVER, kinds=None)
    victim = next(pid for pid in run(shards, WhoWorks()) if pid != os.getpid())
    found: list[list[int]] = []
    asking = threading.Thread(target=lambda: found.append(run(shards, Slowly())))
    asking.start()
    time.sleep(0.3)
    os.kill(victim, signal.SIGKILL)
    asking.join()
    assert found == [run_here(shards, Slowly())]


def test_without_a_cluster_the_question_is_answered_here(community, settings, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    want = answers(SqlSource(community))
    settings.DASK_SCHEDULER = f"tcp://127.0.0.1:{free_port()}"
    assert answers(source_of(community)) == want
