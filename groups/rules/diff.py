"""What changed between two versions, rule by rule and word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from groups.rules.content import RuleContent, VersionContent
from groups.rules.words import FIELD_WORDS, ladder_words, param_words, shown

WORD = re.compile(r"[A-Za-z0-9_]+|\s+|.", re.DOTALL)
MOST_LISTED = 30


@dataclass(frozen=True)
class Piece:
    """A run of text: `kind` is same, added or removed."""

    kind: str
    text: str


@dataclass(frozen=True)
class FieldDiff:
    """A field that differs. `before` and `after` are the two sides, `pieces` both in one line.

    For a list (keywords, patterns, domains) `added` and `removed` name its items instead, the first few of each.
    """

    label: str
    before: list[Piece]
    after: list[Piece]
    pieces: list[Piece]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    more_added: int = 0
    more_removed: int = 0

    @property
    def is_list(self) -> bool:
        return bool(self.added or self.removed)


@dataclass(frozen=True)
class RuleDiff:
    """A rule of either version. `kind` is added, removed, changed, moved or same."""

    kind: str
    code: str
    old: RuleContent | None
    new: RuleContent | None
    fields: list[FieldDiff]

    @property
    def rule(self) -> RuleContent:
        rule = self.new or self.old
        assert rule is not None
        return rule


@dataclass(frozen=True)
class VersionDiff:
    details: list[FieldDiff]
    rules: list[RuleDiff]

    @property
    def changed(self) -> list[RuleDiff]:
        return [rule for rule in self.rules if rule.kind != "same"]

    @property
    def is_empty(self) -> bool:
        return not self.details and not self.changed

    @property
    def added(self) -> int:
        return sum(rule.kind == "added" for rule in self.rules)

    @property
    def removed(self) -> int:
        return sum(rule.kind == "removed" for rule in self.rules)

    @property
    def changed_count(self) -> int:
        return sum(rule.kind in ("changed", "moved") for rule in self.rules)


def version_diff(old: VersionContent | None, new: VersionContent) -> VersionDiff:
    """From `old` to `new`; without `old` everything is added. Rules are told apart by their codes."""
    old = old or VersionContent(strike_days=new.strike_days)
    details = [
        field_diff(FIELD_WORDS[name], before, after)
        for name, before, after in (
            ("preamble", old.preamble, new.preamble),
            ("ladder", ladder_words(old.ladder), ladder_words(new.ladder)),
            ("strike_days", str(old.strike_days), str(new.strike_days)),
        )
        if before != after
    ]
    old_order = [rule.code for rule in old.rules if new.rule(rule.code)]
    new_order = [rule.code for rule in new.rules if old.rule(rule.code)]
    moved = _moved(old_order, new_order)
    rules: list[RuleDiff] = []
    for rule in new.rules:
        before = old.rule(rule.code)
        if before is None:
            rules.append(RuleDiff("added", rule.code, None, rule, []))
            continue
        fields = rule_diff(before, rule)
        kind = "changed" if fields else "moved" if rule.code in moved else "same"
        rules.append(RuleDiff(kind, rule.code, before, rule, fields))
    gone = [rule for rule in old.rules if new.rule(rule.code) is None]
    return VersionDiff(details, rules + [RuleDiff("removed", rule.code, rule, None, []) for rule in gone])


def rule_diff(old: RuleContent, new: RuleContent) -> list[FieldDiff]:
    """The fields in which two forms of a rule differ."""
    found = [
        field_diff(FIELD_WORDS[name], shown(name, getattr(old, name)), shown(name, getattr(new, name)))
        for name in ("text", "category", "detector", "action", "strikes", "reporter_points")
        if getattr(old, name) != getattr(new, name)
    ]
    if old.detector != new.detector:
        return found
    for name in {**old.params, **new.params}:
        before, after = old.params.get(name), new.params.get(name)
        if before != after:
            found.append(_param_diff(param_words(new.detector, name), before, after))
    return found


def field_diff(label: Any, before: str, after: str) -> FieldDiff:
    pieces = list(_pieces(before, after))
    return FieldDiff(
        label=str(label),
        before=[piece for piece in pieces if piece.kind != "added"],
        after=[piece for piece in pieces if piece.kind != "removed"],
        pieces=pieces,
    )


def _param_diff(label: str, before: Any, after: Any) -> FieldDiff:
    if not isinstance(before, list) and not isinstance(after, list):
        return field_diff(label, shown("param", before), shown("param", after))
    old, new = before or [], after or []
    kept, now = set(old), set(new)
    added = [item for item in new if item not in kept]
    removed = [item for item in old if item not in now]
    return FieldDiff(
        label=label,
        before=[],
        after=[],
        pieces=[],
        added=tuple(added[:MOST_LISTED]),
        removed=tuple(removed[:MOST_LISTED]),
        more_added=max(0, len(added) - MOST_LISTED),
        more_removed=max(0, len(removed) - MOST_LISTED),
    )


def _pieces(before: str, after: str) -> Iterator[Piece]:
    """Marks words of Latin script and single characters of Chinese."""
    old, new = WORD.findall(before), WORD.findall(after)
    for tag, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Piece("same", "".join(old[start:end]))
            continue
        if start < end:
            yield Piece("removed", "".join(old[start:end]))
        if new_start < new_end:
            yield Piece("added", "".join(new[new_start:new_end]))


def _moved(old: list[str], new: list[str]) -> set[str]:
    """The rules that have to be moved to come from one order to the other, as few as possible."""
    kept = {
        code
        for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
        for code in old[block.a : block.a + block.size]
    }
    return set(new) - kept
