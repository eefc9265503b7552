"""Personal links, and the devices that they sign in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.http import base36_to_int, int_to_base36

from accounts.audit import audit_record
from accounts.models import User
from groups.models import Group
from members.entry.models import Application, ApplicationState
from members.models import Member
from members.visitors.models import EntryLink, MemberSession, OpenedBy

LINK_LASTS = timedelta(days=14)
DEVICES = 2
SALT = "members.visitors.link"
# 144 bits: what is left of the signature. Nobody tries them all.
SIGNATURE_BYTES = 18
# The time of the last visit is written at most so often: a page is not to cost a write.
SEEN_EVERY = timedelta(hours=1)


def link_make(
    *, by: User | None, now: datetime, member: Member, group: Group | None = None, limit: int = DEVICES
) -> EntryLink:
    """A personal link for a member, which leads to the page of `group`. Who may make it is asked by the caller."""
    with transaction.atomic():
        link = EntryLink.objects.create(
            member=member, group=group, made_by=by, created_at=now, expires_at=now + LINK_LASTS, limit=limit
        )
        audit_record(by=by, action="member.link_made", subject=member, after={"until": link.expires_at})
    return link


def links_make(*, by: User, now: datetime, members: Iterable[Member], group: Group) -> int:
    """Links to a group for those of its members who have none that still signs in; returns how many were made."""
    with transaction.atomic():
        wanted = {member.pk: member for member in members}
        have = EntryLink.objects.usable(now).filter(group=group, member__in=wanted).values_list("member_id", flat=True)
        missing = [member for number, member in wanted.items() if number not in set(have)]
        for member in missing:
            link_make(by=by, now=now, member=member, group=group)
    return len(missing)


def links_end(*, by: User | None, now: datetime, links: QuerySet[EntryLink]) -> int:
    """Ends links before their time; returns how many still signed somebody in. Devices stay signed in."""
    with transaction.atomic():
        ended = 0
        for link in links.usable(now).select_related("member").select_for_update(of=["self"]):  # type: ignore[attr-defined]
            ended += 1
            audit_record(by=by, action="member.link_ended", subject=link.member)
            EntryLink.objects.filter(pk=link.pk).update(ended_at=now)
    return ended


def devices_sign_out(*, by: User | None, now: datetime, members: Iterable[Member], only: int | None = None) -> int:
    """Signs devices of members out, all or `only` one; returns how many."""
    with transaction.atomic():
        ended = 0
        for member in members:
            if count := sessions_end(now=now, member=member, only=only):
                ended += count
                audit_record(by=by, action="member.signed_out", subject=member, after={"devices": count})
    return ended


def _signature(link_id: int, secret: str) -> str:
    signed = salted_hmac(SALT, str(link_id), secret=secret, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(signed[:SIGNATURE_BYTES]).decode()


def link_code(link: EntryLink) -> str:
    """What stands in the address of a personal link."""
    return link_code_of(link.pk)


def link_code_of(link_id: int) -> str:
    return f"{int_to_base36(link_id)}-{_signature(link_id, settings.SECRET_KEY)}"


def link_address(link_id: int) -> str:
    """The whole address of a personal link."""
    return f"{settings.PUBLIC_URL}{reverse('member:link', args=[link_code_of(link_id)])}"


def link_from(code: str, *, now: datetime) -> EntryLink | None:
    """The usable link behind a code, with its member and group; nothing for one that is wrong, spent, old or ended."""
    number, _hyphen, signature = code.partition("-")
    try:
        link_id = base36_to_int(number)
    except ValueError:
        return None
    secrets_known = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if link_id >= 2**63 or not any(
        hmac.compare_digest(signature.encode(), _signature(link_id, str(secret)).encode()) for secret in secrets_known
    ):
        return None
    return EntryLink.objects.usable(now).select_related("member", "group").filter(pk=link_id).first()


def link_use(*, now: datetime, link: EntryLink, device: str) -> str | None:
    """Signs a device in with a personal link: the secret for its cookie, or nothing when the link was used up
    meanwhile (the count and the limit are asked in one UPDATE, so that two devices cannot share the last use)."""
    with transaction.atomic():
        taken = EntryLink.objects.usable(now).filter(pk=link.pk).update(uses=F("uses") + 1, last_used_at=now)
        return session_open(now=now, member=link.member, opened_by=OpenedBy.LINK, device=device) if taken else None


def applications_opening(now: datetime) -> QuerySet[Application]:
    """Approved applications on whose page a device can still be signed in."""
    return Application.objects.filter(
        state=ApplicationState.APPROVED,
        decided_at__gt=now - LINK_LASTS,
        devices__lt=DEVICES,
        member__isnull=False,
        member__erased_at=None,
    )


def application_open(*, now: datetime, application: Application, device: str) -> str | None:
    """Signs the applicant's device in as the member they became: the secret for its cookie, or nothing when that time
    is over. Counted like the uses of a link."""
    with transaction.atomic():
        taken = applications_opening(now).filter(pk=application.pk).update(devices=F("devices") + 1)
        if not taken:
            return None
        member = Member.objects.select_related("merged_into").get(applications=application.pk)
        return session_open(now=now, member=member.merged_into or member, opened_by=OpenedBy.APPLICATION, device=device)


def session_digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def session_open(*, now: datetime, member: Member, opened_by: OpenedBy, device: str) -> str:
    """Signs a device in; returns the secret for its cookie, which is kept nowhere."""
    secret = secrets.token_urlsafe(32)
    MemberSession.objects.create(
        member=member,
        digest=session_digest(secret),
        opened_by=opened_by,
        device=device[:60],
        created_at=now,
        last_seen_at=now,
    )
    return secret


def session_from(secret: str, *, now: datetime) -> MemberSession | None:
    """The live session behind a cookie, with its member (the one that remains, after a merge)."""
    live = MemberSession.objects.live(now).select_related("member__merged_into")
    session = live.filter(digest=session_digest(secret)).first()
    if session is not None and now - session.last_seen_at > SEEN_EVERY:
        MemberSession.objects.filter(pk=session.pk).update(last_seen_at=now)
    return session


def sessions_end(*, now: datetime, member: Member, only: int | None = None) -> int:
    """Signs devices of a member out: all, or one; returns how many."""
    sessions = MemberSession.objects.filter(member=member, ended_at=None)
    if only is not None:
        sessions = sessions.filter(pk=only)
    return sessions.update(ended_at=now)
