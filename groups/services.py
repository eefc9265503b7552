"""Every change of a group."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import AuditEntry, Branch, User
from groups.models import Group, GroupState, GroupTag
from groups.roles.models import Permission
from groups.roles.permissions import may

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
AUDIENCE = ("audience_tier", "audience_identity", "audience_grade")
# What must be written down before the team opens a group; other systems need a motivation and a purpose only.
WHOLE_POSITIONING = ("motivation", *(name for name in POSITIONING if name not in ("motivation", "community_type")))
EDITED = (
    "name",
    "branch_id",
    "capacity",
    *POSITIONING,
    "audience_tier",
    "audience_identity",
    "audience_grade_id",
    "keeps_messages",
    "rule_set_id",
)


class StaleGroup(Exception):
    """Somebody else changed the group since the form was opened; `group` is how it stands now."""

    def __init__(self, group: Group) -> None:
        super().__init__(group.pk)
        self.group = group


def group_create(
    *,
    by: User | None,
    now: datetime,
    external_id: str,
    name: str,
    branch: Branch | None = None,
    opens: bool = True,
    tags: Iterable[str] = (),
    **fields: Any,
) -> Group:
    """Makes a group. With a motivation and a purpose it is active at once, unless `opens` is False; otherwise forming.

    `tags` are names. Raises ValidationError by field, also when the external id is taken.
    """
    group = Group(external_id=external_id, name=name, branch=branch, **fields)
    if opens:
        _settle_state(group, now)
    with transaction.atomic():
        group.full_clean()
        _check_rule_set(group)
        group.save()
        if tags:
            group.tags.set(tags_named(names=tags, branch=by.branch if by else None))
        audit_record(by=by, action="group.created", subject=group, after={"name": name, "state": group.state})
    return group


def group_version(group: Group) -> str:
    """A short fingerprint of what people edit. Forms carry it, so that nobody saves over a change they never saw."""
    values = [str(getattr(group, name)) for name in EDITED]
    values += group.tags.order_by("name").values_list("name", flat=True)
    return hashlib.sha256("\x1f".join(values).encode()).hexdigest()[:16]


def positioning_missing(group: Group) -> list[str]:
    """The fields that are still empty and must not be when the team opens the group."""
    return [name for name in WHOLE_POSITIONING if not getattr(group, name)]


# Which rules a group follows, and whether texts are kept to be judged by them.
OF_MODERATORS = frozenset({"rule_set", "rule_set_id", "keeps_messages"})


def group_update(
    *, by: User, now: datetime, group: Group, changes: dict[str, Any], version: str = "", opens: bool = True
) -> Group:
    """Changes fields of a group; with `opens` a forming group that now says what it is for becomes active.

    An active group cannot lose its motivation or purpose. With `version` (of group_version) the change is refused when
    somebody else was quicker. Raises ValidationError by field, StaleGroup for the latter, PermissionDenied where
    only moderators of the group decide (OF_MODERATORS); `group` is then unchanged.
    """
    with transaction.atomic():
        current = Group.objects.select_for_update(no_key=True).get(pk=group.pk)
        if version and version != group_version(current):
            raise StaleGroup(current)
        before, after = changed_fields(current, changes)
        if after.keys() & OF_MODERATORS and not may(by, Permission.MODERATE, current):
            raise PermissionDenied
        if not after and not (opens and current.state == GroupState.FORMING):
            return current
        for name, value in after.items():
            setattr(current, name, value)
        if current.state == GroupState.ACTIVE and not current.is_positioned:
            missing = "motivation" if not current.motivation else "purpose"
            raise ValidationError({missing: _("An active group keeps its motivation and purpose. Archive it first.")})
        forming = current.state == GroupState.FORMING
        if opens:
            _settle_state(current, now)
        current.full_clean()
        _check_rule_set(current)
        current.save(update_fields=[*after, "state", "opened_at"])
        if after:
            audit_record(by=by, action="group.updated", subject=current, before=before, after=after)
        if forming and current.state == GroupState.ACTIVE:
            audit_record(by=by, action="group.opened", subject=current, after={"state": current.state})
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
    # A group that was still forming when it was closed is not opened by the way.
    last = AuditEntry.objects.filter(
        subject_type="groups.group", subject_id=group.pk, action="group.archived"
    ).order_by("-at", "-pk")
    was_forming = (last.values_list("before__state", flat=True).first() or "") == GroupState.FORMING
    state = GroupState.ACTIVE if group.is_positioned and not was_forming else GroupState.FORMING
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


def tags_named(*, names: Iterable[str], branch: Branch | None) -> list[GroupTag]:
    """The tags with these names: shared ones or the branch's own; those that are missing are made for `branch` (none:
    shared by all). Raises ValidationError for a name that is too long."""
    wanted = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if any(len(name) > 40 for name in wanted):
        raise ValidationError({"tags": _("A tag has at most 40 characters.")})
    within = Q(branch=None) | Q(branch=branch) if branch else Q(branch=None)
    known = {tag.name: tag for tag in GroupTag.objects.filter(within, name__in=wanted).order_by("branch_id")}
    for name in wanted:
        if name not in known:
            known[name], _made = GroupTag.objects.get_or_create(name=name, branch=branch)
    return [known[name] for name in wanted]


def group_tags_change(
    *, by: User, group: Group, add: Iterable[GroupTag] = (), remove: Iterable[GroupTag] = ()
) -> tuple[list[int], list[int]]:
    """Puts tags on and takes tags off; answers with the ids of those that were really put on and taken off."""
    with transaction.atomic():
        Group.objects.select_for_update(no_key=True).get(pk=group.pk)
        held = set(group.tags.values_list("pk", flat=True))
        added = [tag for tag in add if tag.pk not in held]
        removed = [tag for tag in remove if tag.pk in held]
        group.tags.add(*added)
        group.tags.remove(*removed)
        if added or removed:
            audit_record(
                by=by,
                action="group.tagged",
                subject=group,
                before={"tags": [tag.name for tag in removed]} if removed else None,
                after={"tags": [tag.name for tag in added]} if added else None,
            )
    return [tag.pk for tag in added], [tag.pk for tag in removed]


def group_tags_set(*, by: User, group: Group, names: Iterable[str]) -> None:
    """Gives a group exactly the tags of these names. Tags of other branches that headquarters put on are kept."""
    wanted = tags_named(names=names, branch=by.branch)
    seen = group.tags.filter(Q(branch=None) | Q(branch=by.branch)) if by.branch_id else group.tags.all()
    group_tags_change(by=by, group=group, add=wanted, remove=[tag for tag in seen if tag not in wanted])


def _check_rule_set(group: Group) -> None:
    if group.rule_set and group.rule_set.branch_id not in (None, group.branch_id):
        raise ValidationError({"rule_set": _("These rules belong to another branch.")})


def _settle_state(group: Group, now: datetime) -> None:
    if group.state == GroupState.FORMING and group.is_positioned:
        group.state = GroupState.ACTIVE
        group.opened_at = group.opened_at or now
