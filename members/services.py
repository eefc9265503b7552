"""Every change of a member that a person or another system asks for."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from accounts.audit import audit_record, changed_fields
from accounts.models import User
from members.models import Member


def members_ensure(*, external_ids: Iterable[str]) -> dict[str, int]:
    """The ids of members by external id; those that do not exist are made, named by it until somebody knows better.

    Two callers that make the same member at once get the same one: the unique external id decides.
    """
    wanted = set(external_ids)
    found = dict(Member.objects.filter(external_id__among=wanted).order_by().values_list("external_id", "pk"))
    missing = sorted(wanted - found.keys())
    if missing:
        Member.objects.bulk_create([Member(external_id=name, name=name) for name in missing], ignore_conflicts=True)
        found.update(Member.objects.filter(external_id__among=missing).order_by().values_list("external_id", "pk"))
    return found


def member_rename(*, by: User, member: Member, name: str) -> Member:
    """Gives a member another name. Raises ValidationError by field."""
    before, after = changed_fields(member, {"name": name.strip()})
    if not after:
        return member
    member.name = after["name"]
    with transaction.atomic():
        member.full_clean()
        member.save(update_fields=["name"])
        audit_record(by=by, action="member.updated", subject=member, before=before, after=after)
    return member
