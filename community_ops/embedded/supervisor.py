"""Starts the processes of the installation, restarts those that die, and ends them all with itself.

One thread and a selector: what starts processes by fork should have no other threads.
"""

from __future__ import annotations

import errno
import fcntl
import http.client
import json
import os
import secrets
import selectors
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import redis

from community_ops.embedded.children import RESTART_SECONDS, Child, python_children
from community_ops.embedded.valkey import Valkey, free_port
from community_ops.health import ROLES, forget, lifeless

READY_SECONDS = 90
POLL_SECONDS = 0.2


class CannotStartError(Exception):
    """A reason a person can act on."""


def hold_lock(data_dir: Path) -> IO[str]:
    """The right to be the only one who runs on this folder, until the file is closed or the process ends, however it
    ends. Raises `CannotStartError` naming the process that has it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    file = (data_dir / "up.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise CannotStartError(f"Already running on {data_dir} (process {owner}); stop that first") from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


class Supervisor:
    """Runs an installation until it is told to stop.

    `redis_url` is the broker to use; without one it runs a Valkey of its own in `data_dir`.
    """

    def __init__(
        self, *, base_dir: Path, data_dir: Path, host: str, port: int, redis_url: str = "", concurrency: int = 2
    ) -> None:
        self.data_dir, self.host, self.port = data_dir, host, port
        self.stopping = False
        self.hurry = False
        self.valkey: Valkey | None = None
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{port}/"
        if not environment.get("PUBLIC_URL"):
            environment["PUBLIC_URL"] = self.url.rstrip("/").replace("//0.0.0.0:", "//127.0.0.1:")
        self.children: list[Child] = []
        if redis_url:
            self.redis_url = redis_url
        else:
            self.valkey = Valkey(data_dir / "valkey", free_port(), secrets.token_urlsafe(24))
            self.redis_url = self.valkey.url
        environment["REDIS_URL"] = self.redis_url
        self.children = python_children(base_dir, environment, host, port, concurrency)
        if self.valkey:
            try:
                command = self.valkey.command()
            except FileNotFoundError as error:
                raise CannotStartError(str(error)) from error
            self.children.append(Child("valkey", command, dict(os.environ), data_dir / "valkey", patience=5))

    def run(self, on_ready: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT; `on_ready` is called once, with the address, when everything answers.

        Raises `CannotStartError` when another one runs on this data folder or the port is taken.
        """
        with hold_lock(self.data_dir):
            self._check_port()
            self._listen_for_signals()
            services = self.data_dir / "services.json"
            try:
                if self.valkey:
                    self._start_valkey()
                    _write_private(services, json.dumps({"redis_url": self.redis_url, "web": self.url}))
                for role in ROLES:
                    forget(role, self.redis_url)
                self._loop(on_ready)
            finally:
                self._stop_all()
                if self.valkey:
                    services.unlink(missing_ok=True)

    # --- Before the start ---

    def _check_port(self) -> None:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    message = f"Port {self.port} is taken; choose another with --port"
                else:
                    message = f"Cannot listen on {self.host}:{self.port}: {error.strerror or error}"
                raise CannotStartError(message) from error
            except OverflowError as error:
                raise CannotStartError(f"{self.port} is not a port") from error

    def _listen_for_signals(self) -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        self._wake = reader
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *args: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)

    def _asked_to_stop(self, *args: Any) -> None:
        self.hurry, self.stopping = self.stopping, True

    def _start_valkey(self) -> None:
        assert self.valkey is not None
        child = self.children[-1]
        child.start(time.monotonic())
        if not self.valkey.wait():
            raise CannotStartError(f"Valkey does not start: {self.valkey.last_words()}")

    # --- While it runs ---

    def _loop(self, on_ready: Callable[[str], None]) -> None:
        selector = selectors.DefaultSelector()
        selector.register(self._wake, selectors.EVENT_READ)
        begun = time.monotonic()
        ready: bool | None = False
        asked = begun
        for child in self.children:
            if child.process is None:
                child.start(begun)
            _register(selector, child)
        while not self.stopping:
            for key, _events in selector.select(timeout=0.25):
                if key.data is None:
                    with suppress(BlockingIOError):
                        os.read(self._wake, 1024)
                else:
                    self._pass_on(key.data)
            now = time.monotonic()
            for child in self.children:
                self._look_after(child, selector, now)
            if ready is False and now - asked > POLL_SECONDS:
                asked, answer = now, self._readiness()
                if answer == "ok":
                    ready = True
                    on_ready(self.url)
                elif now - begun > READY_SECONDS:
                    ready = None
                    say("up", f"Not ready after {READY_SECONDS} s: {answer}")

    def _look_after(self, child: Child, selector: selectors.BaseSelector, now: float) -> None:
        if child.due is None:
            code = child.ended(now)
            if code is None or child.process is None or child.process.stdout is None:
                return
            if child.name in ROLES:
                forget(child.name, self.redis_url)
            self._pass_on(child)
            with suppress(KeyError):
                selector.unregister(child.process.stdout)
            child.process.stdout.close()
            say("up", f"{child.name} ended with {_how(code)}; starting it again")
        elif now >= child.due:
            try:
                child.start(now)
            except OSError as error:
                say("up", f"{child.name} cannot be started: {error}")
                child.due = now + RESTART_SECONDS * 5
                return
            _register(selector, child)
            say("up", f"{child.name} started again")

    def _pass_on(self, child: Child) -> None:
        for line in child.read_lines():
            if line:
                say(child.name, line)

    def _readiness(self) -> str:
        """What is missing as far as can be told from here, or "ok"."""
        try:
            missing = lifeless(self.redis_url)
        except redis.RedisError as error:
            return f"the broker does not answer ({error})"
        if missing:
            return f"no sign of life from {', '.join(missing)}"
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        connection = http.client.HTTPConnection(host, self.port, timeout=3)
        try:
            connection.request("GET", "/readyz", headers={"Host": "localhost"})
            response = connection.getresponse()
            body = response.read(2000).decode("utf-8", errors="replace")
        except (OSError, http.client.HTTPException):
            return "the web server does not answer"
        finally:
            connection.close()
        return "ok" if response.status == 200 else body.strip()

    # --- The end ---

    def _stop_all(self) -> None:
        """One after the other, so that nobody loses what it still needs; a second signal ends all at once."""
        for child in self.children:
            if child.process is None:
                continue
            child.signal(signal.SIGTERM)
            end = time.monotonic() + child.patience
            while child.process.poll() is None:
                self._pass_on(child)
                if self.hurry or time.monotonic() > end:
                    child.signal(signal.SIGKILL)
                time.sleep(0.02)
            self._pass_on(child)


def _register(selector: selectors.BaseSelector, child: Child) -> None:
    assert child.process is not None
    assert child.process.stdout is not None
    selector.register(child.process.stdout, selectors.EVENT_READ, child)


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"


def say(name: str, line: str) -> None:
    """One prefixed line on stdout. A reader that does not read must not stop the supervisor: then lines are lost."""
    with suppress(OSError):
        sys.stdout.write(f"{name:>6} | {line}\n")
        sys.stdout.flush()


def never_block(stream: Any) -> None:
    """Let writes to a full pipe fail instead of wait. Terminals and files are left alone."""
    with suppress(OSError, ValueError):
        if stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode):
            os.set_blocking(stream.fileno(), False)


def _write_private(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
