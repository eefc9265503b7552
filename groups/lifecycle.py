"""How groups go on and end: the stage that analytics finds, and merging one into another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from community_ops.lib.sql import RowStatement
from groups.models import Group, GroupState
from groups.services import group_archive, group_restore

OPEN = (GroupState.FORMING, GroupState.ACTIVE)
_STAGES = RowStatement(
    types=("varchar", "date", "float8", "bigint"),
    sqlite="UPDATE groups_group SET stage = %s, stage_since = %s, noise = %s WHERE id = %s",
    postgresql="UPDATE groups_group SET stage = fresh.stage, stage_since = fresh.since, noise = fresh.noise "
    "FROM {rows} AS fresh(stage, since, noise, id) WHERE groups_group.id = fresh.id",
)


def group_stages_set(*, stages: Sequence[tuple[int, str, date, float]]) -> None:
    """Keeps (group, stage, since, noise) of many groups for the lists. Nobody did it, so no audit entry says so."""
    _STAGES.execute([(stage, since.isoformat(), noise, group) for group, stage, since, noise in stages])


def group_merge(*, by: User, group: Group, into: Group) -> bool:
    """Archives a group in favour of another, where its members are to go. False when it is closed already.

    Raises ValidationError when `into` is the group itself or is closed.
    """
    with transaction.atomic():
        # Both rows, in one order: two merges that cross each other wait, and the second finds its target closed.
        locked = {
            row.pk: row
            for row in Group.objects.select_for_update(no_key=True).filter(pk__in=[group.pk, into.pk]).order_by("pk")
        }
        if group.pk == into.pk or locked[into.pk].state not in OPEN:
            raise ValidationError({"into": _("Choose another group that is open.")})
        if not group_archive(by=by, group=group):
            return False
        Group.objects.filter(pk=group.pk).update(merged_into=into)
        group.merged_into = into
        audit_record(by=by, action="group.merged", subject=group, after={"into": into})
    return True


def group_unmerge(*, by: User, group: Group) -> bool:
    """Undoes group_merge: the group is open again. False when it was not merged, or is not archived any more."""
    with transaction.atomic():
        current = Group.objects.select_for_update(no_key=True).get(pk=group.pk)
        if current.merged_into_id is None or not group_restore(by=by, group=group):
            return False
        Group.objects.filter(pk=group.pk).update(merged_into=None)
        audit_record(by=by, action="group.unmerged", subject=group, before={"into": current.merged_into})
        group.merged_into = None
    return True
