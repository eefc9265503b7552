"""Many messages in a short time: floods, and questions in pieces. Each burst counts once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import re2

from groups.rules.detection.folding import fold_plain
from groups.rules.detection.values import AnyRule, Hit, Message, MessageType

QUESTION = re2.compile(
    r"[?？吗嘛呢]|怎么|咋|什么|啥|如何|请问|为何|多少|几[点号个天岁年时块]|哪|能不能|可不可以|有没有|是不是|要不要|行不行|求教|\bhow\b|\bwhat\b|\bwhy\b"
)
DEFAULTS = {
    "flood": {"messages": 8, "seconds": 30, "same": 3, "same_seconds": 300},
    "split": {"messages": 4, "seconds": 60, "length": 15},
}


class BurstMatcher:
    """A burst goes on as long as each new message still finds the others in its time; the message that first makes it
    full is the hit.

    To tell whether the message before was one already takes the messages of twice the time: `window`.
    """

    def __init__(self, rules: Iterable[AnyRule]) -> None:
        self._checks: list[tuple[str, str, Chosen, int, int]] = []
        for rule in rules:
            params: dict[str, Any] = {**DEFAULTS[rule.detector], **rule.params}
            if rule.detector == "split":
                pieces = partial(_pieces, params["length"])
                self._checks.append((rule.code, "split", pieces, params["messages"], params["seconds"]))
                continue
            if params["messages"]:
                self._checks.append((rule.code, "messages", list, params["messages"], params["seconds"]))
            if params["same"]:
                self._checks.append((rule.code, "same", _same, params["same"], params["same_seconds"]))
        self.window = timedelta(seconds=2 * max((seconds for *_, seconds in self._checks), default=0))

    def check(self, message: Message, recent: Sequence[Message]) -> list[Hit]:
        if not self._checks or not recent:
            return []
        hits: list[Hit] = []
        for code, detail, choose, count, seconds in self._checks:
            course = choose([*recent, message])
            full = partial(_is_full, count=count, seconds=seconds, asks=detail == "split")
            if full(course) and not full(course[:-1]):
                hits.append(Hit(code, 0, len(message.text), detail))
        return hits


Chosen = Callable[[Sequence[Message]], Sequence[Message]]


def _same(course: Sequence[Message]) -> Sequence[Message]:
    """Those that say the same as the last one."""
    text = fold_plain(course[-1].text).strip()
    return [one for one in course if fold_plain(one.text).strip() == text] if text else []


def _pieces(length: int, course: Sequence[Message]) -> Sequence[Message]:
    """The short texts, if the last one is short."""
    short = [one for one in course if one.type == MessageType.TEXT and 0 < len(one.text) <= length]
    return short if short and short[-1] is course[-1] else []


def _is_full(course: Sequence[Message], *, count: int, seconds: int, asks: bool) -> bool:
    """Whether the last message finds `count`, itself included, in its time; with `asks`, one of them asks something."""
    if len(course) < count:
        return False
    since = course[-1].at - timedelta(seconds=seconds)
    found = [one for one in course if one.at >= since]
    return len(found) >= count and (not asks or any(QUESTION.search(fold_plain(one.text)) for one in found))
