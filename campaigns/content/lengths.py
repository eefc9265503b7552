"""How long a message is as each channel counts it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from delivery.limits import measure
from delivery.models import Kind
from delivery.services import Content

LONGEST_TEXT = 5000


@dataclass(frozen=True)
class Length:
    """`unit` is what the channel counts."""

    channel: str | Promise
    unit: Promise
    used: int
    most: int

    @property
    def fits(self) -> bool:
        return self.used <= self.most


def lengths(said: Content) -> list[Length]:
    """`said` is a message as a group reads it: with its variables filled in."""
    robot = measure(said, Kind.ROBOT)
    found = [
        Length(gettext_lazy("Member page and webhook"), gettext_lazy("characters"), len(said.text), LONGEST_TEXT),
    ]
    if robot.most is not None:
        found.append(Length(Kind.ROBOT.label, gettext_lazy("bytes"), robot.used, robot.most))
    return found
