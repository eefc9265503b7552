"""Two thousand members of a group check in within the same minute, on the embedded default (SQLite, waitress).

    python benchmarks/checkins.py [--members 2000] [--seconds 60] [--clients 64]

Makes an installation of its own in a temporary folder and serves it as `manage.py up` does. First every member presses
the button once, at a moment of the minute drawn at random; latency counts from that moment, so it holds the waiting.
Then all press again in a second programme as fast as the server answers, and as often a trivial page (/healthz) is
asked for on the same server: the ratio of the two rates. All check-ins are looked for in the database afterwards.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BASE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BASE))
CSRF = "c" * 32
Answer = tuple[int, float]
_here = threading.local()


def prepare(members: int) -> tuple[str, list[int], list[str]]:
    """A group whose members are signed in, and two programmes: the group's token, the programmes, the cookies."""
    from django.core.management import call_command
    from django.utils import timezone

    from campaigns.checkins.programmes import ProgrammeDraft, ThresholdDraft, programme_create
    from groups.services import group_create
    from members.consent.services import consent_give, text_in_force
    from members.models import Member, Membership, OpenedBy
    from members.visitors.services import session_open

    call_command("migrate", verbosity=0)
    now = timezone.now()
    group = group_create(by=None, now=now, external_id="bench", name="Bench", motivation="growth", purpose="Reading")
    people = Member.objects.bulk_create(
        [Member(external_id=f"bench-{number}", name=f"Member {number}") for number in range(members)]
    )
    Membership.objects.bulk_create(
        [Membership(member=member, group=group, joined_at=now, last_seen_at=now) for member in people]
    )
    if text := text_in_force():
        for member in people:
            consent_give(now=now, member=member, version=text.version, channel=OpenedBy.LINK)
    cookies = [session_open(now=now, member=member, opened_by=OpenedBy.LINK, device="bench") for member in people]
    programmes = []
    for number in range(2):
        draft = ProgrammeDraft(
            name=f"Programme {number}",
            groups=[group],
            first_day=timezone.localdate(now),
            timezone="Asia/Shanghai",
            keyword="",
            by_page=True,
            thresholds=[ThresholdDraft("streak", 7, 20)],
        )
        programmes.append(programme_create(by=None, now=now, draft=draft, branch=None).pk)
    return group.page_token, programmes, cookies


def asked(port: int, method: str, path: str, cookie: str = "", line: http.client.HTTPConnection | None = None) -> int:
    """The status of one request, over `line` or over the connection of this thread; 0 when there was no answer."""
    body = urllib.parse.urlencode({"csrfmiddlewaretoken": CSRF}) if method == "POST" else None
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"member={cookie}; csrftoken={CSRF}"}
    line = line or getattr(_here, "line", None)
    if line is None:
        line = _here.line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        line.request(method, path, body, headers)
        answer = line.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        line.close()
        _here.line = None
        return 0
    return answer.status


def run(jobs: list[Callable[[], int]], clients: int, moments: list[float] | None = None) -> tuple[list[Answer], float]:
    """The answers with their latencies in seconds, and how long all took. With `moments` each job has its time."""
    begun = time.perf_counter()

    def one(number: int) -> Answer:
        due = begun + moments[number] if moments else time.perf_counter()
        time.sleep(max(0.0, due - time.perf_counter()))
        return jobs[number](), time.perf_counter() - due

    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(one, range(len(jobs))))
    return answers, time.perf_counter() - begun


def told(name: str, answers: list[Answer], took: float, good: int) -> None:
    times = sorted(latency * 1000 for _status, latency in answers)
    p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
    errors = sum(status != good for status, _latency in answers)
    print(f"{name}: {len(answers)} in {took:.1f} s, {len(answers) / took:.0f} a second,", end=" ")
    print(f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, errors {errors}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--members", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        os.environ["DATA_DIR"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "community_ops.settings"
        os.environ.setdefault("LOG_LEVEL", "ERROR")
        os.environ.pop("DATABASE_URL", None)
        import django

        django.setup()
        from django.conf import settings

        (Path(settings.STATIC_ROOT)).mkdir(parents=True, exist_ok=True)
        token, programmes, cookies = prepare(options.members)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "community_ops.embedded.web", "127.0.0.1", str(port)]
        server = subprocess.Popen(command, cwd=BASE, env=dict(os.environ))
        try:
            while asked(port, "GET", "/healthz") != 200:
                time.sleep(0.2)
            measure(options, port, token, programmes, cookies)
        finally:
            server.terminate()
            server.wait(timeout=30)
        count(programmes, options.members)


def measure(options: argparse.Namespace, port: int, token: str, programmes: list[int], cookies: list[str]) -> None:
    dice = random.Random(1)
    moments = sorted(dice.uniform(0, options.seconds) for _cookie in cookies)

    def presses(programme: int) -> list[Callable[[], int]]:
        path = f"/m/g/{token}/check-in/{programme}/"
        return [lambda cookie=cookie: asked(port, "POST", path, cookie) for cookie in cookies]  # type: ignore[misc]

    # Every phone has a connection of its own and keeps it, as browsers do. As many threads as may have to wait at once,
    # so that no press is late because of the ones before it.
    phones = [http.client.HTTPConnection("127.0.0.1", port, timeout=120) for _cookie in cookies]
    path = f"/m/g/{token}/check-in/{programmes[0]}/"
    first: list[Callable[[], int]] = [
        lambda cookie=cookie, phone=phone: asked(port, "POST", path, cookie, phone)  # type: ignore[misc]
        for cookie, phone in zip(cookies, phones, strict=True)
    ]
    answers, took = run(first, 4 * options.clients, moments)
    told(f"check-ins over {options.seconds:.0f} s", answers, took, 302)
    for phone in phones:
        phone.close()
    answers, quickest = run(presses(programmes[1]), options.clients)
    told("check-ins at once", answers, quickest, 302)
    pages: list[Callable[[], int]] = [lambda: asked(port, "GET", "/healthz")] * len(cookies)
    answers, trivial = run(pages, options.clients)
    told("a trivial page", answers, trivial, 200)
    print(f"ratio of the rates: {trivial / quickest:.2f}")


def count(programmes: list[int], members: int) -> None:
    from activity.models import Event
    from campaigns.checkins.models import CheckIn, CheckInStanding

    for programme in programmes:
        rows = CheckIn.objects.filter(programme=programme, state="counted").count()
        standings = CheckInStanding.objects.filter(programme=programme, current=1).count()
        print(f"programme {programme}: {rows} of {members} check-ins, {standings} streaks of one day")
    print(f"events: {Event.objects.filter(kind__slug='check_in').count()}")


if __name__ == "__main__":
    main()
