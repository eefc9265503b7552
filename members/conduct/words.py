"""What is said about violations: to members in the language of their rules, to staff in their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Any, NamedTuple

from django.utils import translation
from django.utils.translation import gettext as _

from groups.models import Action, Rule
from groups.rules.detection import detail_words
from members.conduct.models import Violation

HAN = re.compile(r"[\u3400-\u9fff]")


def language_of(text: str) -> AbstractContextManager[None]:
    """What is said together with `text` is said in its language."""
    return translation.override("zh-hans" if HAN.search(text) else "en")


def reminder_words(violation: Violation, name: str) -> str:
    """What staff paste into the group, or the product sends there: who, which rule, and what comes next."""
    with language_of(violation.rule.text):
        lines = [_("@%(name)s Please keep to our rules: %(rule)s") % {"name": name, "rule": violation.rule.text}]
        if violation.action == Action.WARN:
            lines.append(_("This is a warning. The next breach has consequences."))
        elif violation.action == Action.MUTE:
            lines.append(_("You cannot write in the group for the time being."))
        elif violation.action == Action.REMOVE:
            lines.append(_("You are removed from the group for this."))
        return "\n".join(lines)


class Piece(NamedTuple):
    """A stretch of a text; `is_hit` where it broke a rule."""

    text: str
    is_hit: bool


def marked(text: str, hits: Sequence[dict[str, Any]]) -> list[Piece]:
    """The text in pieces, those that were hit marked; hits may overlap."""
    edges = sorted(
        {0, len(text), *(edge for hit in hits for edge in (hit["start"], hit["end"]) if 0 <= edge <= len(text))}
    )
    pieces: list[Piece] = []
    for start, end in pairwise(edges):
        is_hit = any(hit["start"] <= start and end <= hit["end"] for hit in hits)
        if pieces and pieces[-1].is_hit == is_hit:
            pieces[-1] = Piece(pieces[-1].text + text[start:end], is_hit)
        else:
            pieces.append(Piece(text[start:end], is_hit))
    return pieces


def reasons(hits: Sequence[dict[str, Any]], rules: dict[str, Rule]) -> list[tuple[str, list[str]]]:
    """Which rules were broken and by what: (the rule's text, what was found), each once."""
    found: dict[str, list[str]] = {}
    for hit in hits:
        rule = rules.get(hit["rule"])
        words = detail_words(rule.detector, hit["detail"]) if rule else hit["detail"]
        known = found.setdefault(rule.text if rule else hit["rule"], [])
        if words and words not in known:
            known.append(words)
    return list(found.items())
