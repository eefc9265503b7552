"""A group robot of WeCom. Whoever has its key may post, so the key is a secret; it stands in the address of calls.

A message is one text, or a card where its link has a title and no word would be cut. A picture without a card is a
second call after the text: should that fail, the text stands, and the delivery says so instead of sending it twice.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any
from urllib.parse import quote

from django.conf import settings

from community_ops.lib import http
from delivery.adapters.base import Outgoing, SendError
from delivery.limits import card_text, fits_card, measure, plain_text, tame

PICTURE_BYTES = 2 * 1024 * 1024
SECOND_CALL = 4.0  # seconds that a second call has at least
BUSY_TRIES = 3
BLOCKED = 60.0  # seconds for which WeCom refuses a robot that was too quick

GONE = {93000: "robot_gone", 93019: "robot_gone", 93001: "robot_forbidden", 93004: "robot_stopped"}
GONE[93008] = "robot_not_in_group"
BUSY = {-1, 45033}
TOO_FAST = 45009
FINAL = {
    40008: "robot_bad_request",
    40058: "robot_bad_request",
    44004: "robot_empty",
    93017: "robot_empty",
    45002: "too_long",
    45008: "robot_bad_request",
    45001: "robot_picture",
    93018: "robot_picture",
    301019: "robot_picture",
}


class Robot:
    """Not idempotent: WeCom knows no message by an id of ours, so a repeated call is a second message."""

    idempotent = False

    def send(self, outgoing: Outgoing) -> None:
        if not outgoing.secret:
            raise SendError("no_key", permanent=True)
        first, *more = self._bodies(outgoing)
        begun = time.monotonic()
        _call(outgoing.secret, first, http.TIMEOUT)
        for body in more:
            try:
                _call(outgoing.secret, body, max(SECOND_CALL, http.TIMEOUT - (time.monotonic() - begun)))
            except SendError as error:
                raise SendError("robot_half", error.code, permanent=True) from None

    def calls(self, outgoing: Outgoing) -> int:
        """Two with a picture that is no part of a card."""
        return 1 + (outgoing.picture is not None and not _is_card(outgoing))

    def _bodies(self, outgoing: Outgoing) -> list[dict[str, Any]]:
        if _is_card(outgoing):
            article = {"title": tame(outgoing.title), "description": card_text(outgoing), "url": outgoing.link}
            if outgoing.picture:
                article["picurl"] = outgoing.picture_url
            return [{"msgtype": "news", "news": {"articles": [article]}}]
        size = measure(outgoing, "robot")
        if not size.fits:
            raise SendError("too_long", f"{size.used} / {size.most}", permanent=True)
        bodies: list[dict[str, Any]] = [{"msgtype": "text", "text": {"content": plain_text(outgoing)}}]
        if outgoing.picture:
            bodies.append({"msgtype": "image", "image": _image(outgoing)})
        return bodies


def _is_card(outgoing: Outgoing) -> bool:
    return bool(outgoing.link_title) and fits_card(outgoing)


def _image(outgoing: Outgoing) -> dict[str, str]:
    """The picture itself. It was encoded anew when it came in: JPEG or PNG of two megabytes at most."""
    assert outgoing.picture is not None
    try:
        with outgoing.picture.file.open("rb") as file:
            data = file.read()
    except OSError:
        raise SendError("picture_lost", permanent=True) from None
    if len(data) > PICTURE_BYTES or outgoing.picture.mime not in ("image/jpeg", "image/png"):
        raise SendError("robot_picture", permanent=True)
    return {"base64": base64.b64encode(data).decode(), "md5": hashlib.md5(data, usedforsecurity=False).hexdigest()}


def _call(key: str, body: dict[str, Any], timeout: float) -> None:
    """One call. No exception that leaves it names the address, for the key stands in it."""
    url = f"{settings.WECOM_API_BASE}webhook/send?key={quote(key, safe='')}"
    sent = json.dumps(body, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}
    try:
        answer = http.send("POST", url, headers=headers, body=sent, timeout=timeout)
    except http.OutboundError as error:
        raise SendError(error.code, error.host, permanent=error.permanent, uncertain=error.reached) from None
    if answer.status >= 500:
        # A gateway before WeCom: whether the call got through it is not known.
        raise SendError("receiver_fault", str(answer.status), permanent=False, uncertain=True)
    if answer.status != 200:
        raise SendError("refused", str(answer.status), permanent=True)
    try:
        errcode = int(json.loads(answer.body)["errcode"])
    except (ValueError, TypeError, KeyError):
        raise SendError("outcome_unknown", permanent=False, uncertain=True) from None
    if errcode:
        raise _refusal(errcode)


def _refusal(errcode: int) -> SendError:
    """What follows from an error of WeCom, by its number alone: the words beside it may change."""
    if errcode in GONE:
        return SendError(GONE[errcode], str(errcode), permanent=True, switch_off=True)
    if errcode == TOO_FAST:
        return SendError("robot_too_fast", permanent=False, retry_after=BLOCKED, costs_try=False)
    if errcode in BUSY:
        return SendError("robot_busy", str(errcode), permanent=False, tries=BUSY_TRIES)
    return SendError(FINAL.get(errcode, "robot_refused"), str(errcode), permanent=True)
