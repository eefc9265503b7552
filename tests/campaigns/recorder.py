"""A receiver of webhooks on loopback that remembers every request and answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    headers: dict[str, str]
    raw: bytes
    at: float
    path: str = ""
    peer: tuple[str, int] = ("", 0)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Recorder:
    """`answer` gives (status, headers) for a request, or (status, headers, body); it may sleep, or raise to break the
    connection off. With the header "Keep-Alive: closes" the connection is closed after the answer without a word."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], tuple[Any, ...]] = lambda request: (204, {})

    def by_id(self) -> dict[str, list[Received]]:
        found: dict[str, list[Received]] = defaultdict(list)
        for request in list(self.received):
            found[request.id].append(request)
        return found

    def always(self, status: int, **headers: str) -> None:
        self.answer = lambda request: (status, {name.replace("_", "-"): value for name, value in headers.items()})


@contextmanager
def recording() -> Iterator[Recorder]:
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            raw = self.rfile.read(size)
            if len(raw) < size:
                return  # the caller died before it had said everything: nothing was received
            given = {name.lower(): value for name, value in self.headers.items()}
            request = Received(given, raw, time.time(), self.path, self.client_address)
            recorder.received.append(request)
            try:
                status, headers, *body = recorder.answer(request)
            except ConnectionError:
                self.close_connection = True
                return
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                content = body[0] if body else b""
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                self.close_connection |= headers.get("Keep-Alive") == "closes"
            except OSError:
                self.close_connection = True  # the caller has hung up

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    recorder.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
