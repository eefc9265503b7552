"""`manage.py up` with real processes, on a data folder of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from community_ops.embedded.children import ALLOCATION
from community_ops.embedded.valkey import free_port
from tests.conftest import wait_until
from tests.plugins.environment import BASE_DIR

pytestmark = [pytest.mark.services, pytest.mark.once]


@dataclass
class Installation:
    process: subprocess.Popen[bytes]
    url: str
    data_dir: Path
    log: Path

    def said(self) -> str:
        return self.log.read_text("utf-8", errors="replace")

    def ready(self) -> tuple[int, list[str]]:
        """Status of /readyz and what it names."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=10) as response:
                return response.status, json.load(response).get("failing", [])
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["failing"]
        except OSError:
            return 0, []

    def children(self, *words: str) -> list[psutil.Process]:
        """The processes under it whose command line holds all the words."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in below if all(word in " ".join(child.cmdline()) for word in words)]


def start(data_dir: Path, port: int) -> Installation:
    data_dir.mkdir(exist_ok=True)
    variables = {**os.environ, "DATA_DIR": str(data_dir), "DJANGO_SETTINGS_MODULE": "community_ops.settings"}
    for name in ("REDIS_URL", "DATABASE_URL", "SECRET_KEY"):
        variables.pop(name, None)
    log = data_dir / "log"
    with log.open("wb") as output:
        command = [sys.executable, "manage.py", "up", "--port", str(port), "--concurrency", "1"]
        process = subprocess.Popen(command, cwd=BASE_DIR, env=variables, stdout=output, stderr=subprocess.STDOUT)
    installation = Installation(process, f"http://127.0.0.1:{port}", data_dir, log)
    wait_until(
        lambda: f"Ready: {installation.url}/" in installation.said() or process.poll() is not None,
        seconds=240,
        because=installation.said,
    )
    assert process.poll() is None, installation.said()
    return installation


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = start(tmp_path_factory.mktemp("up") / "data", free_port())
    yield running
    below = psutil.Process(running.process.pid).children(recursive=True)
    running.process.terminate()
    assert running.process.wait(timeout=20) == 0, running.said()
    assert not [child for child in below if _lives(child)]
    assert not (running.data_dir / "services.json").exists()


def test_everything_is_alive_when_it_says_ready(installation: Installation):
    assert installation.ready() == (200, [])
    assert installation.children("celery", "worker")
    assert installation.children("celery", "beat")
    assert all(child.environ().items() >= ALLOCATION.items() for child in installation.children("-m"))


def test_other_processes_find_the_broker_and_nobody_else_can_read_where_it_is(installation: Installation):
    path = installation.data_dir / "services.json"
    assert json.loads(path.read_text("utf-8"))["redis_url"].startswith("redis://:")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any("redis://" in " ".join(child.cmdline()) for child in installation.children())


def test_the_installation_has_one_supervisor(installation: Installation):
    variables = {**os.environ, "DATA_DIR": str(installation.data_dir)}
    command = [sys.executable, "manage.py", "up", "--port", str(free_port())]
    second = subprocess.run(command, cwd=BASE_DIR, env=variables, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr.startswith("CommandError: Already running on")
    assert str(installation.process.pid) in second.stderr


def test_a_killed_worker_is_named_and_replaced(installation: Installation):
    children = installation.children("celery", "worker")
    first = next(child for child in children if child.ppid() == installation.process.pid)
    first.kill()
    wait_until(lambda: installation.ready() == (503, ["worker"]), because=installation.said)
    wait_until(lambda: not any(_lives(child) for child in children), because=lambda: "pool processes stay")
    wait_until(lambda: installation.ready() == (200, []), because=installation.said)
    assert "worker ended with signal SIGKILL" in installation.said()


def test_a_worker_that_hangs_is_named(installation: Installation):
    hung = installation.children("celery", "worker")[0]
    os.kill(hung.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: installation.ready() == (503, ["worker"]), because=installation.said)
    finally:
        os.kill(hung.pid, signal.SIGCONT)
    wait_until(lambda: installation.ready() == (200, []), because=installation.said)


def test_the_broker_comes_back_with_what_it_held(installation: Installation):
    server = installation.children("valkey-server")[0]
    server.kill()
    wait_until(lambda: "broker" in installation.ready()[1], because=installation.said)
    wait_until(lambda: installation.ready() == (200, []), because=installation.said)


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path):
    running = start(tmp_path / "data", free_port())
    below = psutil.Process(running.process.pid).children(recursive=True)
    assert len(below) >= 5
    running.process.kill()
    running.process.wait()
    wait_until(lambda: not [child for child in below if _lives(child)], seconds=5)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_taken_port_is_said_in_one_line(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        variables = {**os.environ, "DATA_DIR": str(tmp_path)}
        command = [sys.executable, "manage.py", "up", "--port", str(port)]
        done = subprocess.run(command, cwd=BASE_DIR, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"CommandError: Port {port} is taken; choose another with --port\n"
