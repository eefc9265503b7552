"""A delivery is counted on the day's quota of its group, once, in the moment before it leaves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.db import transaction
from django.db.models import F

from delivery.models import Delivery, GroupDay, State


def quota_take(*, delivery_id: int, group_id: int, day: date, limit: int | None) -> bool:
    """Counts a delivery on `day`; False when the group has had its `limit` (None: there is none).

    Counted already, it is not counted again: a retry costs nothing. Both rows move by an UPDATE that names what must
    still hold, so of many workers at once none exceeds the limit.
    """
    GroupDay.objects.bulk_create([GroupDay(group_id=group_id, day=day)], ignore_conflicts=True)
    with transaction.atomic():
        if not Delivery.objects.filter(pk=delivery_id, counted_on=None).update(counted_on=day):
            return True
        row = GroupDay.objects.filter(group_id=group_id, day=day)
        if limit is not None:
            row = row.filter(used__lt=limit)
        if not row.update(used=F("used") + 1):
            transaction.set_rollback(True)
            return False
    return True


def quota_release(*, ids: Iterable[int]) -> None:
    """Gives back what was counted for deliveries that did not leave after all."""
    over = Delivery.objects.filter(state__in=[State.FAILED, State.SKIPPED, State.CANCELLED], retry_at=None)
    counted = over.filter(counted_on__isnull=False, pk__in=list(ids))
    for pk, group, day in list(counted.values_list("pk", "group_id", "counted_on")):
        assert day is not None
        with transaction.atomic():
            if over.filter(pk=pk, counted_on=day).update(counted_on=None):
                GroupDay.objects.filter(group_id=group, day=day, used__gt=0).update(used=F("used") - 1)
