"""Events held in memory, for reports without a database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import numpy as np

from analytics.columns import Columns
from analytics.queries.periods import millis


class World:
    """A source and its names, made of (member, kind, at, channel, group) rows in order of arrival."""

    def __init__(self, rows: Sequence[Sequence[str]], groups: dict[str, dict[str, str]] | None = None) -> None:
        self.words: list[str] = [""]
        self.group_values = groups or {}
        member, kind, at, channel, group = [], [], [], [], []
        for who, what, when, through, where in rows:
            member.append(self._number(who))
            kind.append(self._number(what))
            at.append(millis(datetime.fromisoformat(when)))
            channel.append(self._number(through))
            group.append(self._number(where))
        self.columns = Columns.build(
            np.array(member, np.int64),
            np.array(at, np.int64),
            np.array(kind, np.int32),
            np.array(group, np.int64),
            np.array(channel, np.int32),
        )

    def _number(self, word: str) -> int:
        if word not in self.words:
            self.words.append(word)
        return self.words.index(word)

    def kind(self, slug: str) -> int | None:
        return self.words.index(slug) if slug in self.words else None

    def ids(self, attribute: str, values: Collection[str]) -> Collection[int]:
        if attribute in ("channel", "group"):
            return [self.words.index(value) for value in values if value in self.words]
        return [self.words.index(g) for g, known in self.group_values.items() if known.get(attribute) in values]

    def values(self, attribute: str, ids: Sequence[int]) -> Sequence[str]:
        words = [self.words[number] for number in ids]
        if attribute in ("channel", "group"):
            return words
        return [self.group_values.get(word, {}).get(attribute, "") for word in words]

    def members(self, ids: Sequence[int]) -> Sequence[str]:
        return [self.words[number] for number in ids]

    def read(self, *, since: int | None, until: int, kinds: Collection[int] | None) -> Columns:
        columns = self.columns
        keep = columns.at < until
        if since is not None:
            keep &= columns.at >= since
        if kinds is not None:
            keep &= np.isin(columns.kind, list(kinds))
        return columns.take(keep)
