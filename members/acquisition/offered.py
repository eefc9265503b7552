"""Which channels a person may be told of."""

from __future__ import annotations

from collections.abc import Callable, Collection

from django.db.models import Q, QuerySet

from accounts.models import User
from activity.models import Channel
from members.acquisition.models import ChannelSpend

_HEARD: list[Callable[[User], Collection[int]]] = []


def heard_register(heard: Callable[[User], Collection[int]]) -> None:
    """`heard` says, by number, which channels anything came by that somebody of a branch may see."""
    _HEARD.append(heard)


def channels_offered(by: User) -> QuerySet[Channel]:
    """What may be named to this person: a branch does not hear of channels that only others use, so it is those that
    something of its own came by, and those that it spent on."""
    found = Channel.objects.order_by("code")
    if by.is_headquarters:
        return found
    heard = {number for told in _HEARD for number in told(by)}
    spent = ChannelSpend.objects.visible_to(by).order_by().values("channel")
    return found.filter(Q(pk__among=sorted(heard)) | Q(pk__in=spent))
