"""How quickly the pages of reports answer for a community with 50 million events, and what memory that takes.

    python benchmarks/pages.py --data FOLDER [--events 50000000] [--members 1000000] [--groups 10000] [--rounds 20]

Makes the community in FOLDER (see large.py: ten minutes or more and some 14 GB; kept for the next time, and the same at
a tenth of the size in FOLDER/tenth) and starts the embedded web server as a child. As a manager of headquarters and as
an operator of one of ten branches it asks for every page and for the parts that a page loads by itself, once without
counting and then as often as --rounds says. Prints the median and the 95th percentile of the time until an
answer was read on loopback, so with the whole stack and the network; the processor time of the server, to which waiting
for other programs does not add; the number of SQL queries, here and at a tenth of the size, which are counted in
processes of their own; and the most memory that the server had: of its own (RssAnon) and with the mapped files of the
index (VmHWM).
"""

from __future__ import annotations

import argparse
import html
import http.client
import json
import os
import platform
import re
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

BASE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BASE))
CORE_CHAIN = [("step", step) for step in ("joined", "friended", "trial", "ordered", "ordered", "invited")]
PAGES = {
    "overview": "/reports/",
    "lifecycle": "/reports/lifecycle/",
    "stickiness": "/reports/stickiness/",
    "activity": "/reports/activity/",
    "retention": "/reports/retention/",
    "retention of places": "/reports/retention/?what=membership",
    "who left": "/reports/leavers/",
    "funnel": "/reports/funnel/",
    "funnel, core chain": "/reports/funnel/?"
    + urlencode([*CORE_CHAIN, ("window", "180"), ("preset", "12m"), ("by", "channel")]),
    "best hour": "/reports/best-hour/",
    "channels": "/reports/channels/",
    "one channel": "/reports/channels/1/",
    "carriers": "/reports/carriers/",
    "who brought whom": "/reports/carriers/tree/",
    "ranking": "/reports/ranking/",
    "branches": "/reports/branches/",
    "health": "/reports/health/",
    "health of a group": "/groups/{group}/health/",
    "saved reports": "/reports/saved/",
    "dashboard": "/reports/dashboard/",
}
STAFF = {"manager": "bench-manager", "operator": "bench-operator"}
# An operator of the first branch sees this group.
GROUP = 10
PART = re.compile(r'hx-get="([^"]+)"[^>]*hx-trigger="load')


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder in which the community is kept")
    parser.add_argument("--events", type=int, default=50_000_000)
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--groups", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--days", type=int, default=0, help="so many last days of events in SQLite, all by default")
    parser.add_argument("--only", default="", help="only pages with this in their name")
    parser.add_argument("--no-tenth", action="store_true", help="count no queries at a tenth of the size")
    parser.add_argument("--make", action="store_true", help="make the community and stop")
    parser.add_argument("--count", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.count:
        setup(asked.data)
        print(json.dumps(queries(json.loads(asked.count))))
        return
    setup(asked.data)
    from benchmarks.large import large_community

    large_community(asked.data, asked.events, asked.members, asked.groups, asked.days)
    if asked.make:
        return
    if not asked.no_tenth:
        tenth = ["--events", asked.events // 10, "--members", asked.members // 10, "--groups", asked.groups // 10]
        tenth += ["--days", asked.days]
        run_again(asked.data / "tenth", *map(str, tenth), "--make")
    measure(asked)


def setup(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["DATA_DIR"] = str(folder.resolve())
    os.environ["DJANGO_SETTINGS_MODULE"] = "community_ops.settings"
    os.environ["ALLOWED_HOSTS"] = "testserver,127.0.0.1"
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    os.environ.pop("DATABASE_URL", None)
    import django

    django.setup()


def run_again(folder: Path, *arguments: str) -> str:
    """This program in a process of its own, with another folder."""
    command = [sys.executable, __file__, "--data", str(folder), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def queries(addresses: list[tuple[str, str]]) -> list[int]:
    """How many SQL queries each answer takes, for a person and an address."""
    from django.db import connection
    from django.test import Client

    from accounts.models import User

    counts = []
    for username, address in addresses:
        client = Client()
        client.force_login(User.objects.get(username=username))
        for _round in range(2):  # the first fills what is kept for a process
            seen: list[str] = []

            def note(execute: Any, sql: str, *rest: Any, seen: list[str] = seen) -> Any:
                seen.append(sql)
                return execute(sql, *rest)

            with connection.execute_wrapper(note):
                assert client.get(address).status_code == 200, address
        counts.append(len(seen))
    return counts


class Server:
    """The embedded web server as a child, its one process, and the most memory that it had."""

    def __init__(self) -> None:
        from community_ops.embedded.children import ALLOCATION

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "community_ops.embedded.web", "127.0.0.1", str(self.port)]
        self.process = subprocess.Popen(command, cwd=BASE, env={**ALLOCATION, **os.environ})
        self.own, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Server:
        while True:
            try:
                if self.get("/healthz", "")[0] == 200:
                    break
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit("the server did not start") from None
            time.sleep(0.2)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()
        self.process.terminate()
        self.process.wait(timeout=30)

    def get(self, address: str, session: str, *, part: bool = False) -> tuple[int, str, float]:
        """Status, text, and how long it took in milliseconds. A part is asked for as a page does."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        begun = time.perf_counter()
        headers = {"Cookie": f"sessionid={session}", **({"HX-Request": "true"} if part else {})}
        line.request("GET", address, headers=headers)
        answer = line.getresponse()
        text = answer.read().decode()
        took = 1000 * (time.perf_counter() - begun)
        line.close()
        return answer.status, text, took

    def processor(self) -> float:
        """The processor time of all its threads until now, in milliseconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rest(self) -> None:
        """Waits until kernels are compiled by a process of the server's, and loaded, which happens beside requests."""
        before = -1.0
        tasks = Path(f"/proc/{self.process.pid}/task")
        while self.processor() - before > 20 or any(file.read_text() for file in tasks.glob("*/children")):
            before = self.processor()
            time.sleep(2)

    def memory(self, name: str) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) // 1024
        return 0

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            self.own = max(self.own, self.memory("RssAnon"))


def sessions() -> dict[str, str]:
    from django.conf import settings
    from django.test import Client

    from accounts.models import User

    found = {}
    for username in STAFF.values():
        client = Client()
        client.force_login(User.objects.get(username=username))
        found[username] = client.cookies[settings.SESSION_COOKIE_NAME].value
    return found


@dataclass
class Row:
    """A page, or a part that it loads by itself, as somebody asks for it."""

    name: str
    who: str
    username: str
    address: str
    took: list[float] = field(default_factory=list)
    worked: float = 0.0

    def ask(self, server: Server, session: str, rounds: int) -> None:
        """Once without counting, then as often as `rounds`."""
        for number in range(rounds + 1):
            before = server.processor()
            status, _text, milliseconds = server.get(self.address, session, part=self.name.startswith(" "))
            assert status == 200, (self.address, status)
            if number:
                self.took.append(milliseconds)
                self.worked += (server.processor() - before) / rounds
        self.took.sort()

    def line(self) -> str:
        p50, p95 = self.took[len(self.took) // 2], self.took[min(len(self.took) - 1, int(len(self.took) * 0.95))]
        return f"{self.name:<32}{self.who:<10}{p50:>8.0f}{p95:>8.0f}{self.took[-1]:>8.0f}{self.worked:>8.0f}"


def rows_of(server: Server, name: str, who: str, username: str, address: str, session: str) -> list[Row]:
    status, text, _took = server.get(address, session)
    assert status == 200, (address, status)
    parts = dict.fromkeys(html.unescape(part) for part in PART.findall(text))
    page = Row(name, who, username, address)
    return [page, *(Row(f"  {name}, part {n}", who, username, part) for n, part in enumerate(parts, 1))]


def measure(asked: argparse.Namespace) -> None:
    print(f"{asked.events:,} events of {asked.members:,} members in {asked.groups:,} groups")
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    print(f"load {os.getloadavg()[0]:.1f} at the beginning")
    keys = sessions()
    with Server() as server:
        server.rest()
        rows: list[Row] = []
        for name, page in PAGES.items():
            if asked.only in name:
                for who, username in STAFF.items():
                    for row in rows_of(server, name, who, username, page.format(group=GROUP), keys[username]):
                        row.ask(server, keys[username], asked.rounds)
                        print(row.line(), file=sys.stderr, flush=True)
                        rows.append(row)
        own, whole = server.own, server.memory("VmHWM")
    questions = json.dumps([(row.username, row.address) for row in rows])
    here = json.loads(run_again(asked.data, "--count", questions))
    tenth = here if asked.no_tenth else json.loads(run_again(asked.data / "tenth", "--count", questions))
    print(f"\n{'page':<32}{'who':<10}{'p50 ms':>8}{'p95 ms':>8}{'worst':>8}{'CPU ms':>8}{'queries':>9}{'a tenth':>9}")
    for row, many, few in zip(rows, here, tenth, strict=True):
        differs = "" if many == few else "  DIFFERS"
        print(f"{row.line()}{many:>9}{'-' if asked.no_tenth else str(few):>9}{differs}")
    print(f"\nmost memory of the server: {own} MB of its own, {whole} MB with mapped files")
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
