"""Check-ins that come in as messages with a keyword, or as events that another system tells.

All of it happens in the transaction that adds the events (members.ingestion.arrivals). The event of a check-in has one
key however it is told, so a day of a programme is one event of a member; and the row of the day is made exactly when
the event is.
"""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from activity.models import BuiltInKind
from activity.services import EventRow, event_key, kinds_ensure
from campaigns.checkins.counting import check_in_key, event_properties, picture_drop, programme_hold, settle
from campaigns.checkins.making_up import card_return
from campaigns.checkins.models import (
    LONGEST_PROOF,
    CheckIn,
    CheckInGroup,
    CheckInProgramme,
    CheckInState,
    Proof,
    Source,
)
from members.ingestion import Arrival, Expected, register_preparer
from members.ingestion.by_hand import SOURCE

KINDS = (BuiltInKind.MESSAGE, BuiltInKind.CHECK_IN)
Place = tuple[int, int, date]  # programme, member, day


@dataclass(frozen=True)
class Claim:
    """A check-in that somebody tells. `key` is that of the event that brings it."""

    programme: CheckInProgramme
    member_id: int
    group_id: int
    day: date
    at: datetime
    source: Source
    key: str
    text: str = ""

    @property
    def place(self) -> Place:
        return self.programme.pk, self.member_id, self.day


def register() -> None:
    register_preparer("check-ins", KINDS, prepare)


def folded(text: str) -> str:
    """A text as keywords are compared: without differences of width, form and case, and of the ends."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def after_keyword(text: str, keyword: str) -> str | None:
    """What follows the keyword a message begins with; nothing when it does not. A keyword that ends in a Latin letter
    or a digit must end a word, so that "in" is not found in "indeed"."""
    said, wanted = folded(text), folded(keyword)
    if not wanted or not said.startswith(wanted):
        return None
    rest = said[len(wanted) :]
    if rest and (rest[0].isascii() and rest[0].isalnum()) and wanted[-1].isascii() and wanted[-1].isalnum():
        return None
    return rest.lstrip(" \t\n\r:,.!-，。！、：~").rstrip()


def prepare(arrivals: Sequence[Arrival], now: datetime) -> Expected | None:
    arrivals = [arrival for arrival in arrivals if not _is_own(arrival.row)]
    groups = {arrival.row.group_id for arrival in arrivals if arrival.row.group_id is not None}
    places = _places(groups)
    if not places:
        return None
    claims: list[Claim] = []
    keys: dict[str, str] = {}
    for row, kind, text, *_rest in arrivals:
        near = [(place, place.programme) for place in places.get(row.group_id or 0, ())]
        days = [(programme, _day(place, row.at)) for place, programme in near]
        found = [(programme, day) for programme, day in days if day is not None]
        if kind == BuiltInKind.MESSAGE:
            claims += _written(found, row, text)
        elif told := _told(found, row):
            programme, day = told
            own = check_in_key(programme.pk, row.member_id, day)
            keys[row.key] = own
            claims.append(_claim(programme, row, day, Source.SYSTEM, own))
    claims = [claim for claim in claims if claim.at <= now and _is_open(claim)]
    if not claims:
        return Expected(keys) if keys else None
    programme_hold(*(claim.programme.pk for claim in claims))
    known = _known(claims)
    chosen: dict[Place, Claim] = {}
    # Of several, what another system vouches for; else the first.
    for claim in sorted(claims, key=lambda one: (one.source != Source.SYSTEM, one.at)):
        if _may_count(claim, known.get(claim.place)):
            chosen.setdefault(claim.place, claim)
    kind_id = kinds_ensure([BuiltInKind.CHECK_IN])[BuiltInKind.CHECK_IN]
    more = [_event(claim, kind_id) for claim in chosen.values() if claim.source == Source.KEYWORD and not _waits(claim)]
    return Expected(keys, more, partial(_write, list(chosen.values()), known, now))


def _is_own(row: EventRow) -> bool:
    """Whether counting.py writes this event itself."""
    told = json.loads(row.properties) if row.properties else None
    if not isinstance(told, dict) or not isinstance(told.get("day"), str) or not isinstance(told.get("programme"), int):
        return False
    return row.key == event_key(SOURCE, f"check-in:{told['programme']}:{row.member_id}:{told['day']}")


def _places(groups: Collection[int]) -> dict[int, list[CheckInGroup]]:
    """The programmes of these groups."""
    found: dict[int, list[CheckInGroup]] = defaultdict(list)
    rows = CheckInGroup.objects.filter(group__id__among=sorted(groups)).order_by("pk")
    programmes: dict[int, CheckInProgramme] = {}
    fetched = list(rows)
    if fetched:
        ids = {row.programme_id for row in fetched}
        programmes = {row.pk: row for row in CheckInProgramme.objects.filter(pk__in=ids)}
    for row in fetched:
        row.programme = programmes[row.programme_id]
        found[row.group_id].append(row)
    return found


def _day(place: CheckInGroup, at: datetime) -> date | None:
    day = place.programme.calendar.day_at(at)
    if day is None or day < place.from_day or (place.until_day is not None and day > place.until_day):
        return None
    return day


def _written(found: Iterable[tuple[CheckInProgramme, date]], row: EventRow, text: str) -> Iterable[Claim]:
    for programme, day in found:
        rest = after_keyword(text, programme.keyword) if programme.keyword else None
        wants_words = programme.proof in (Proof.TEXT, Proof.EITHER)
        if rest is None or programme.proof == Proof.PICTURE or (wants_words and not rest):
            continue
        claim = _claim(programme, row, day, Source.KEYWORD, row.key, rest if wants_words else "")
        yield claim


def _told(found: Sequence[tuple[CheckInProgramme, date]], row: EventRow) -> tuple[CheckInProgramme, date] | None:
    """The programme that an event of another system is about: the one it names, or the only one that is open."""
    named = json.loads(row.properties).get("programme") if row.properties else None
    if named is None:
        return found[0] if len(found) == 1 else None
    return next(((programme, day) for programme, day in found if programme.pk == named), None)


def _claim(programme: CheckInProgramme, row: EventRow, day: date, source: Source, key: str, text: str = "") -> Claim:
    assert row.group_id is not None
    return Claim(programme, row.member_id, row.group_id, day, row.at, source, key, text[:LONGEST_PROOF])


def _is_open(claim: Claim) -> bool:
    return claim.programme.calendar.is_day(claim.day)


def _known(claims: Sequence[Claim]) -> dict[Place, CheckIn]:
    rows = CheckIn.objects.filter(
        programme_id__in={claim.programme.pk for claim in claims},
        member__id__among=sorted({claim.member_id for claim in claims}),
        day__in={claim.day for claim in claims},
    )
    return {(row.programme_id, row.member_id, row.day): row for row in rows}


def _may_count(claim: Claim, known: CheckIn | None) -> bool:
    """Whether a claim changes anything: a day that counts already does not, unless it was only made up; one that waits
    is settled by a system that vouches for it; what staff rejected stays rejected."""
    if known is None:
        return True
    if known.state == CheckInState.COUNTED:
        return known.source == Source.MAKE_UP
    return known.state == CheckInState.WAITING and claim.source == Source.SYSTEM


def _waits(claim: Claim) -> bool:
    return claim.source == Source.KEYWORD and claim.programme.is_reviewed


def _event(claim: Claim, kind_id: int) -> Arrival:
    row = EventRow(
        key=check_in_key(*claim.place),
        member_id=claim.member_id,
        group_id=claim.group_id,
        kind_id=kind_id,
        at=claim.at,
        properties=event_properties(claim.programme.pk, claim.day),
    )
    return Arrival(row, BuiltInKind.CHECK_IN)


def _write(claims: Sequence[Claim], known: dict[Place, CheckIn], now: datetime, fresh: Collection[str]) -> None:
    """The rows of the days whose event is new, or, where a proof waits for review, whose message is."""
    touched: dict[int, list[Claim]] = defaultdict(list)
    for claim in claims:
        brought_by = claim.key if _waits(claim) else check_in_key(*claim.place)
        if brought_by not in fresh:
            continue
        row = known.get(claim.place)
        if row is None:
            row = CheckIn(programme=claim.programme, member_id=claim.member_id, day=claim.day)
        elif row.source == Source.MAKE_UP:
            # They had done it after all: the card is theirs again.
            card_return(row=row, now=now)
        elif claim.source == Source.SYSTEM:
            picture_drop(row.picture.name or "")
        row.group_id, row.source, row.at, row.noted_at = claim.group_id, claim.source, claim.at, now
        row.text, row.picture, row.price = claim.text, "", 0
        row.state = CheckInState.WAITING if _waits(claim) else CheckInState.COUNTED
        row.save()
        touched[claim.programme.pk].append(claim)
    for own in touched.values():
        settle(
            programme=own[0].programme,
            members={claim.member_id for claim in own},
            now=now,
            days={claim.day for claim in own},
        )
