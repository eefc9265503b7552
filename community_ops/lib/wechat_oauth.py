"""Who a visitor is, by the OAuth of a WeChat official account. Works in WeChat's own browser only.

    return redirect(authorize_address(back="https://.../m/wechat/back/", state="9f3c..."))
    person = person_of(code=request.GET["code"])

No error, and so no log line, carries the secret or a code: both stand in the address of the call, which is not kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings

from community_ops.lib import http

TIMEOUT = 5.0  # seconds: a person waits
BASE, WITH_UNIONID = "snsapi_base", "snsapi_userinfo"

# What WeChat says was wrong, by errcode: https://developers.weixin.qq.com/doc/oplatform/Return_codes/
NAMES = {
    -1: "busy",
    40013: "wrong_app_id",
    40029: "wrong_code",
    40125: "wrong_secret",
    40163: "code_used",
    41008: "wrong_code",
    42003: "code_expired",
    45009: "too_many_calls",
    45011: "too_many_calls",
    48001: "scope_missing",
    50001: "scope_missing",
}


class WeChatError(Exception):
    """WeChat did not say who it is; `name` is why, one of NAMES, of http.SENTENCES, or "unknown"."""

    def __init__(self, name: str, errcode: int | None = None):
        super().__init__(name)
        self.name = name
        self.errcode = errcode


@dataclass(frozen=True)
class Person:
    """A visitor as WeChat knows them. `unionid` is empty unless the account is bound to an Open Platform account and
    the scope asks for it. `is_snapshot`: a made-up identity, which WeChat gives to pages that were only peeked at."""

    app_id: str
    openid: str
    unionid: str = ""
    is_snapshot: bool = False


def is_on() -> bool:
    return bool(settings.WECHAT_OA_APP_ID)


def authorize_address(*, back: str, state: str, scope: str = BASE) -> str:
    """Where the visitor is sent. WeChat checks the order of the parameters, and needs the fragment."""
    query = [
        ("appid", settings.WECHAT_OA_APP_ID),
        ("redirect_uri", back),
        ("response_type", "code"),
        ("scope", scope),
        ("state", state),
    ]
    return f"{settings.WECHAT_OA_AUTHORIZE_URL}?{urlencode(query, quote_via=quote, safe='')}#wechat_redirect"


def person_of(*, code: str) -> Person:
    """Exchanges a code, which works once and for five minutes. Raises WeChatError."""
    query = {
        "appid": settings.WECHAT_OA_APP_ID,
        "secret": settings.WECHAT_OA_SECRET,
        "code": code,
        "grant_type": "authorization_code",
    }
    address = f"{settings.WECHAT_OA_API_BASE}/sns/oauth2/access_token?{urlencode(query)}"
    try:
        answer = http.send("GET", address, timeout=TIMEOUT)
    except http.OutboundError as error:
        raise WeChatError(error.code) from None
    try:
        # Sent as text/plain without a charset: the bytes are UTF-8 all the same.
        told: Any = json.loads(answer.body.decode("utf-8"))
    except ValueError:
        raise WeChatError("unknown") from None
    if not isinstance(told, dict):
        raise WeChatError("unknown")
    if told.get("errcode"):
        errcode = told["errcode"] if isinstance(told["errcode"], int) else None
        raise WeChatError(NAMES.get(errcode or 0, "unknown"), errcode)
    openid, unionid = told.get("openid"), told.get("unionid") or ""
    if not isinstance(openid, str) or not openid or not isinstance(unionid, str):
        raise WeChatError("unknown")
    return Person(settings.WECHAT_OA_APP_ID, openid[:128], unionid[:128], told.get("is_snapshotuser") == 1)
