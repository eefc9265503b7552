"""Every change of destinations and deliveries."""

from __future__ import annotations

from delivery.services.destinations import destination_create, destination_enable, destination_update
from delivery.services.dispatching import Dispatched, dispatch
from delivery.services.pictures import picture_create, picture_keep, pictures_sweep
from delivery.services.planning import (
    NOT_BEGUN,
    ORDERED_BY_HAND,
    Content,
    NewDelivery,
    deliveries_cancel,
    deliveries_drop,
    deliveries_forget,
    deliveries_leave_out,
    deliveries_plan,
    deliveries_reword,
    delivery_mark_sent,
    delivery_send_now,
    delivery_skip,
    message_create,
)
from delivery.services.quota import quota_release, quota_take
from delivery.services.sending import deliver, deliver_all

__all__ = [
    "NOT_BEGUN",
    "ORDERED_BY_HAND",
    "Content",
    "Dispatched",
    "NewDelivery",
    "deliver",
    "deliver_all",
    "deliveries_cancel",
    "deliveries_drop",
    "deliveries_forget",
    "deliveries_leave_out",
    "deliveries_plan",
    "deliveries_reword",
    "delivery_mark_sent",
    "delivery_send_now",
    "delivery_skip",
    "destination_create",
    "destination_enable",
    "destination_update",
    "dispatch",
    "message_create",
    "picture_create",
    "picture_keep",
    "pictures_sweep",
    "quota_release",
    "quota_take",
]
