"""What goes into the matching and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from django.utils.translation import gettext as _
from django.utils.translation import pgettext


class MessageType(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    LINK = "link"
    CARD = "card"
    MINI_PROGRAM = "mini_program"
    FILE = "file"
    VOICE = "voice"
    VIDEO = "video"
    LOCATION = "location"
    STICKER = "sticker"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Message:
    """What a member wrote into a group. `type` is one of MessageType; `text` may be empty for the others than text."""

    member_id: int
    group_id: int
    at: datetime
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule (its code) broken by `text[start:end]` of the original message.

    `detail` says by what: the keyword, the pattern, the domain, the kind of contact, `messages` or `same` of a flood.
    detail_words() puts it in words.
    """

    rule: str
    start: int
    end: int
    detail: str


class AnyRule(Protocol):
    """What the matching needs of a rule: a row, or a RuleSpec."""

    @property
    def code(self) -> str: ...
    @property
    def detector(self) -> str: ...
    @property
    def params(self) -> Any: ...


@dataclass(frozen=True)
class RuleSpec:
    """A rule that no row stands for."""

    code: str
    detector: str
    params: dict[str, Any] = field(default_factory=dict)


def detail_words(detector: str, detail: str) -> str:
    """The detail of a hit as people read it, in their language."""
    words = {
        "contact": {
            "card": pgettext("detail of a hit", "a contact card"),
            "account": pgettext("detail of a hit", "an account name"),
            "phone": pgettext("detail of a hit", "a phone number"),
            "qr": pgettext("detail of a hit", "a QR code"),
        },
        "flood": {
            "messages": pgettext("detail of a hit", "too many messages in a short time"),
            "same": pgettext("detail of a hit", "the same text again and again"),
        },
        "split": {"split": pgettext("detail of a hit", "one question in many short messages")},
        "link": {
            "link": pgettext("detail of a hit", "a link"),
            "mini_program": pgettext("detail of a hit", "a mini program"),
            "passphrase": pgettext("detail of a hit", "a shop's passphrase"),
        },
    }.get(detector, {})
    if detail in words:
        return words[detail]
    return _("“%(found)s”") % {"found": detail} if detail else ""
