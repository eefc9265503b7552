"""What movements of points are called, in the language of the reader.

A transfer keeps what only it knows (the title of a prize, what somebody wrote); the kind of movement, which stands
before the first colon of its key, is put into words here:

    register_reason("award", _("Prize"))
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from members.points.models import Transfer

Text = str | Promise
_REASONS: dict[str, Text] = {}


def register_reason(kind: str, words: Text) -> None:
    _REASONS[kind] = words


def kind_of(transfer: Transfer) -> str:
    return transfer.key.partition(":")[0]


def label_of_kind(kind: str) -> Text:
    return _REASONS.get(kind, _("Something else"))


def words_for(transfer: Transfer) -> tuple[str, str]:
    """The kind of movement, where it is known, and what was written down with it."""
    return str(_REASONS.get(kind_of(transfer), "")), transfer.reason


def register_reasons() -> None:
    register_reason("hand", _("Given or taken by the team"))
    register_reason("award", _("Prize taken for points"))
    register_reason("part", _("Taking part"))
    register_reason("report", _("Reported a broken rule"))
