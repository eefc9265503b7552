"""WeChat on loopback: gives codes to people who press Allow, takes each code once, and answers errors as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from django.test import Client
from django.test.utils import override_settings

APP_ID, SECRET = "wxTEST0001", "oa-secret-0001"
PHONE = "Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0.50"


@dataclass
class WeChat:
    """`says` is answered in place of the next exchange; `calls` are the queries that arrived."""

    base: str = ""
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    says: list[bytes] = field(default_factory=list)
    calls: list[dict[str, str]] = field(default_factory=list)

    def allow(self, authorize: str, openid: str, *, unionid: str = "", **more: Any) -> str:
        """What a person gets who presses Allow on that page: the address they are sent back to."""
        asked = urlsplit(authorize)
        query = dict(parse_qsl(asked.query))
        names = ["appid", "redirect_uri", "response_type", "scope", "state"]
        assert [name for name, _value in parse_qsl(asked.query)] == names, "WeChat checks the order"
        assert asked.fragment == "wechat_redirect"
        assert query["appid"] == APP_ID
        assert query["state"].isalnum()
        assert len(query["state"]) <= 128
        code = f"code{len(self.codes)}"
        told = {"access_token": "A", "expires_in": 7200, "openid": openid, "scope": query["scope"], **more}
        if unionid and query["scope"] == "snsapi_userinfo":
            told["unionid"] = unionid
        self.codes[code] = told
        return f"{query['redirect_uri']}?code={code}&state={query['state']}"

    def answer(self, path: str) -> bytes:
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        self.calls.append(query)
        if self.says:
            return self.says.pop()
        if query.get("secret") != SECRET:
            return b'{"errcode":40125,"errmsg":"invalid appsecret"}'
        told = self.codes.pop(query["code"], None)
        return json.dumps(told or {"errcode": 40163, "errmsg": "code been used"}).encode()


@contextmanager
def wechat() -> Iterator[WeChat]:
    fake = WeChat()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = fake.answer(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    fake.base = f"http://127.0.0.1:{server.server_address[1]}"
    with override_settings(
        WECHAT_OA_APP_ID=APP_ID,
        WECHAT_OA_SECRET=SECRET,
        WECHAT_OA_API_BASE=fake.base,
        OUTBOUND_ALLOWED_HOSTS=["127.0.0.1"],
    ):
        yield fake
    server.shutdown()
    thread.join()
    server.server_close()


def phone() -> Client:
    """WeChat's own browser."""
    return Client(headers={"user-agent": PHONE, "accept-language": "en"})


def come_in(fake: WeChat, client: Client, openid: str, *, path: str = "/m/wechat/?next=/m/me/", **more: Any) -> Any:
    """A person opens the door and presses Allow as often as they are asked; what they get in the end."""
    answer = client.get(path)
    for _time in range(3):
        if not answer.get("Location", "").startswith("https://open.weixin.qq.com/"):
            break
        answer = client.get(fake.allow(answer["Location"], openid, **more))
    return answer
