"""Variables in what people write: `{group}` stands for the name of the group."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

VARIABLE = re.compile(r"\{(\w+)\}")
# So much of the text is quoted on either side of a mistake.
AROUND = 20
MOST_NAMED = 5


@dataclass(frozen=True)
class Unknown:
    """A variable that nobody would fill in: where it stands (line and column count from 1), and what stands around."""

    name: str
    start: int
    line: int
    column: int
    before: str
    after: str

    @property
    def marked(self) -> str:
        return f"{{{self.name}}}"

    @property
    def end(self) -> int:
        return self.start + len(self.marked)


def unknown_variables(text: str, known: Collection[str]) -> list[Unknown]:
    """The variables of `text` that are not `known`, in their order. Lines end with "\\n"."""
    found = []
    for match in VARIABLE.finditer(text):
        if match[1] in known:
            continue
        line_start = text.rfind("\n", 0, match.start()) + 1
        line_end = text.find("\n", match.end())
        line = text[line_start : line_end if line_end >= 0 else len(text)]
        column = match.start() - line_start
        found.append(
            Unknown(
                name=match[1],
                start=match.start(),
                line=text.count("\n", 0, line_start) + 1,
                column=column + 1,
                before=line[max(0, column - AROUND) : column],
                after=line[column + len(match[0]) : column + len(match[0]) + AROUND],
            )
        )
    return found


def check_variables(text: str, known: Collection[str]) -> None:
    """Raises ValidationError when `text` has variables that nobody would fill in: one message for each, which says
    where it stands."""
    errors = [
        ValidationError(
            _("Line %(line)d, character %(column)d: %(unknown)s is not known here. Known are: %(known)s."),
            params={
                "line": unknown.line,
                "column": unknown.column,
                "unknown": unknown.marked,
                "known": ", ".join(f"{{{name}}}" for name in known),
            },
            code="unknown_variable",
        )
        for unknown in unknown_variables(text, known)[:MOST_NAMED]
    ]
    if errors:
        raise ValidationError(errors)


def has_variables(*texts: str) -> bool:
    """Whether one of the texts has something to fill in."""
    return any(VARIABLE.search(text) for text in texts)


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with its variables replaced. What a value holds is never read as a variable."""
    return VARIABLE.sub(lambda match: values.get(match[1], match[0]), text)
