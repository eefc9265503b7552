"""The rules of one version, ready to check messages."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from groups.rules.detection.bursts import BurstMatcher
from groups.rules.detection.contacts import ContactMatcher
from groups.rules.detection.folding import Folded
from groups.rules.detection.keywords import KeywordMatcher
from groups.rules.detection.links import LinkMatcher
from groups.rules.detection.patterns import PatternMatcher
from groups.rules.detection.values import AnyRule, Hit, Message


class CompiledRules:
    """Immutable once made, so threads may share it. Reads no clock and no database."""

    def __init__(self, rules: Iterable[AnyRule]) -> None:
        of: dict[str, list[AnyRule]] = defaultdict(list)
        self._order: dict[str, int] = {}
        for number, rule in enumerate(rules):
            of[rule.detector].append(rule)
            self._order[rule.code] = number
        self._keywords = KeywordMatcher(of["keywords"])
        self._patterns = PatternMatcher(of["pattern"])
        self._links = LinkMatcher(of["link"])
        self._contacts = ContactMatcher(of["contact"])
        self._bursts = BurstMatcher([*of["flood"], *of["split"]])

    @property
    def window(self) -> timedelta:
        """How far back `recent` must reach; zero when no rule looks back."""
        return self._bursts.window

    def check(self, message: Message, recent: Sequence[Message] = ()) -> list[Hit]:
        """The rules that `message` breaks, in their order, each as often as it stands in the text.

        `recent`: the same member's messages in the same group within `window` before it, oldest first.
        """
        folded = Folded(message.text)
        hits = [
            *self._keywords.check(folded),
            *self._patterns.check(folded),
            *self._links.check(folded, message.type),
            *self._contacts.check(folded, message.type),
            *self._bursts.check(message, recent),
        ]
        if len(hits) > 1:
            hits.sort(key=lambda hit: (self._order[hit.rule], hit.start, hit.end))
        return hits

    def check_many(self, messages: Iterable[Message]) -> Iterator[tuple[Message, list[Hit]]]:
        """Each message with its hits. The messages of one member in one group come oldest first; members and groups
        may be mixed. Keeps what each member wrote last by itself, in memory."""
        window = self.window
        if not window:
            for message in messages:
                yield message, self.check(message)
            return
        courses: dict[tuple[int, int], deque[Message]] = defaultdict(deque)
        for message in messages:
            course = courses[message.group_id, message.member_id]
            while course and course[0].at < message.at - window:
                course.popleft()
            yield message, self.check(message, course)
            course.append(message)


def compiled_from(rules: Iterable[AnyRule]) -> CompiledRules:
    """For rules that are not saved, or rows at hand. Their params have passed params_check()."""
    return CompiledRules(rules)
