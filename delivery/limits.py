"""How much a channel takes. Pure: forms ask before something is saved, adapters before they send.

WeCom counts bytes of UTF-8, so a Chinese character is three. Nothing is ever cut: what does not fit is refused when a
post is saved, and fails with its reason where only the variables made it too long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

TEXT_BYTES = 2048
CARD_TITLE_BYTES = 128
CARD_TEXT_BYTES = 512


class Says(Protocol):
    """What is measured: a Content, a Message, a post."""

    @property
    def title(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def link(self) -> str: ...
    @property
    def link_title(self) -> str: ...


@dataclass(frozen=True)
class Measure:
    """How much of a channel a message uses. `most` is None where a channel takes any length."""

    used: int
    most: int | None

    @property
    def fits(self) -> bool:
        return self.most is None or self.used <= self.most


def limits(kind: str) -> int | None:
    """The bytes that a message of this channel may have in all; None: any number."""
    return TEXT_BYTES if kind == "robot" else None


def measure(content: Says, kind: str) -> Measure:
    """How many bytes `content` needs on this channel, and how many it has."""
    return Measure(len(plain_text(content).encode()), limits(kind))


def plain_text(content: Says) -> str:
    """A message as one text: title, text, and the link with its words, each apart. Mentions lose their power: what
    members and variables hold must not ring anybody."""
    link = f"{content.link_title}\n{content.link}" if content.link_title and content.link else content.link
    return tame("\n\n".join(part for part in (content.title, content.text, link) if part))


def fits_card(content: Says) -> bool:
    """Whether a message can be a card that opens its link without losing a word."""
    fits = len(tame(content.title).encode()) <= CARD_TITLE_BYTES and len(card_text(content).encode()) <= CARD_TEXT_BYTES
    return bool(content.link and content.title and fits)


def card_text(content: Says) -> str:
    """The words below the title of a card."""
    return tame("\n\n".join(part for part in (content.text, content.link_title) if part))


def tame(text: str) -> str:
    """`text` with its mentions broken by a space of no width: it reads the same and calls nobody."""
    return text.replace("<@", "<\u200b@")
