"""What the variables of posts stand for: in a group, or, in a text said to one person, for a member of it."""

from __future__ import annotations

from datetime import datetime

from django.utils import formats, timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext

from community_ops.lib.languages import language_of
from community_ops.lib.variables import filled
from delivery.models import Delivery, Message
from delivery.services import Content
from groups.models import Group
from members.models import Member

GROUP_VARIABLES: dict[str, Promise] = {
    "group": gettext_lazy("the name of the group"),
    "purpose": gettext_lazy("what the group is for"),
    "promise": gettext_lazy("what members get for staying"),
    "slogan": gettext_lazy("the slogan of the group"),
    "members": gettext_lazy("how many members the group has"),
    "date": gettext_lazy("the day on which it is sent"),
    "weekday": gettext_lazy("the day of the week on which it is sent"),
}
# In texts that are said to one person.
PERSONAL_VARIABLES: dict[str, Promise] = {"name": gettext_lazy("the member, by name"), **GROUP_VARIABLES}


def group_values(group: Group, now: datetime, text: str = "") -> dict[str, str]:
    """What each of GROUP_VARIABLES stands for in a group at `now`; days are said in the language of `text`."""
    today = timezone.localdate(now)
    with translation.override(language_of(text)):
        day = formats.date_format(today, pgettext("date format of messages", "j F"))
        weekday = formats.date_format(today, "l")
    return {
        "group": group.name,
        "purpose": group.purpose,
        "promise": group.promise,
        "slogan": group.slogan,
        "members": str(group.member_count),
        "date": day,
        "weekday": weekday,
    }


def personal_values(member: Member, group: Group, now: datetime, text: str = "") -> dict[str, str]:
    """What each of PERSONAL_VARIABLES stands for when the text is said to a member of the group."""
    return {"name": member.name, **group_values(group, now, text)}


def fill_for_group(delivery: Delivery, now: datetime) -> Content:
    """The filler of campaigns: the message of a delivery as its group reads it."""
    return as_group_reads(delivery.message, Group.objects.get(pk=delivery.group_id), now)


def as_group_reads(message: Message | Content, group: Group, now: datetime) -> Content:
    """A message with its variables filled in for a group."""
    values = group_values(group, now, message.title + message.text)
    return Content(
        title=filled(message.title, values)[:200],
        text=filled(message.text, values),
        link=message.link,
        link_title=message.link_title,
        picture_id=message.picture_id,
        value=message.value,
        piece_id=message.piece_id,
    )
