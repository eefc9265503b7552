"""Every change of a member that a person or another system asks for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import User
from members.fields.values import fields_clean
from members.identities import erased_among, share_identities
from members.models import FieldDefinition, Member


def members_ensure(*, external_ids: Iterable[str]) -> dict[str, int]:
    """The ids of members by external id; those that do not exist are made, named by it until somebody knows better.

    The id of a member who was merged leads to the other one; that of a person who was erased is left out.
    Two callers that make the same member at once get the same one: the unique external id decides.
    """
    wanted = set(external_ids)
    who = Coalesce("merged_into_id", "pk")
    known = Member.objects.order_by().annotate(who=who)
    found = dict(known.filter(external_id__among=wanted).values_list("external_id", "who"))
    missing = sorted(wanted - found.keys())
    missing = sorted(set(missing) - erased_among(missing))
    if missing:
        Member.objects.bulk_create([Member(external_id=name, name=name) for name in missing], ignore_conflicts=True)
        found.update(known.filter(external_id__among=missing).values_list("external_id", "who"))
    return found


EDITED = ("name", "contact", "identity", "grade_id", "no_marketing")


class StaleMember(Exception):
    """Somebody else changed the member since the form was opened; `member` is how they stand now."""

    def __init__(self, member: Member) -> None:
        super().__init__(member.pk)
        self.member = member


class MemberGone(Exception):
    """The member was merged or erased in the meantime."""


def member_version(member: Member) -> str:
    """A short fingerprint of what people edit. Forms carry it, so that nobody saves over a change they never saw."""
    values = [*(str(getattr(member, name)) for name in EDITED), json.dumps(member.fields, sort_keys=True)]
    return hashlib.sha256("\x1f".join(values).encode()).hexdigest()[:16]


def member_create(
    *, by: User, external_id: str, name: str, fields: dict[str, Any] | None = None, **values: Any
) -> Member:
    """Adds a member. Raises ValidationError by field, also for a known id and for that of an erased person."""
    external_id = external_id.strip()
    definitions = FieldDefinition.objects.visible_to(by).in_use()
    member = Member(external_id=external_id, name=name.strip(), **values)
    member.fields = _own_fields(definitions, fields or {}, {}, complete=True)
    with transaction.atomic():
        # Nobody is erased between the question and the answer.
        share_identities()
        if erased_among([external_id]):
            refused = ValidationError(_("This person was erased and is not taken in again."), "erased_member")
            raise ValidationError({"external_id": refused})
        member.full_clean()
        member.save()
        audit_record(by=by, action="member.created", subject=member, after={"name": member.name})
    return member


def member_update(
    *,
    by: User | None,
    member: Member,
    changes: dict[str, Any],
    fields: dict[str, Any] | None = None,
    version: str = "",
    complete: bool = False,
) -> Member:
    """Changes what people may change of a member (EDITED), and own fields by key; an empty value takes one away.
    `by` empty: the member corrects it, and of the own fields only those that members may.

    With `version` (of member_version) the change is refused when somebody else was quicker: StaleMember. `complete`
    says that required fields must be there. Raises ValidationError by field ("fields.<key>" for own ones), MemberGone.
    """
    with transaction.atomic():
        current = Member.objects.select_for_update().get(pk=member.pk)
        if current.erased_at or current.merged_into_id:
            raise MemberGone
        if version and version != member_version(current):
            raise StaleMember(current)
        wanted = dict(changes)
        definitions = list(fields_open_to(by)) if fields is not None else []
        if fields is not None:
            wanted["fields"] = _own_fields(definitions, fields, current.fields, complete=complete)
        before, after = changed_fields(current, wanted)
        if not after:
            return current
        for name, value in after.items():
            setattr(current, name, value)
        current.full_clean()
        current.save(update_fields=list(after))
        if "fields" in after:
            old, new = before.pop("fields"), after.pop("fields")
            # By the names that people know the fields by.
            for definition in definitions:
                if old.get(definition.key) != new.get(definition.key):
                    before[definition.label], after[definition.label] = old.get(definition.key), new.get(definition.key)
        action = "member.updated" if by else "member.corrected"
        audit_record(by=by, action=action, subject=current, before=before, after=after)
    return current


def fields_open_to(by: User | None) -> QuerySet[FieldDefinition]:
    """The own fields that a person of the staff fills in, or with nobody given the member."""
    if by is None:
        return FieldDefinition.objects.in_use().filter(member_edits=True)
    return FieldDefinition.objects.visible_to(by).in_use()


def member_marketing_set(*, by: User | None, member: Member, no_marketing: bool) -> None:
    """Notes the member's word about advertising."""
    member_update(by=by, member=member, changes={"no_marketing": no_marketing})


def _own_fields(
    definitions: Iterable[FieldDefinition], sent: dict[str, Any], kept: dict[str, Any], *, complete: bool
) -> dict[str, Any]:
    try:
        return fields_clean(definitions, sent, kept, complete=complete)
    except ValidationError as error:
        raise ValidationError({f"fields.{key}": items for key, items in error.error_dict.items()}) from error
