"""An HTTP POST by Standard Webhooks. The receiver knows a repeated request by its webhook-id."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from community_ops.lib import http, signing
from delivery.adapters.base import Outgoing, SendError


class Webhook:
    idempotent = True

    def send(self, outgoing: Outgoing) -> None:
        if not outgoing.secret:
            raise SendError("no_secret", permanent=True)
        body = json.dumps(
            {
                "group": outgoing.group_ref,
                "title": outgoing.title,
                "text": outgoing.text,
                "link": outgoing.link,
                "link_title": outgoing.link_title,
                "picture": outgoing.picture_url,
                "post": outgoing.post_id,
                "due_at": outgoing.due_at.isoformat(),
            },
            ensure_ascii=False,
        ).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": outgoing.webhook_id,
            **signing.headers(secret=outgoing.secret, message_id=outgoing.webhook_id, now=outgoing.now, body=body),
        }
        try:
            answer = http.send("POST", outgoing.url, headers=headers, body=body, keep_alive=True)
        except http.OutboundError as error:
            raise SendError(error.code, error.host, permanent=error.permanent) from error
        if not 200 <= answer.status < 300:
            raise _refusal(answer, outgoing.now)


def _refusal(answer: http.Answer, now: datetime) -> SendError:
    status = answer.status
    if status == 410:
        return SendError("gone", permanent=True, switch_off=True)
    if status == 429:
        return SendError("slow_down", permanent=False, retry_after=_retry_after(answer, now))
    if status >= 500:
        return SendError("receiver_fault", str(status), permanent=False, retry_after=_retry_after(answer, now))
    if 300 <= status < 400:
        return SendError("redirected", str(status), permanent=True)
    return SendError("refused", str(status), permanent=True)


def _retry_after(answer: http.Answer, now: datetime) -> float | None:
    """Seconds to wait as the receiver asks, given as a number or as a date; None when it does not say."""
    given = answer.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return float(given[:9])
    try:
        at = parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())
