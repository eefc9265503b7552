"""What two texts differ in, line by line; templates/console/groups/diff.html draws it."""

from __future__ import annotations

import difflib


def difference(before: str, after: str) -> list[tuple[str, str]]:
    """The lines that differ, with some around them: ("+", line), ("-", line), (" ", line), ("@", place)."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return [(line[0], line[1:] if line[0] != "@" else "…") for line in lines if not line.startswith(("+++", "---"))]
