"""Events held in memory, for reports without a database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import numpy as np

from analytics.columns import Columns, Shard
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
            np.array(kind, np.int64),
            np.array(group, np.int64),
            np.array(channel, np.int64),
        )

    def _number(self, word: str) -> int:
        if word not in self.words:
            self.words.append(word)
        return self.words.index(word)

    def kind(self, slug: str) -> int | None:
        return self.words.index(slug) if slug in self.words else None

    def known(self, attribute: str) -> Mapping[int, str]:
        words = enumerate(self.words)
        if attribute in ("channel", "group"):
            return dict(words)
        return {number: self.group_values.get(word, {}).get(attribute, "") for number, word in words}

    def having(self, attribute: str, values: Collection[str]) -> Collection[int]:
        return [number for number, value in self.known(attribute).items() if value in values]

    def members(self, ids: Sequence[int]) -> Sequence[str]:
        return [self.words[number] for number in ids]

    def shards(
        self, *, since: int | None, until: int, kinds: Collection[int] | None, groups: object = None
    ) -> list[Shard]:
        return [self.columns.shard()]
