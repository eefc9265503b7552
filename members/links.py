"""Personal links: an address that stands for one member in one group, which nobody can guess.

The link is signed with the token of the group's member page, so a new address of that page ends all links with it.
"""

from __future__ import annotations

import base64
import hmac

from django.conf import settings
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.http import base36_to_int, int_to_base36

from members.models import Membership

SALT = "members.links"
# 144 bits: what is left of the signature. Nobody tries them all.
SIGNATURE_BYTES = 18


def _signature(membership_id: int, page_token: str, secret: str) -> str:
    signed = salted_hmac(SALT, f"{membership_id}:{page_token}", secret=secret, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(signed[:SIGNATURE_BYTES]).decode()


def membership_token(membership: Membership) -> str:
    """What stands in a personal link. Reads the membership's group."""
    signature = _signature(membership.pk, membership.group.page_token, settings.SECRET_KEY)
    return f"{int_to_base36(membership.pk)}-{signature}"


def membership_link(membership: Membership) -> str:
    """The whole address of the page on which this member reads the rules of this group."""
    return f"{settings.PUBLIC_URL}{reverse('member:rules', args=[membership_token(membership)])}"


def membership_from(token: str) -> Membership | None:
    """The membership that a link stands for, with its member and group; nothing when the link is wrong or was ended."""
    number, _hyphen, signature = token.partition("-")
    try:
        membership_id = base36_to_int(number)
    except ValueError:
        return None
    found = Membership.objects.select_related("member", "group__branch", "group__rule_set").filter(pk=membership_id)
    membership = found.first() if membership_id < 2**63 else None
    if membership is None:
        return None
    expected = (
        _signature(membership.pk, membership.group.page_token, str(secret))
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )
    return membership if any(hmac.compare_digest(signature, right) for right in expected) else None
