"""Every change of a group."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import Branch, User
from groups.models import Group, GroupState

POSITIONING = (
    "motivation",
    "community_type",
    "purpose",
    "pain_point",
    "usage_scene",
    "promise",
    "slogan",
    "internal_slogan",
)
EDITED = ("name", "branch_id", "capacity", *POSITIONING)


class StaleGroup(Exception):
    """Somebody else changed the group since the form was opened; `group` is how it stands now."""

    def __init__(self, group: Group) -> None:
        super().__init__(group.pk)
        self.group = group


def group_create(
    *, by: User | None, now: datetime, external_id: str, name: str, branch: Branch | None = None, **fields: Any
) -> Group:
    """Makes a group. With a motivation and a purpose it is active at once, otherwise it is forming.

    Raises ValidationError by field, also when the external id is taken.
    """
    group = Group(external_id=external_id, name=name, branch=branch, **fields)
    _settle_state(group, now)
    with transaction.atomic():
        group.full_clean()
        group.save()
        audit_record(by=by, action="group.created", subject=group, after={"name": name, "state": group.state})
    return group


def group_version(group: Group) -> str:
    """A short fingerprint of what people edit. Forms carry it, so that nobody saves over a change they never saw."""
    values = [str(getattr(group, name)) for name in EDITED]
    return hashlib.sha256("\x1f".join(values).encode()).hexdigest()[:16]


def group_update(*, by: User, now: datetime, group: Group, changes: dict[str, Any], version: str = "") -> Group:
    """Changes fields of a group; a forming group that now says what it is for becomes active.

    An active group cannot lose its motivation or purpose. With `version` (of group_version) the change is refused when
    somebody else was quicker. Raises ValidationError by field, StaleGroup for the latter; `group` is then unchanged.
    """
    with transaction.atomic():
        current = Group.objects.select_for_update(no_key=True).get(pk=group.pk)
        if version and version != group_version(current):
            raise StaleGroup(current)
        before, after = changed_fields(current, changes)
        if not after:
            return current
        for name, value in after.items():
            setattr(current, name, value)
        if current.state == GroupState.ACTIVE and not current.is_positioned:
            missing = "motivation" if not current.motivation else "purpose"
            raise ValidationError({missing: _("An active group keeps its motivation and purpose. Archive it first.")})
        _settle_state(current, now)
        current.full_clean()
        current.save(update_fields=[*after, "state", "opened_at"])
        audit_record(by=by, action="group.updated", subject=current, before=before, after=after)
    for name in (*after, "state", "opened_at"):
        setattr(group, name, getattr(current, name))
    return group


def group_archive(*, by: User, group: Group) -> bool:
    """Closes a group for posts; its history stays. False when there is nothing to close: archived, or dismissed."""
    with transaction.atomic():
        changed = Group.objects.filter(pk=group.pk).open().update(state=GroupState.ARCHIVED)
        if changed:
            audit_record(by=by, action="group.archived", subject=group, before={"state": group.state})
            group.state = GroupState.ARCHIVED
    return bool(changed)


def group_restore(*, by: User, group: Group) -> bool:
    """Undoes group_archive. False when the group was not archived."""
    state = GroupState.ACTIVE if group.is_positioned else GroupState.FORMING
    with transaction.atomic():
        changed = Group.objects.filter(pk=group.pk, state=GroupState.ARCHIVED).update(state=state)
        if changed:
            audit_record(by=by, action="group.restored", subject=group, after={"state": state})
            group.state = state
    return bool(changed)


def groups_ensure(*, external_ids: Iterable[str], branch: Branch | None, now: datetime) -> dict[str, int]:
    """The ids of groups by external id; those that do not exist are made, forming, in `branch`.

    Two callers that make the same group at once get the same one: the unique external id decides.
    """
    wanted = set(external_ids)
    found = dict(Group.objects.filter(external_id__among=wanted).values_list("external_id", "pk"))
    missing = sorted(wanted - found.keys())
    if missing:
        Group.objects.bulk_create(
            [Group(external_id=name, name=name[:120], branch=branch, opened_at=now) for name in missing],
            ignore_conflicts=True,
        )
        found.update(Group.objects.filter(external_id__among=missing).values_list("external_id", "pk"))
    return found


def _settle_state(group: Group, now: datetime) -> None:
    if group.state == GroupState.FORMING and group.is_positioned:
        group.state = GroupState.ACTIVE
        group.opened_at = group.opened_at or now
