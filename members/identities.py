"""Who is who: external ids lead to members, also those of members who were merged, and not those of the erased."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection

from django.conf import settings

from community_ops.lib.sql import lock_name
from members.privacy.models import Tombstone

# The name of the lock that events and changes of identity meet at; any number that no other lock has.
IDENTITIES = 0x1DE7717E


def lock_identities() -> None:
    """Who is who is being changed: nothing is taken in at the same time. First thing in a transaction."""
    lock_name(IDENTITIES)


def share_identities() -> None:
    """Who is who is being read, and stays so until the end of the transaction. First thing in it."""
    lock_name(IDENTITIES, shared=True)


def tombstone_digest(external_id: str, secret: str = "") -> str:
    """What is kept of the external id of an erased person. Ids are short and could be tried out one by one, so the
    hash is keyed (HMAC-SHA-256, RFC 2104) by SECRET_KEY, which is not in the database. `secret` is an earlier one."""
    key = hashlib.sha256(b"members.tombstone\n" + (secret or settings.SECRET_KEY).encode()).digest()
    return hmac.new(key, external_id.encode(), hashlib.sha256).hexdigest()


def erased_among(external_ids: Collection[str]) -> set[str]:
    """Those of the external ids that belonged to an erased person. Ask for unknown ids only: nobody else's is one."""
    if not external_ids or not Tombstone.objects.exists():
        return set()
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = {tombstone_digest(name, str(secret)): name for secret in secrets for name in external_ids}
    found = Tombstone.objects.filter(digest__among=list(digests)).values_list("digest", flat=True)
    return {digests[digest] for digest in found}
