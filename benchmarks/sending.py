"""How quickly deliveries leave: 10,000 due in the same second, by webhook, to a recorder on loopback.

    python benchmarks/sending.py [--deliveries 10000] [--rounds 3]
    python -m tests.plugins.postgres python benchmarks/sending.py

Starts a broker and one worker process of its own, on a database in a temporary folder or on the empty one that
DATABASE_URL names. Prints the throughput beside that of a plain loop, which signs and posts the same bodies with as
many threads and kept connections and writes nothing down; how late deliveries were; the load of the machine; and the
peak memory of the worker.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
GRACE = 300.0  # seconds after which a run is given up


def serve(pipe: Connection) -> None:
    """Answers 204 to every request and counts the ids it has seen; tells the count when asked."""
    seen: set[bytes] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
                fields = {name.lower(): value for name, value in fields.items()}
                await reader.readexactly(int(fields[b"content-length"]))
                seen.add(fields[b"webhook-id"])
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=512)
        pipe.send(server.sockets[0].getsockname()[1])
        while await asyncio.to_thread(pipe.recv):
            pipe.send(len(seen))
            seen.clear()

    asyncio.run(run())


@contextmanager
def recorder() -> Iterator[tuple[str, Connection]]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/hook", ours
    finally:
        process.kill()


def plain_loop(url: str, count: int, threads: int) -> float:
    """Seconds for as many signed requests without a database."""
    import urllib3

    from community_ops.lib import signing

    secret = signing.new_secret()
    pool = urllib3.PoolManager(maxsize=threads, block=True)

    def post(number: int) -> None:
        now = datetime.now(UTC)
        body = json.dumps(
            {"group": f"g{number}", "title": "早安", "text": "今晚八点共读" * 10, "post": 1, "due_at": now.isoformat()},
            ensure_ascii=False,
        ).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": f"msg_{number}",
            **signing.headers(secret=secret, message_id=f"msg_{number}", now=now, body=body),
        }
        assert pool.request("POST", url, body=body, headers=headers).status == 204

    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as workers:
        list(workers.map(post, range(count)))
    return time.perf_counter() - begun


def plan(url: str, count: int) -> datetime:
    """Deliveries of one message to as many groups, all due in a moment that lies just ahead."""
    from datetime import timedelta

    from delivery.models import Delivery, Destination
    from delivery.services import Content, NewDelivery, deliveries_plan, destination_create, message_create
    from groups.models import Group

    if not Group.objects.exists():
        kept = destination_create(kind="webhook", url=url)
        destinations = [
            Destination(kind="webhook", url=url, secret_encrypted=kept.secret_encrypted) for _n in range(count)
        ]
        made = Destination.objects.bulk_create(destinations, batch_size=500)
        Group.objects.bulk_create(
            [
                Group(
                    external_id=f"g{n}",
                    name=f"第 {n} 群",
                    state="active",
                    motivation="growth",
                    purpose="阅读",
                    destination=made[n],
                )
                for n in range(count)
            ],
            batch_size=500,
        )
    Delivery.objects.all().delete()
    due_at = datetime.now(UTC) + timedelta(seconds=5 + count / 4000)
    deliveries_plan(
        message=message_create(content=Content(title="早安", text="今晚八点共读" * 10)),
        rows=[
            NewDelivery(
                dedupe_key=f"bench:{group.pk}",
                kind="webhook",
                destination_id=group.destination_id,
                group_id=group.pk,
                group_ref=group.external_id,
                due_at=due_at,
                missed="late",
                late_until=due_at + timedelta(hours=1),
            )
            for group in Group.objects.order_by("pk")
        ],
    )
    return due_at


def run(count: int, due_at: datetime) -> tuple[float, list[float]]:
    """Seconds from the due time until all are settled, and how late each was."""
    from django.db.models import Min

    from campaigns.dispatching import dispatch_due
    from delivery.models import Delivery

    while datetime.now(UTC) < due_at:
        time.sleep(0.01)
    end = time.monotonic() + GRACE
    while Delivery.objects.exclude(state="sent").exists():
        dispatch_due(now=datetime.now(UTC))
        time.sleep(0.5)
        if time.monotonic() > end:
            sys.exit(f"not sent: {Delivery.objects.exclude(state='sent').count()}")
    late = [(at - due_at).total_seconds() for at in Delivery.objects.values_list("settled_at", flat=True) if at]
    first = Delivery.objects.aggregate(first=Min("claimed_at"))["first"]
    assert first is not None
    return max(late) - (first - due_at).total_seconds(), sorted(late)


def peak_memory(pid: int) -> float:
    """The largest resident memory of a process of this worker, in MB."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    peaks = []
    for child in [pid, *map(int, listed.stdout.split())]:
        status = Path(f"/proc/{child}/status").read_text("ascii")
        peaks += [int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")]
    return max(peaks)


def measure(count: int, rounds: int, folder: str) -> None:
    from django.core.management import call_command
    from django.db import connection

    from community_ops.embedded.lifeline import before_exec
    from delivery.services.sending import CALLS

    call_command("migrate", verbosity=0)
    command = [sys.executable, "-m", "celery", "--quiet", "--skip-checks", "-A", "community_ops", "worker"]
    command += ["--concurrency", "1", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
    with recorder() as (url, seen), Path(folder, "worker.log").open("wb") as log:
        worker = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=before_exec())
        try:
            run(min(count, 200), plan(url, count))  # warms the worker up
            print(f"{connection.vendor}, {count:,} deliveries, {CALLS} calls at once")
            for _round in range(rounds):
                due_at = plan(url, count)
                seen.send(True)
                seen.recv()
                load = os.getloadavg()[0]
                took, late = run(count, due_at)
                seen.send(True)
                assert seen.recv() == count
                plain = plain_loop(url, count, CALLS)
                print(
                    f"sent and settled: {count / took:,.0f} a second; plain loop: {count / plain:,.0f} a second; "
                    f"ratio: {plain / took:.2f}; late: p50 {late[len(late) // 2]:.1f} s, "
                    f"p99 {late[len(late) * 99 // 100]:.1f} s; load before: {load:.1f}",
                    flush=True,
                )
            print(f"peak memory of the worker: {peak_memory(worker.pid):.0f} MB")
        finally:
            worker.terminate()
            worker.wait(timeout=30)
            print(Path(folder, "worker.log").read_text("utf-8", errors="replace")[-2000:], end="")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--deliveries", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        os.environ.update(DATA_DIR=folder, DJANGO_SETTINGS_MODULE="community_ops.settings", LOG_LEVEL="ERROR")
        os.environ["OUTBOUND_ALLOWED_HOSTS"] = "127.0.0.1"
        from community_ops.embedded.lifeline import before_exec
        from community_ops.embedded.valkey import Valkey

        valkey = Valkey(Path(folder) / "valkey")
        os.environ["REDIS_URL"] = valkey.url
        broker = subprocess.Popen(valkey.command(), stdout=subprocess.DEVNULL, preexec_fn=before_exec())
        try:
            assert valkey.wait(), valkey.last_words()
            import django

            django.setup()
            measure(chosen.deliveries, chosen.rounds, folder)
        finally:
            broker.terminate()
            broker.wait(timeout=10)


if __name__ == "__main__":
    main()
