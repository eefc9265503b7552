"""WeCom on loopback: takes the calls of robots, remembers them, counts twenty a minute, and answers errors as told."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.campaigns.recorder import Received, recording

KEY = "693a91f6-7aaa-4bc4-97a0-0ec2sifa5aaa"
MOST, WINDOW = 20, 60.0


@dataclass
class Posted:
    """What a robot has posted, or tried to; `errcode` is what it was told."""

    key: str
    body: dict[str, Any]
    at: float
    errcode: int = 0

    @property
    def words(self) -> str:
        """All that members read of it."""
        if self.body["msgtype"] == "text":
            return str(self.body["text"]["content"])
        return "\n".join(
            f"{item['title']}\n{item['description']}\n{item['url']}" for item in self.body["news"]["articles"]
        )

    @property
    def picture(self) -> bytes:
        data = base64.b64decode(self.body["image"]["base64"])
        assert hashlib.md5(data).hexdigest() == self.body["image"]["md5"]
        return data


@dataclass
class WeCom:
    """`says` are the errors of the next calls, 0 for none; a number of HTTP is given as {"status": 502}."""

    base: str = ""
    calls: list[Posted] = field(default_factory=list)
    says: deque[Any] = field(default_factory=deque)
    window: float = WINDOW
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def posted(self) -> list[Posted]:
        """What has arrived in the chat."""
        return [call for call in self.calls if not call.errcode]

    def answer(self, request: Received) -> tuple[Any, ...]:
        key = parse_qs(urlsplit(request.path).query).get("key", [""])[0]
        call = Posted(key, request.body, request.at)
        with self.lock:
            said = self.says.popleft() if self.says else 0
            recent = [other for other in self.calls if other.key == key and other.at > call.at - self.window]
            if not said and len(recent) >= MOST:
                said = 45009
            call.errcode = said if isinstance(said, int) else -2
            self.calls.append(call)
        if callable(said):
            said()
        if isinstance(said, dict):
            return said["status"], {}, b"<html>"
        hint = (
            f"hint: [1763], from ip: 203.0.113.9, more info at https://open.work.weixin.qq.com/devtool/query?e={said}"
        )
        text = {"errcode": said, "errmsg": f"error, {hint}" if said else "ok"}
        return 200, {"Content-Type": "application/json"}, json.dumps(text).encode()


@contextmanager
def wecom() -> Iterator[WeCom]:
    fake = WeCom()
    with recording() as recorder:
        recorder.answer = fake.answer
        fake.base = recorder.url.replace("/hook", "/cgi-bin/")
        yield fake
