"""The processes that `manage.py up` runs, and how each is started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from community_ops.embedded.lifeline import before_exec

RESTART_SECONDS = 2.0
LONGEST_RESTART_SECONDS = 30.0
STEADY_SECONDS = 10.0
"""A process that lived this long was fine; one that did not is started again less and less often."""


@dataclass
class Child:
    """One process that should run as long as the installation does."""

    name: str
    command: list[str]
    environment: dict[str, str]
    folder: Path
    patience: float = 5
    """How many seconds it gets to end by itself."""
    process: subprocess.Popen[bytes] | None = None
    started: float = 0
    pause: float = RESTART_SECONDS
    due: float | None = None
    """When to start it again (monotonic clock); None while it runs."""
    rest: bytes = field(default=b"", repr=False)

    def start(self, now: float) -> None:
        # Its own session: Ctrl-C in the terminal must reach the supervisor only, which then stops them in order.
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
            preexec_fn=before_exec(),
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self.started, self.due, self.rest = now, None, b""

    def ended(self, now: float) -> int | None:
        """Its exit code when it has ended since the last look; plans the next start."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        if now - self.started >= STEADY_SECONDS:
            self.pause = RESTART_SECONDS
        self.due = now + self.pause
        self.pause = min(self.pause * 2, LONGEST_RESTART_SECONDS)
        return code

    def read_lines(self) -> list[str]:
        """What it printed since the last look, in whole lines."""
        if self.process is None or self.process.stdout is None:
            return []
        try:
            chunk = self.process.stdout.read(65536)
        except ValueError:  # closed
            return []
        if chunk is None:
            return []
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        if not chunk and self.rest:
            lines, self.rest = [*lines, self.rest], b""
        return [line.decode("utf-8", errors="replace").rstrip() for line in lines]

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


# glibc keeps the memory that threads gave back in up to eight arenas for each processor: with two, reports leave half
# as much behind. Of what is given back 64 MB stay with the process, and pieces of up to 32 MB come from there: to ask
# the system anew takes a funnel a tenth of its time.
ALLOCATION = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20),
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
}


def python_children(folder: Path, environment: dict[str, str], host: str, port: int, concurrency: int) -> list[Child]:
    """Web server, worker and scheduler, in the order in which they are stopped."""
    # Django's checks would import every page and the compiler behind the reports; they take most of a start.
    celery = [sys.executable, "-m", "celery", "--quiet", "--skip-checks", "-A", "community_ops"]
    worker = [*celery, "worker", "--concurrency", str(concurrency), "--loglevel", "WARNING"]
    # In a container everything is root; Celery's warning about that is meant for pickled messages, which are not taken.
    environment = {**ALLOCATION, **environment, "PYTHONWARNINGS": "ignore:You're running the worker with superuser"}
    worker += ["--without-gossip", "--without-mingle", "--hostname", "embedded@%h"]
    beat = [*celery, "beat", "--loglevel", "WARNING", "--pidfile", ""]
    web = [sys.executable, "-m", "community_ops.embedded.web", host, str(port)]
    return [
        Child("beat", beat, environment, folder),
        Child("web", web, environment, folder, patience=6),
        Child("worker", worker, environment, folder, patience=6),
    ]
