"""What a group will read of an occurrence, filled in as it will be when it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from accounts.models import User
from campaigns.calendar.selectors import deliveries_of
from campaigns.content.variables import as_group_reads
from campaigns.models import Occurrence
from campaigns.posts.occurrences import words_of
from delivery.models import Delivery, Message, Picture
from groups.models import Group

GROUPS_SHOWN = 100
NAMED = 8


@dataclass(frozen=True)
class Reading:
    """A message as one group reads it."""

    title: str
    text: str
    link: str
    link_title: str
    picture: Picture | None
    value: str
    filled: bool

    @property
    def picture_url(self) -> str:
        return reverse("member:picture", args=[self.picture.token]) if self.picture else ""


@dataclass(frozen=True)
class Groups:
    """The groups that an occurrence goes to: the first of them by name, and how many there are."""

    shown: Sequence[Group]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.shown)

    @property
    def beyond(self) -> int:
        """How many are not named in a short list."""
        return self.count - NAMED


def groups_of(user: User, occurrence: Occurrence) -> Groups:
    ids = deliveries_of(user, occurrence).values("group_id")
    groups = Group.objects.visible_to(user).filter(pk__in=ids).order_by("name", "pk")
    shown = list(groups[: GROUPS_SHOWN + 1])
    return Groups(shown[:GROUPS_SHOWN], groups.count() if len(shown) > GROUPS_SHOWN else len(shown))


def as_read(occurrence: Occurrence, group: Group | None) -> Reading:
    """What `group` reads, by the very words of its delivery where there is one; without a group, with its variables."""
    delivery = None
    if group is not None:
        delivery = (
            Delivery.objects.select_related("message__picture")
            .filter(post_id=occurrence.post_id, occurrence_id=occurrence.pk, group_id=group.pk)
            .first()
        )
    return reading_of(delivery.message if delivery else words_of(occurrence), group, occurrence.due_at)


def reading_of(message: Message, group: Group | None, at: datetime) -> Reading:
    """`message` as `group` reads it at `at`. What was sent has no variables any more."""
    if group is None or not message.has_variables:
        return Reading(
            message.title, message.text, message.link, message.link_title, message.picture, message.value, False
        )
    content = as_group_reads(message, group, at)
    return Reading(content.title, content.text, content.link, content.link_title, message.picture, content.value, True)
