"""The code at the door: what stands in a QR code that changes every minute, and what a member holds once they scanned
it. Both are signed; neither is kept."""

from __future__ import annotations

import base64
import hmac
from datetime import datetime

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.http import base36_to_int, int_to_base36

# How long one code is shown, and how many of them are taken: somebody scans in the last second of one.
WINDOW = 60
ACCEPTED = 2
# From having scanned to pressing the button.
HELD_FOR = 10 * 60
SALT = "campaigns.activities.codes"
SIGNATURE_BYTES = 12


def _signature(text: str, secret: str) -> str:
    signed = salted_hmac(SALT, text, secret=secret, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(signed[:SIGNATURE_BYTES]).decode()


def _is_signed(text: str, signature: str) -> bool:
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(
        hmac.compare_digest(signature.encode("utf-8", "replace"), _signature(text, str(secret)).encode())
        for secret in secrets
    )


def code_for(activity_id: int, now: datetime) -> str:
    """What stands in the QR code of an activity at `now`."""
    window = int(now.timestamp()) // WINDOW
    said = f"{int_to_base36(activity_id)}-{int_to_base36(window)}"
    return f"{said}-{_signature(f'code {said}', settings.SECRET_KEY)}"


def seconds_left(now: datetime) -> int:
    """For how long the code of `now` is still shown."""
    return WINDOW - int(now.timestamp()) % WINDOW


def activity_of_code(code: str, now: datetime) -> int | None:
    """The activity that a code leads to; nothing for one that is old, from the future, or made up."""
    activity, _dash, rest = code.partition("-")
    window, _dash, signature = rest.partition("-")
    try:
        activity_id, shown = base36_to_int(activity), base36_to_int(window)
    except ValueError:
        return None
    current = int(now.timestamp()) // WINDOW
    if activity_id >= 2**63 or not current - ACCEPTED < shown <= current:
        return None
    return activity_id if _is_signed(f"code {activity}-{window}", signature) else None


def ticket_for(activity_id: int, member_id: int, now: datetime) -> str:
    """What a member holds who scanned a good code: it outlives the code, and is nobody else's."""
    said = f"{int_to_base36(activity_id)}-{int_to_base36(int(now.timestamp()))}"
    return f"{said}-{_signature(f'ticket {said} {member_id}', settings.SECRET_KEY)}"


def activity_of_ticket(ticket: str, member_id: int, now: datetime) -> int | None:
    """The activity of a ticket that this member holds; nothing for somebody else's, an old or a made-up one."""
    activity, _dash, rest = ticket.partition("-")
    made, _dash, signature = rest.partition("-")
    try:
        activity_id, made_at = base36_to_int(activity), base36_to_int(made)
    except ValueError:
        return None
    if activity_id >= 2**63 or not 0 <= now.timestamp() - made_at < HELD_FOR:
        return None
    return activity_id if _is_signed(f"ticket {activity}-{made} {member_id}", signature) else None
