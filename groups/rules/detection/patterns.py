"""Patterns that administrators write. RE2 matches in time linear to the text, whatever the pattern."""

from __future__ import annotations

import re
from collections.abc import Iterable

import re2

from groups.rules.detection.folding import Folded
from groups.rules.detection.values import AnyRule, Hit

LONGEST = 500
# Instructions of the compiled pattern. "(a{500}){500}" is short to write and would take all memory.
LARGEST = 4_000
MEMORY = 64 << 20


class PatternError(ValueError):
    """A pattern that cannot be used; `place` is where in it, from 0, or None."""

    def __init__(self, message: str, place: int | None = None) -> None:
        super().__init__(message)
        self.message, self.place = message, place


def options() -> re2.Options:
    found = re2.Options()
    found.case_sensitive = False
    found.log_errors = False
    found.max_mem = MEMORY
    return found


def pattern_check(pattern: str) -> None:
    """Raises PatternError for a pattern that RE2 does not take, is too large, or matches the empty text."""
    if len(pattern) > LONGEST:
        raise PatternError("too long", LONGEST)
    try:
        compiled = re2.compile(pattern, options())
    except re2.error as error:
        said = error.args[0]
        message = said.decode() if isinstance(said, bytes) else str(said)
        raise PatternError(message, _place(pattern, message)) from None
    if compiled.programsize > LARGEST:
        raise PatternError("too large", None)
    if compiled.search("") is not None:
        raise PatternError("matches everything", None)


def _place(pattern: str, message: str) -> int | None:
    """RE2 quotes the part it stumbled over and does not say where it is; else Python's own parser may know."""
    quoted = message.partition(": ")[2]
    if quoted != pattern and quoted and (place := pattern.find(quoted)) >= 0:
        return place
    try:
        re.compile(pattern)
    except re.error as error:
        return error.pos
    except (OverflowError, RecursionError):
        pass
    return 0 if quoted else None


class PatternMatcher:
    """The patterns of all pattern rules of a version: one pass tells which match, only those are searched for."""

    def __init__(self, rules: Iterable[AnyRule]) -> None:
        self._patterns = [(rule.code, pattern) for rule in rules for pattern in rule.params.get("patterns", ())]
        self._compiled = [re2.compile(pattern, options()) for _, pattern in self._patterns]
        self._set = re2.Set.SearchSet(options())
        for _, pattern in self._patterns:
            self._set.Add(pattern)
        if self._patterns:
            self._set.Compile()

    def check(self, folded: Folded) -> list[Hit]:
        if not self._patterns or not folded.plain:
            return []
        hits: list[Hit] = []
        for number in sorted(self._set.Match(folded.plain) or ()):
            code, pattern = self._patterns[number]
            match = self._compiled[number].search(folded.plain)
            if match is not None and match.end() > match.start():
                hits.append(Hit(code, *folded.original(*match.span()), pattern))
        return hits
