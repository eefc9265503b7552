"""Dry runs: a version of rules tried on messages that were written already, beside the version in force.

Nobody is told and nothing is held against anybody. A run that dies is done again from the beginning; it takes seconds.

A message that only these rules would hold against somebody is a candidate for a false alarm when

- its writer is an old hand: at least OLD_HAND_MESSAGES messages over at least OLD_HAND_DAYS days among those tried, and
  not one other hit; or
- what it was hit by is common: one keyword, which at least COMMON_MEMBERS members wrote, at least half of whom have no
  hit by anything else.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from groups.models import Group, Rule, RuleSetVersion, VersionState
from groups.rules.detection import CompiledRules, Hit, Message, compiled_for
from members.conduct.judging import hit_as_json
from members.conduct.ladder import ORDER, action_for, hardest, leading
from members.conduct.models import Compared, DryRun, DryRunHit, DryRunState, KeptMessage, MessageType
from members.imports.importers import MappingError, guess_mapping, importer_named
from members.imports.runner import read_batches
from members.imports.tables import UnreadableFileError, open_table
from members.models import Member

LOOKS_BACK = timedelta(days=30)
RESULT_KEPT = timedelta(days=30)
MAX_UPLOAD = 32 * 1024 * 1024
MAX_MESSAGES = 200_000
# Hits that are listed one by one, and reasons for rejected rows that are told.
LISTED = 20_000
TOLD = 50
STEP = 5_000
SILENCE = timedelta(seconds=60)
OLD_HAND_MESSAGES, OLD_HAND_DAYS = 20, 7
COMMON_MEMBERS = 5
# What an exception takes from the words around a keyword.
AROUND = 2
WORD = re.compile(r"[\w]")


@dataclass
class _Material:
    messages: list[Message] = field(default_factory=list)
    # Names of a file, by the numbers its messages carry; empty where the numbers are ours.
    members: dict[int, str] = field(default_factory=dict)
    groups: dict[int, str] = field(default_factory=dict)
    rejected: int = 0
    reasons: list[tuple[int, str]] = field(default_factory=list)


def dry_run_start(*, by: User, now: datetime, version: RuleSetVersion, groups: Sequence[Group]) -> DryRun:
    """Tries a version on what these groups kept over the last 30 days. Raises ValidationError when that is nothing."""
    total = _kept([group.pk for group in groups], now).count()
    if not total:
        raise ValidationError({"groups": _("These groups kept no messages in the last 30 days.")})
    run = DryRun(version=version, groups=[group.pk for group in groups], total=min(total, MAX_MESSAGES))
    return _begin(run, by, now)


def dry_run_upload(*, by: User, now: datetime, version: RuleSetVersion, file: UploadedFile[Any]) -> DryRun:
    """Tries a version on a file with the columns of an import. Raises ValidationError when it cannot be read."""
    if file.size is not None and file.size > MAX_UPLOAD:
        raise ValidationError({"file": _("The file is larger than %(limit)d MB.") % {"limit": MAX_UPLOAD // 1024**2}})
    run = DryRun(
        version=version,
        file_name=Path(file.name or "file").name[-255:],
        path=f"dry-runs/{uuid.uuid4().hex}",
        timezone=settings.TIME_ZONE,
    )
    path = Path(settings.MEDIA_ROOT) / run.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        for chunk in file.chunks():
            target.write(chunk)
    try:
        table = open_table(path)
        table.close()
        run.mapping = guess_mapping(importer_named("messages"), table.header)
        missing = [name for name in ("occurred_at", "group", "member", "text") if name not in run.mapping]
        if missing:
            raise ValidationError(
                {
                    "file": _("The file needs the columns occurred_at, group, member and text. Missing: %(missing)s.")
                    % {"missing": ", ".join(missing)}
                }
            )
    except UnreadableFileError as error:
        path.unlink(missing_ok=True)
        raise ValidationError({"file": str(error)}) from error
    except ValidationError:
        path.unlink(missing_ok=True)
        raise
    return _begin(run, by, now)


def _begin(run: DryRun, by: User, now: datetime) -> DryRun:
    run.started_by, run.created_at, run.revision = by, now, run.version.revision
    with transaction.atomic():
        run.save()
        after = {"rules": run.version, "file": run.file_name, "groups": len(run.groups)}
        audit_record(by=by, action="rules.dry_run", subject=run, after=after)
    return run


def dry_runs_unattended(*, now: datetime) -> list[int]:
    """The runs that no worker is at."""
    silent = Q(state=DryRunState.RUNNING, heartbeat_at__lt=now - SILENCE)
    return list(DryRun.objects.filter(Q(state=DryRunState.WAITING) | silent).values_list("pk", flat=True))


def dry_runs_forget(*, now: datetime) -> int:
    """Deletes runs that are older than 30 days, with what members wrote in them; returns how many."""
    count = 0
    for run in DryRun.objects.filter(created_at__lte=now - RESULT_KEPT):
        _drop_file(run)
        run.delete()
        count += 1
    return count


def _drop_file(run: DryRun) -> None:
    if run.path:
        (Path(settings.MEDIA_ROOT) / run.path).unlink(missing_ok=True)


def dry_run_run(*, run_id: int) -> bool:
    """Does a run. False when another worker is at it, or it is done."""
    now = timezone.now()
    silent = Q(state=DryRunState.RUNNING, heartbeat_at__lt=now - SILENCE)
    mine = DryRun.objects.filter(Q(state=DryRunState.WAITING) | silent, pk=run_id)
    if not mine.update(state=DryRunState.RUNNING, heartbeat_at=now, done=0):
        return False
    run = DryRun.objects.select_related("version__rule_set", "started_by").get(pk=run_id)
    try:
        material = _from_file(run) if run.path else _from_groups(run)
        hits, result = _try(run, material)
    except (UnreadableFileError, MappingError) as error:
        DryRun.objects.filter(pk=run.pk).update(
            state=DryRunState.FAILED, error=str(error)[:500], finished_at=timezone.now()
        )
        return True
    with transaction.atomic():
        finished = DryRun.objects.filter(pk=run.pk, state=DryRunState.RUNNING).update(
            state=DryRunState.DONE,
            done=len(material.messages),
            total=len(material.messages),
            result=result,
            finished_at=timezone.now(),
        )
        if finished:
            DryRunHit.objects.bulk_create(hits[:LISTED], batch_size=1000)
    _drop_file(run)
    return bool(finished)


def _kept(groups: Sequence[int], now: datetime) -> Any:
    return KeptMessage.objects.for_dry_runs().filter(group__in=groups, at__gt=now - LOOKS_BACK, at__lte=now)


def _from_groups(run: DryRun) -> _Material:
    # The groups are asked again: one may have withdrawn its consent, or left the reach of the person, meanwhile.
    groups = Group.objects.filter(pk__in=run.groups)
    if run.started_by is not None:
        groups = groups.visible_to(run.started_by)
    rows = _kept(list(groups.values_list("pk", flat=True)), run.created_at).order_by("-at", "-pk")[:MAX_MESSAGES]
    messages = [Message(*row) for row in rows.values_list("member_id", "group_id", "at", "type", "text")]
    messages.reverse()
    return _Material(messages)


def _from_file(run: DryRun) -> _Material:
    material = _Material()
    members: dict[str, int] = {}
    groups: dict[str, int] = {}
    table = open_table(Path(settings.MEDIA_ROOT) / run.path)
    try:
        for batch in read_batches(table, importer_named("messages"), run.mapping, ZoneInfo(run.timezone)):
            for _key, (member, group, _kind, at, _channel, _id, kind, text) in batch.items:
                number = members.setdefault(member, len(members))
                place = groups.setdefault(group, len(groups))
                material.messages.append(Message(number, place, at, kind or MessageType.TEXT.value, text))
            material.rejected += len(batch.rejected)
            told = sorted(batch.rejected)[: TOLD - len(material.reasons)]
            material.reasons += [(batch.rows[index].line, batch.rejected[index]) for index in told]
            if len(material.messages) > MAX_MESSAGES:
                raise UnreadableFileError(
                    _("The file holds more than %(limit)d messages. Split it.") % {"limit": MAX_MESSAGES}
                )
    finally:
        table.close()
    material.messages.sort(key=lambda message: message.at)
    material.members = {number: name for name, number in members.items()}
    material.groups = {number: name for name, number in groups.items()}
    return material


@dataclass
class _Found:
    message: Message
    hits: list[Hit]
    rule: Rule
    compared: str
    action: str = ""
    doubts: list[str] = field(default_factory=list)


def _try(run: DryRun, material: _Material) -> tuple[list[DryRunHit], dict[str, Any]]:
    version = run.version
    rules = {rule.code: rule for rule in Rule.objects.filter(version=version)}
    in_force = RuleSetVersion.objects.filter(rule_set_id=version.rule_set_id, state=VersionState.PUBLISHED)
    other = in_force.exclude(pk=version.pk).first()
    old_rules = {rule.code: rule for rule in Rule.objects.filter(version=other)} if other else {}
    found: list[_Found] = []
    before = compiled_for(other.pk).check_many(material.messages) if other else None
    for message, hits in _with_heartbeat(run, compiled_for(version.pk), material.messages):
        earlier = next(before)[1] if before else []
        if hits:
            compared = Compared.SAME if earlier else Compared.NEW
            found.append(_Found(message, hits, leading([rules[hit.rule] for hit in hits]), compared))
        elif earlier:
            found.append(_Found(message, earlier, leading([old_rules[hit.rule] for hit in earlier]), Compared.LOST))
    affected = _climb(version, rules, [one for one in found if one.compared != Compared.LOST])
    _doubt(material.messages, [one for one in found if one.compared != Compared.LOST])
    names = material.members or _names(Member, {one.message.member_id for one in found})
    groups = material.groups or _names(Group, {message.group_id for message in material.messages})
    rows = [
        DryRunHit(
            run=run,
            member_name=names.get(one.message.member_id, ""),
            group_name=groups.get(one.message.group_id, ""),
            member_id=None if material.members else one.message.member_id,
            at=one.message.at,
            type=one.message.type,
            text=one.message.text,
            rule=one.rule.code,
            hits=[hit_as_json(hit) for hit in one.hits],
            action=one.action,
            compared=one.compared,
            doubts=one.doubts,
            is_doubtful=bool(one.doubts),
        )
        for one in found
    ]
    result = {
        "messages": len(material.messages),
        "members": len({message.member_id for message in material.messages}),
        "groups": sorted(set(groups.values()))[:TOLD],
        "compared_with": other.number if other else None,
        "hits": sum(one.compared != Compared.LOST for one in found),
        "new": sum(one.compared == Compared.NEW for one in found),
        "lost": sum(one.compared == Compared.LOST for one in found),
        "doubtful": sum(bool(one.doubts) for one in found),
        "rules": _by_rule([*rules.values()], old_rules, found),
        "affected": [
            {**asdict(one), "name": names.get(one.member, ""), "group_name": groups.get(one.group, "")}
            for one in affected[:TOLD]
        ],
        "affected_total": len({one.member for one in affected}),
        "actions": dict(Counter(one.action for one in affected)),
        "rejected": material.rejected,
        "reasons": material.reasons,
    }
    return rows, result


def _with_heartbeat(
    run: DryRun, compiled: CompiledRules, messages: Sequence[Message]
) -> Iterator[tuple[Message, list[Hit]]]:
    for number, pair in enumerate(compiled.check_many(messages), start=1):
        if number % STEP == 0:
            DryRun.objects.filter(pk=run.pk).update(done=number, total=len(messages), heartbeat_at=timezone.now())
        yield pair


@dataclass
class _Affected:
    member: int
    group: int
    hits: int = 0
    strikes: int = 0
    action: str = ""


def _climb(version: RuleSetVersion, rules: dict[str, Rule], found: Iterable[_Found]) -> list[_Affected]:
    """Who would have come how far on the ladder: the hardest action of each member in each group, hardest first."""
    standing: dict[tuple[int, int], list[tuple[datetime, int]]] = defaultdict(list)
    affected: dict[tuple[int, int], _Affected] = {}
    lasts = timedelta(days=version.strike_days)
    for one in found:
        pair = (one.message.member_id, one.message.group_id)
        broken = [rules[hit.rule] for hit in one.hits]
        strikes = max(rule.strikes for rule in broken)
        standing[pair] = [(at, count) for at, count in standing[pair] if at > one.message.at - lasts]
        standing[pair].append((one.message.at, strikes))
        total = sum(count for _at, count in standing[pair])
        one.action = action_for(version=version, action=one.rule.action, strikes=strikes, standing=total)
        row = affected.setdefault(pair, _Affected(*pair))
        row.hits += 1
        row.strikes = max(row.strikes, total)
        row.action = hardest([row.action, one.action])
    return sorted(affected.values(), key=lambda row: (-ORDER[row.action], -row.strikes, -row.hits, row.member))


def _doubt(messages: Sequence[Message], found: Sequence[_Found]) -> None:
    """Marks the candidates for a false alarm; see the top of this file."""
    wrote: Counter[int] = Counter()
    first: dict[int, datetime] = {}
    last: dict[int, datetime] = {}
    for message in messages:
        wrote[message.member_id] += 1
        first.setdefault(message.member_id, message.at)
        last[message.member_id] = message.at
    hit_by: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for one in found:
        hit_by[one.message.member_id].update({(hit.rule, hit.detail) for hit in one.hits})
    messages_hit = Counter(one.message.member_id for one in found)
    writers: dict[tuple[str, str], set[int]] = defaultdict(set)
    for member, words in hit_by.items():
        for word in words:
            writers[word].add(member)
    common = {
        word
        for word, members in writers.items()
        if len(members) >= COMMON_MEMBERS and 2 * sum(len(hit_by[member]) == 1 for member in members) >= len(members)
    }
    for one in found:
        member = one.message.member_id
        days = (last[member] - first[member]).days
        if messages_hit[member] == 1 and wrote[member] >= OLD_HAND_MESSAGES and days >= OLD_HAND_DAYS:
            one.doubts.append("old_hand")
        found_words = {(hit.rule, hit.detail) for hit in one.hits}
        if len(found_words) == 1 and one.rule.detector == "keywords" and found_words <= common:
            one.doubts.append("common")


def _names(model: Any, numbers: Iterable[int]) -> dict[int, str]:
    return dict(model.objects.filter(pk__among=sorted(numbers)).order_by().values_list("pk", "name"))


def _by_rule(rules: Sequence[Rule], old: dict[str, Rule], found: Sequence[_Found]) -> list[dict[str, Any]]:
    known = {rule.code: rule for rule in [*old.values(), *rules]}
    order = [*[rule.code for rule in rules], *[code for code in old if code not in {rule.code for rule in rules}]]
    figures = {code: {"hits": 0, "new": 0, "lost": 0, "doubtful": 0, "members": set()} for code in order}
    for one in found:
        row: dict[str, Any] = figures[one.rule.code]
        row["hits"] += one.compared != Compared.LOST
        row["new"] += one.compared == Compared.NEW
        row["lost"] += one.compared == Compared.LOST
        row["doubtful"] += bool(one.doubts)
        if one.compared != Compared.LOST:
            row["members"].add(one.message.member_id)
    return [
        {"code": code, "text": known[code].text, **row, "members": len(row["members"])}  # type: ignore[arg-type]
        for code, row in figures.items()
    ]


def hits_mark(*, by: User, run: DryRun, hits: Sequence[int], is_false_alarm: bool) -> int:
    """Somebody says of hits that they are false alarms, or takes that back; returns how many were changed."""
    rows = DryRunHit.objects.filter(run=run, pk__in=hits).exclude(is_false_alarm=is_false_alarm)
    with transaction.atomic():
        changed = rows.update(is_false_alarm=is_false_alarm)
        if changed:
            audit_record(
                by=by, action="rules.false_alarms", subject=run, after={"hits": changed, "false_alarm": is_false_alarm}
            )
    return changed


def exceptions_proposed(run: DryRun) -> list[tuple[str, list[str]]]:
    """For each rule with keywords, the words that would except what was marked as a false alarm: the keyword with what
    stands beside it, "微信读书" for a hit by "微信"."""
    keyword_rules = dict(run.version.rules.filter(detector="keywords").values_list("code", "text"))
    found: dict[str, list[str]] = {}
    for hit_row in DryRunHit.objects.filter(run=run, is_false_alarm=True).exclude(compared=Compared.LOST):
        for hit in hit_row.hits:
            if hit["rule"] in keyword_rules:
                word = _around(hit_row.text, hit["start"], hit["end"])
                known = found.setdefault(keyword_rules[hit["rule"]], [])
                if word and word not in known:
                    known.append(word)
    return list(found.items())


def _around(text: str, start: int, end: int) -> str:
    """A stretch of a text with up to two letters behind it, or in front of it where nothing follows."""
    stop = end
    while stop < min(len(text), end + AROUND) and WORD.match(text[stop]):
        stop += 1
    begin = start
    if stop == end:
        while begin > max(0, start - AROUND) and WORD.match(text[begin - 1]):
            begin -= 1
    return text[begin:stop] if (begin, stop) != (start, end) else ""
