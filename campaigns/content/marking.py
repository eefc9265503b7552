"""Forms that show where a variable stands that nobody fills in."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from campaigns.content.variables import GROUP_VARIABLES
from community_ops.lib.forms import MarkedForm
from community_ops.lib.variables import Unknown, unknown_variables


class MarksVariables(MarkedForm):
    """`marked` lists the unknown variables by field, for the template marked.html."""

    known_variables: Collection[str] = GROUP_VARIABLES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.marked: list[tuple[str, Unknown]] = []
        super().__init__(*args, **kwargs)

    def mark_unknown(self, name: str, text: str) -> str:
        """Marks the place of the first variable that nobody fills in; the services refuse it and say so."""
        unknown = unknown_variables(text, self.known_variables)
        self.marked += [(name, item) for item in unknown]
        if unknown:
            first, box = unknown[0], self.fields[name].widget.attrs
            # Browsers count in units of UTF-16.
            box["data-mark-from"] = len(text[: first.start].encode("utf-16-le")) // 2
            box["data-mark-to"] = len(text[: first.end].encode("utf-16-le")) // 2
        return text
