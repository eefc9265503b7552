"""Where a group's messages go, and whether they may go there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from accounts.audit import audit_record
from accounts.models import User
from delivery.models import Delivery, Kind
from delivery.services import NOT_BEGUN, destination_create, destination_enable, destination_update
from groups.models import Group, GroupState, new_page_token


def group_set_channel(*, by: User | None, group: Group, kind: str, url: str = "", secret: str = "") -> Group:
    """Decides where a group's messages go; what is planned goes the new way.

    An empty secret keeps the one there is, or makes one. Raises ValidationError by field.
    """
    before = {"kind": group.destination.kind, "url": group.destination.url} if group.destination else {}
    with transaction.atomic():
        if group.destination:
            destination_update(destination=group.destination, kind=kind, url=url, secret=secret)
        else:
            group.destination = destination_create(kind=kind, url=url, secret=secret)
            group.save(update_fields=["destination"])
            Delivery.objects.filter(NOT_BEGUN, group_id=group.pk, destination=None).update(
                destination=group.destination, kind=kind
            )
        after = {"kind": group.destination.kind, "url": group.destination.url, "new_secret": bool(secret)}
        audit_record(by=by, action="group.channel_changed", subject=group, before=before, after=after)
    return group


def group_enable_channel(*, by: User, group: Group) -> bool:
    """Switches a group's channel on again that its receiver had switched off. False when the group has none."""
    if group.destination is None:
        return False
    with transaction.atomic():
        destination_enable(destination=group.destination)
        audit_record(by=by, action="group.channel_enabled", subject=group)
    return True


def group_renew_page(*, by: User, group: Group) -> Group:
    """Gives the member page a new address; the old one, and every code printed with it, leads nowhere from now on."""
    group.page_token = new_page_token()
    with transaction.atomic():
        group.save(update_fields=["page_token"])
        audit_record(by=by, action="group.page_renewed", subject=group)
    return group


def channel_kind(group: Group) -> str:
    """The kind of a group's channel: the member page unless something else was set."""
    return group.destination.kind if group.destination else Kind.INAPP


def refuse_closed_groups(deliveries: Sequence[Delivery], now: datetime) -> dict[int, str]:
    """The guard of groups: nothing is sent to a group that was closed since it was planned."""
    ids = {delivery.group_id for delivery in deliveries}
    active = set(Group.objects.filter(pk__in=ids, state=GroupState.ACTIVE).values_list("pk", flat=True))
    return {delivery.pk: "group_closed" for delivery in deliveries if delivery.group_id not in active}
