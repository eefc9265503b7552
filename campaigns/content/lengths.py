"""How long a message is as each channel counts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

LONGEST_TEXT = 5000


@dataclass(frozen=True)
class Length:
    """`unit` is what the channel counts."""

    channel: Promise
    unit: Promise
    used: int
    most: int

    @property
    def fits(self) -> bool:
        return self.used <= self.most


def lengths(said: Mapping[str, str]) -> list[Length]:
    """`said` holds title, text, link and link_title as a group reads them."""
    return [
        Length(gettext_lazy("Member page and webhook"), gettext_lazy("characters"), len(said["text"]), LONGEST_TEXT),
    ]
