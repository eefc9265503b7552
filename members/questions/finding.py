"""Finding knowledge that fits a question, without an index of its own: the words that both share.

Chinese has no spaces, so two neighbouring characters are a word here; a word that most candidates have counts little.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log

from django.db.models import Q, QuerySet

from members.questions.models import Knowledge

HAN = re.compile(r"[\u3400-\u9fff]+")
LATIN = re.compile(r"[a-z0-9]{2,}")
# Said in every question, so they find nothing.
COMMON = """怎么 么办 什么 么样 如何 为什 请问 可以 我们 你们 他们 老师 大家 有没 没有 是不 不是 这个 那个 一个 一下
应该 需要 the and for with how what when where why can you our this that are is do does"""
EMPTY = frozenset(COMMON.split())
MOST_WORDS = 24
CANDIDATES = 200
SHOWN = 5
# A find shares at least this part of what the question's words are worth.
LEAST = 0.25


def words_of(text: str) -> list[str]:
    """The words of a text in small letters, each once, in their order."""
    lowered = text.lower()
    found = [run[at : at + 2] for run in HAN.findall(lowered) for at in range(max(1, len(run) - 1))]
    found += LATIN.findall(lowered)
    return [word for word in dict.fromkeys(found) if word not in EMPTY][:MOST_WORDS]


def knowledge_like(text: str, among: QuerySet[Knowledge], shown: int = SHOWN) -> list[Knowledge]:
    """What fits `text`, best first. One query."""
    words = words_of(text)
    if not words:
        return []
    any_of = Q()
    for word in words:
        any_of |= Q(search__contains=word)
    rows = list(among.filter(any_of).select_related("group").order_by("-used", "-pk")[:CANDIDATES])
    having = Counter(word for row in rows for word in words if word in row.search)
    worth = {word: log(1 + (len(rows) + 1) / (having[word] + 0.5)) for word in words}
    whole = sum(worth.values())

    def score(row: Knowledge) -> float:
        return sum(worth[word] * (1.5 if word in row.title.lower() else 1) for word in words if word in row.search)

    scored = sorted(((score(row), row) for row in rows), key=lambda pair: -pair[0])
    return [row for value, row in scored if value >= LEAST * whole][:shown]
