"""Messages come in, count as events, and are judged by the rules of their groups.

A message is judged in the transaction that adds its event, and only when the event is new. So it is judged exactly
once, however often it arrives and whatever dies in between. Batches that hold messages of one member wait for each
other (members.ingestion.derived locks the members), so strikes are counted one after the other.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import F, Q

from accounts.models import User
from accounts.policies import policy_get
from activity.models import BuiltInKind
from activity.services import EventRow
from community_ops.lib.sql import RowStatement
from groups.models import Group, Rule, RuleSetVersion
from groups.rules.detection import CompiledRules, Hit, Message, compiled_for
from members.conduct.ladder import hardest, leading
from members.conduct.models import KeptMessage, Source, Violation
from members.conduct.policy import ConductPolicy
from members.conduct.services import violations_begin
from members.ingestion import IncomingEvent, Outcome, Refused, ingest
from members.roles.models import MemberRole

MAX_TEXT = 20_000

_INTO = "INSERT INTO members_keptmessage (key, member_id, group_id, at, type, text, delete_after)"
_KEEP = RowStatement(
    types=("uuid", "bigint", "bigint", "timestamptz", "text", "text", "timestamptz"),
    sqlite=f"{_INTO} VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING",
    postgresql=f"{_INTO} SELECT * FROM {{rows}} ON CONFLICT (key) DO NOTHING",  # noqa: S608
)


class IncomingMessage(NamedTuple):
    """A message as its source tells it; see IncomingEvent for the fields that both have."""

    key: str
    member: str
    group: str
    at: datetime
    type: str
    text: str


@dataclass
class Taken:
    """What became of messages: as of events, and how many violations were noticed in them."""

    outcome: Outcome
    violations: int = 0


def messages_take(
    *,
    messages: Sequence[IncomingMessage | Refused],
    source: str,
    by: User | None,
    create_missing: bool,
    now: datetime,
) -> Taken:
    """Takes messages in as ingest() takes events, and judges the new ones."""
    texts = {message.key: message for message in messages if isinstance(message, IncomingMessage)}
    events = [
        IncomingEvent(message.key, message.member, message.group, BuiltInKind.MESSAGE, message.at)
        if isinstance(message, IncomingMessage)
        else message
        for message in messages
    ]
    found = 0

    def follow(rows: Sequence[EventRow]) -> None:
        nonlocal found
        found += messages_judge(rows=rows, texts=texts, now=now)

    outcome = ingest(
        events=events,
        source=source,
        by=by,
        create_missing=create_missing,
        now=now,
        follow=follow,
        texts={key: message.text for key, message in texts.items()},
    )
    return Taken(outcome, found)


@dataclass
class _Rulebook:
    """A version of rules, ready to be applied."""

    version: RuleSetVersion
    compiled: CompiledRules
    rules: dict[str, Rule] = field(default_factory=dict)


class _Rulebooks:
    """The version that was in force in a group at an instant: nobody is judged by rules that came later."""

    def __init__(self, rule_sets: Iterable[int]) -> None:
        self._versions: dict[int, list[RuleSetVersion]] = defaultdict(list)
        known = RuleSetVersion.objects.filter(rule_set_id__in=set(rule_sets), published_at__isnull=False)
        for version in known.order_by("-published_at", "-number"):
            self._versions[version.rule_set_id].append(version)
        self._books: dict[int, _Rulebook] = {}

    def at(self, rule_set_id: int, at: datetime) -> _Rulebook | None:
        version = next(
            (one for one in self._versions[rule_set_id] if one.published_at and one.published_at <= at), None
        )
        if version is None:
            return None
        if version.pk not in self._books:
            rules = {rule.code: rule for rule in Rule.objects.filter(version=version)}
            self._books[version.pk] = _Rulebook(version, compiled_for(version.pk), rules)
        return self._books[version.pk]


def messages_judge(*, rows: Sequence[EventRow], texts: Mapping[str, IncomingMessage], now: datetime) -> int:
    """Judges messages whose events were just added, keeps what their groups agreed to keep; returns how many of them
    broke a rule. Must run in the transaction that adds the events."""
    rows = [row for row in rows if row.key in texts]
    policy = policy_get(ConductPolicy)
    groups = Group.objects.filter(pk__in={row.group_id for row in rows}).in_bulk()
    if not any(group.keeps_messages or group.rule_set_id for group in groups.values()):
        return 0
    books = _Rulebooks(group.rule_set_id for group in groups.values() if group.rule_set_id)
    too_old = now - timedelta(hours=policy.history_hours)
    exempt = _exempt(rows, policy.exempt_roles)

    judged: dict[tuple[int, int], list[tuple[EventRow, _Rulebook]]] = defaultdict(list)
    kept: list[tuple[str, int, int, datetime, str, str, datetime]] = []
    for row in rows:
        group = groups.get(row.group_id or 0)
        if group is None:
            continue
        book = None
        if group.rule_set_id and row.at >= too_old and (row.member_id, group.pk) not in exempt:
            book = books.at(group.rule_set_id, row.at)
        if book:
            judged[row.member_id, group.pk].append((row, book))
        until = row.at + timedelta(days=policy.keep_days) if group.keeps_messages else None
        if book and book.compiled.window:
            until = max(until or row.at, row.at + book.compiled.window)
        if until and until > now:
            message = texts[row.key]
            kept.append((row.key, row.member_id, group.pk, row.at, message.type, message.text, until))
    recents = _recents(judged)
    _KEEP.execute(kept)
    found = [
        violation
        for pair, own in judged.items()
        for violation in _judge_one(own, recents.get(pair, []), texts, now, policy)
    ]
    if found:
        violations_begin(violations=found, groups=groups, now=now, policy=policy)
    return len(found)


def _exempt(rows: Sequence[EventRow], roles: list[str]) -> set[tuple[int, int]]:
    held = MemberRole.objects.filter(
        role__in=roles, ended_at=None, membership__group_id__in={row.group_id for row in rows}
    )
    return set(held.values_list("membership__member_id", "membership__group_id"))


def _recents(
    judged: Mapping[tuple[int, int], Sequence[tuple[EventRow, _Rulebook]]],
) -> dict[tuple[int, int], list[Message]]:
    """What these members wrote in these groups before, as far back as the rules look. One query for all of them."""
    windowed = {
        pair: (min(row.at - book.compiled.window for row, book in own), max(row.at for row, _book in own))
        for pair, own in judged.items()
        if any(book.compiled.window for _row, book in own)
    }
    found: dict[tuple[int, int], list[Message]] = defaultdict(list)
    if not windowed:
        return found
    messages = KeptMessage.objects.filter(
        member__id__among=sorted({member for member, _group in windowed}),
        group__id__among=sorted({group for _member, group in windowed}),
        at__gte=min(first for first, _last in windowed.values()),
        at__lte=max(last for _first, last in windowed.values()),
    )
    rows = messages.order_by("at", "pk").values_list("member_id", "group_id", "at", "type", "text")
    for member_id, group_id, at, kind, text in rows:
        if (member_id, group_id) in windowed:
            found[member_id, group_id].append(Message(member_id, group_id, at, kind, text))
    return found


def _judge_one(
    own: Sequence[tuple[EventRow, _Rulebook]],
    before: Sequence[Message],
    texts: Mapping[str, IncomingMessage],
    now: datetime,
    policy: ConductPolicy,
) -> Iterable[Violation]:
    """The violations in the messages of one member in one group, in the order in which they were written."""
    waiting = deque(before)
    recent: deque[Message] = deque()
    for row, book in sorted(own, key=lambda pair: pair[0].at):
        sent = texts[row.key]
        message = Message(row.member_id, row.group_id or 0, row.at, sent.type, sent.text)
        while waiting and waiting[0].at <= row.at:
            recent.append(waiting.popleft())
        window = book.compiled.window
        while recent and recent[0].at < row.at - window:
            recent.popleft()
        hits = book.compiled.check(message, list(recent))
        if window:
            recent.append(message)
        known = [hit for hit in hits if hit.rule in book.rules]
        if known:
            yield _violation(message, row.key, known, book, list(recent)[:-1], now, policy)


def _violation(
    message: Message,
    key: str,
    hits: Sequence[Hit],
    book: _Rulebook,
    recent: Sequence[Message],
    now: datetime,
    policy: ConductPolicy,
) -> Violation:
    broken = [book.rules[hit.rule] for hit in hits]
    rule = leading(broken)
    context = recent if any(one.detector in ("flood", "split") for one in broken) else []
    return Violation(
        member_id=message.member_id,
        group_id=message.group_id,
        rule=rule,
        source=Source.DETECTOR,
        message_key=key,
        message_type=message.type,
        text=message.text,
        hits=[hit_as_json(hit) for hit in hits],
        context=[{"at": one.at.isoformat(), "text": one.text} for one in context],
        at=message.at,
        noted_at=now,
        evidence_until=now + timedelta(days=policy.evidence_days),
        strikes=max(one.strikes for one in broken),
        strike_until=message.at + timedelta(days=book.version.strike_days),
        action=hardest(one.action for one in broken),
    )


def hit_as_json(hit: Hit) -> dict[str, object]:
    """A hit as evidence keeps it."""
    return {"rule": hit.rule, "start": hit.start, "end": hit.end, "detail": str(hit.detail)}


def messages_forget(*, now: datetime) -> int:
    """Deletes kept texts whose time is over, and those of groups that no longer agree to it; returns how many.

    What stays for rules that look back, in any group, stays for less than a day.
    """
    over = Q(delete_after__lte=now) | Q(group__keeps_messages=False, delete_after__gte=F("at") + timedelta(days=1))
    return KeptMessage.objects.filter(over).delete()[0]
