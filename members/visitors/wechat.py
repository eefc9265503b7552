"""Members as WeChat knows them. People are linked by unionid or openid, never by a name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from accounts.audit import audit_record
from community_ops.lib.wechat_oauth import Person
from members.models import EntryLink, IdentityKind, Member, MemberIdentity, OpenedBy
from members.visitors.services import link_use, session_open

if TYPE_CHECKING:
    from members.entry.models import Application


class IdentityTakenError(Exception):
    """The identity is that of another member, or the member has another identity of this kind."""


def _ids(person: Person) -> Iterator[tuple[str, str, str]]:
    """(kind, scope, value), the one that holds everywhere first."""
    if person.unionid:
        yield IdentityKind.UNIONID, "", person.unionid
    yield IdentityKind.OA_OPENID, person.app_id, person.openid


def member_of(person: Person) -> Member | None:
    """The member whom WeChat means; of one who was merged, the one that remains."""
    if person.is_snapshot:
        return None
    for kind, scope, value in _ids(person):
        rows = MemberIdentity.objects.select_related("member__merged_into").filter(kind=kind, scope=scope, value=value)
        found = rows.first()
        if found is not None:
            return found.member.merged_into or found.member
    return None


def identities_attach(*, now: datetime, member: Member, person: Person) -> int:
    """Keeps that this member is that person; returns how many identities were new. Raises IdentityTakenError, and keeps
    nothing then. A made-up identity of WeChat is never anybody's."""
    if person.is_snapshot:
        raise IdentityTakenError
    new = 0
    with transaction.atomic():
        # Two devices that attach at once wait for each other here.
        member = Member.objects.select_for_update(no_key=True).get(pk=member.pk)
        if member.erased_at:
            raise IdentityTakenError
        for kind, scope, value in _ids(person):
            held = list(MemberIdentity.objects.filter(member=member, kind=kind, scope=scope).values_list("value"))
            if (value,) in held:
                continue
            if held:
                raise IdentityTakenError
            try:
                with transaction.atomic():
                    MemberIdentity.objects.create(member=member, kind=kind, scope=scope, value=value, created_at=now)
            except IntegrityError:
                raise IdentityTakenError from None
            new += 1
        if new:
            audit_record(by=None, action="member.identity_attached", subject=member)
    return new


def wechat_sign_in(*, now: datetime, person: Person, device: str) -> str | None:
    """Signs a device in as the member whom WeChat means: the secret for its cookie, or nothing for a stranger. What is
    new about them, as the openid of another account under a known unionid, is kept."""
    with transaction.atomic():
        member = member_of(person)
        if member is None or member.erased_at:
            return None
        try:
            with transaction.atomic():
                identities_attach(now=now, member=member, person=person)
        except IdentityTakenError:
            # By unionid it is this member; that the openid says otherwise is for people to look at.
            audit_record(by=None, action="member.identity_differs", subject=member)
        return session_open(now=now, member=member, opened_by=OpenedBy.WECHAT, device=device)


def wechat_link_use(*, now: datetime, link: EntryLink, person: Person, device: str) -> str | None:
    """Signs a device in with a personal link and keeps whose it is. Nothing when the link was used up meanwhile; raises
    IdentityTakenError when the link was made for another person: it was passed on."""
    with transaction.atomic():
        known = member_of(person)
        if known is not None and known != link.member:
            raise IdentityTakenError
        identities_attach(now=now, member=link.member, person=person)
        secret = link_use(now=now, link=link, device=device)
        if secret is None:
            transaction.set_rollback(True)
    return secret


def as_kept(person: Person) -> dict[str, str]:
    """A person as an application carries them until it is approved; nothing of a made-up one."""
    return {} if person.is_snapshot else {"app_id": person.app_id, "openid": person.openid, "unionid": person.unionid}


def wechat_approved(*, now: datetime, application: Application, member: Member) -> None:
    """An applicant came in: the WeChat they applied with is theirs, unless it is somebody else's already."""
    if application.wechat:
        try:
            identities_attach(now=now, member=member, person=Person(**application.wechat))
        except IdentityTakenError:
            audit_record(by=None, action="member.identity_differs", subject=member)
