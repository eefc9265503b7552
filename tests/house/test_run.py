"""The parts of run.py that can be tried without setting a copy up."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import run
from tests.conftest import wait_until
from tests.plugins.environment import BASE_DIR

pytestmark = pytest.mark.once


def launch(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "run.py", *arguments]
    return subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False)


def test_a_taken_port_is_said_before_anything_is_set_up():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = launch("--port", str(port))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"run.py: Port {port} is taken; choose another with --port.\n"


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(port: str):
    done = launch(f"--port={port}")
    assert done.returncode == 2
    assert "is not a port (1 to 65535)" in done.stderr


def test_the_help_names_every_command():
    done = launch("--help")
    assert done.returncode == 0
    for word in ("--port", "--host", "--no-demo", "run.py test", "run.py manage"):
        assert word in done.stdout


def test_manage_without_a_command_says_what_is_missing():
    done = launch("manage")
    assert done.returncode == 1
    assert done.stderr.startswith("run.py: Name a management command")


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch):
    class Old(tuple):
        pass

    monkeypatch.setattr(sys, "version_info", Old((3, 9, 2)))
    monkeypatch.setattr(sys, "version", "3.9.2 (default)")
    with pytest.raises(run.SetupError, match=r"Python 3\.11 or newer is needed; this is 3\.9\.2\."):
        run.main([])


def test_run_py_imports_nothing_but_the_standard_library():
    code = "import sys; sys.path = [p for p in sys.path if 'site-packages' not in p]; import run"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=BASE_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_stamp_is_fresh_until_its_sources_change(tmp_path: Path):
    lock = tmp_path / "lock"
    lock.write_text("a==1", "utf-8")
    stamps = run.Stamps(tmp_path / "deep" / "stamps.json")
    assert not stamps.fresh("packages", run.digest(lock))
    stamps.keep("packages", run.digest(lock))
    assert run.Stamps(stamps.path).fresh("packages", run.digest(lock))
    lock.write_text("a==2", "utf-8")
    assert not run.Stamps(stamps.path).fresh("packages", run.digest(lock))


def test_a_damaged_stamp_file_counts_as_none(tmp_path: Path):
    path = tmp_path / "stamps.json"
    path.write_text("{", "utf-8")
    assert run.Stamps(path).known == {}


def test_a_failed_step_is_one_sentence_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run, "DATA_DIR", tmp_path)
    lines = ["fetching", "npm error request failed, reason: no route", "npm error See help"]
    script = f"print(*{lines}, sep='\\n'); raise SystemExit(4)"
    with pytest.raises(run.SetupError) as caught:
        run.run([sys.executable, "-c", script], "npm", "Is the network there?")
    log = tmp_path / "logs" / "setup-npm.log"
    assert str(caught.value) == (
        f"npm failed: npm error request failed, reason: no route. Is the network there? All of its output: {log}"
    )
    assert "fetching" in log.read_text("utf-8")


def test_the_locks_name_no_host():
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-node.txt"):
        text = (BASE_DIR / name).read_text("utf-8")
        assert "://" not in text
        assert "--hash=sha256:" in text
    assert '"resolved"' not in (BASE_DIR / "package-lock.json").read_text("utf-8")


def test_jobs_beside_each_other_all_end_before_a_failure_is_raised():
    ended = []

    def fails() -> None:
        raise run.SetupError("first")

    def slow() -> None:
        time.sleep(0.2)
        ended.append("slow")

    with pytest.raises(run.SetupError, match="first"):
        run.together(fails, slow)
    assert ended == ["slow"]


@pytest.mark.parametrize(("wanted", "kept"), [(True, "seeded"), (False, "declined")])
def test_only_the_first_start_decides_about_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool, kept: str
):
    calls: list[list[str]] = []
    monkeypatch.setattr(run, "manage", lambda arguments, name: calls.append(arguments))
    stamps = run.Stamps(tmp_path / "stamps.json")
    for again in (wanted, True, False):
        run.seed(run.Progress(), stamps, wanted=again)
    assert calls == ([["seed_demo"]] if wanted else [])
    assert stamps.known["demo"] == kept


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a child with its parent")
def test_a_step_ends_with_a_killed_launcher(tmp_path: Path):
    step = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = f"import run, sys; run.run([sys.executable, '-c', {step!r}], 'step', '')"
    with subprocess.Popen([sys.executable, "-c", code], cwd=BASE_DIR) as launcher:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text("utf-8"))
        child = psutil.Process(int((tmp_path / "pid").read_text("utf-8")))
        launcher.kill()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, seconds=5)
