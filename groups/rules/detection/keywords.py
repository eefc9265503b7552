"""Thousands of keywords in one pass over the bare text (Aho-Corasick)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from ahocorasick_rs import AhoCorasick

from groups.rules.detection.folding import CLAUSE_MARKS, Folded, fold_bare
from groups.rules.detection.values import AnyRule, Hit

# More than this between two characters of a keyword, and a reader no longer sees the word.
WIDEST_GAP = 6


class KeywordMatcher:
    """The keywords and exceptions of all keyword rules of a version."""

    def __init__(self, rules: Iterable[AnyRule]) -> None:
        # A folded word: the rules that forbid it, each with the word as it was written, and those it is innocent in.
        self._forbidden: dict[str, dict[str, str]] = defaultdict(dict)
        self._innocent: dict[str, set[str]] = defaultdict(set)
        self._whole: set[str] = set()
        for rule in rules:
            for word in rule.params.get("words", ()):
                if folded := fold_bare(word):
                    self._forbidden[folded].setdefault(rule.code, word)
            for word in rule.params.get("except", ()):
                if folded := fold_bare(word):
                    self._innocent[folded].add(rule.code)
            if rule.params.get("whole_words", True):
                self._whole.add(rule.code)
        self._words = list({**self._forbidden, **self._innocent})
        self._automaton = AhoCorasick(self._words, store_patterns=False) if self._words else None

    def check(self, folded: Folded) -> list[Hit]:
        if self._automaton is None:
            return []
        found = self._automaton.find_matches_as_indexes(folded.bare, overlapping=True)
        if not found:
            return []
        excepted: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, start, end in found:
            for code in self._innocent.get(self._words[number], ()):
                excepted[code].append((start, end))
        hits: list[Hit] = []
        ends: dict[str, int] = {}
        # The earliest first, of those the longest; what overlaps it is the same breach.
        for number, start, end in sorted(found, key=lambda match: (match[1], -match[2])):
            for code, written in self._forbidden.get(self._words[number], {}).items():
                if start < ends.get(code, 0) or any(first <= start and end <= last for first, last in excepted[code]):
                    continue
                if _reads_as_word(folded, start, end, whole=code in self._whole):
                    ends[code] = end
                    places = folded.bare_places
                    hits.append(Hit(code, *folded.original(places[start], places[end - 1] + 1), written))
        return hits


def _reads_as_word(folded: Folded, start: int, end: int, *, whole: bool) -> bool:
    """Whether what was put between the characters leaves a word for the reader, and its ends are ends of words."""
    places, plain = folded.bare_places[start:end], folded.plain
    if whole and not (
        _ends_word(plain[places[0]], plain[places[0] - 1] if places[0] else "")
        and _ends_word(plain[places[-1]], plain[places[-1] + 1] if places[-1] + 1 < len(plain) else "")
    ):
        return False
    gaps = [plain[left + 1 : right] for left, right in pairwise(places)]
    if any(len(gap) > WIDEST_GAP for gap in gaps):
        return False
    if any(not CLAUSE_MARKS.isdisjoint(gap) for gap in gaps):
        # "我要加，微信没有": the end of a clause. "加，微，信": a trick. Two characters are too few to tell.
        return len(gaps) > 1 and all(gaps)
    return True


def _ends_word(char: str, neighbour: str) -> bool:
    """No Latin letter goes on in a letter, no digit in a digit. Chinese has no such ends."""
    if not (char.isascii() and neighbour.isascii()):
        return True
    return not ((char.isalpha() and neighbour.isalpha()) or (char.isdigit() and neighbour.isdigit()))
