"""What the variables of posts stand for in a group."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from community_ops.lib.variables import filled
from delivery.models import Delivery
from delivery.services import Content
from groups.models import Group

GROUP_VARIABLES: dict[str, Promise] = {
    "group": gettext_lazy("the name of the group"),
    "purpose": gettext_lazy("what the group is for"),
    "promise": gettext_lazy("what members get for staying"),
    "slogan": gettext_lazy("the slogan of the group"),
    "members": gettext_lazy("how many members the group has"),
    "date": gettext_lazy("the day on which it is sent"),
}


def group_values(group: Group, now: datetime) -> dict[str, str]:
    """What each of GROUP_VARIABLES stands for in a group at `now`."""
    return {
        "group": group.name,
        "purpose": group.purpose,
        "promise": group.promise,
        "slogan": group.slogan,
        "members": str(group.member_count),
        "date": f"{timezone.localdate(now):%Y-%m-%d}",
    }


def fill_for_group(delivery: Delivery, now: datetime) -> Content:
    """The filler of campaigns: the message of a delivery as its group reads it."""
    message = delivery.message
    values = group_values(Group.objects.get(pk=delivery.group_id), now)
    return Content(
        title=filled(message.title, values)[:200],
        text=filled(message.text, values),
        link=message.link,
        link_title=message.link_title,
        picture_id=message.picture_id,
        value=message.value,
        piece_id=message.piece_id,
    )
