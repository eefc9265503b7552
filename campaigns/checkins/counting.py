"""Check-ins are taken, counted and judged.

Whatever writes check-ins holds the programme first (`programme_hold`): one after the other, so that what is read under
it is true until the end of the transaction. It is the first lock of every such transaction but for that of identities,
and `members.ingestion` takes it in the same place; so nobody waits in a circle.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import BinaryIO

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from activity.models import BuiltInKind
from activity.services import event_key, kinds_ensure, to_millisecond
from campaigns.checkins.models import (
    LONGEST_PROOF,
    CheckIn,
    CheckInDay,
    CheckInProgramme,
    CheckInStanding,
    CheckInState,
    ProgrammeState,
    Proof,
    Source,
)
from campaigns.checkins.rewarding import rewards_give
from campaigns.checkins.rules import figures
from community_ops.lib.images import encode_anew
from community_ops.lib.sql import lock_name
from groups.models import Group
from members.identities import share_identities
from members.ingestion import IncomingEvent, events_take_back, ingest
from members.ingestion.by_hand import SOURCE
from members.models import Member, Membership

# Told apart from other names that are locked: the first number of a range of its own.
LOCKS = 0x63_68_65_63 << 31
# Whose events are known by what they stand for, so that they can be taken back.
TAKEN_BACK = (Source.PAGE, Source.KEYWORD, Source.STAFF)


# SQLite lets one write at a time, and whoever finds it taken asks again, ever more seldom: a rush of check-ins would
# mostly sleep. The threads of a process stand in line instead.
_LINE = threading.Lock()


@contextmanager
def in_line() -> Iterator[None]:
    """To be held around a transaction that many members begin at once; never within one."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with _LINE:
        yield


class CheckInRefused(ValidationError):
    """It does not count; the message says why, to the member."""


def programme_hold(*programmes: int) -> None:
    """Holds programmes until the end of the transaction, in one order. The kind of their events is there before that:
    whoever makes it first is waited for."""
    share_identities()
    kinds_ensure([BuiltInKind.CHECK_IN])
    for number in sorted(set(programmes)):
        lock_name(LOCKS + number)


def check_in_ref(programme_id: int, member_id: int, day: date) -> str:
    """What the event of a check-in is known by, whoever tells it."""
    return f"check-in:{programme_id}:{member_id}:{day:%Y%m%d}"


def check_in_key(programme_id: int, member_id: int, day: date) -> str:
    return event_key(SOURCE, check_in_ref(programme_id, member_id, day))


def event_properties(programme_id: int, day: date) -> str:
    return json.dumps({"programme": programme_id, "day": f"{day:%Y%m%d}"})


def check_in(
    *,
    now: datetime,
    programme: CheckInProgramme,
    member: Member,
    group: Group,
    text: str = "",
    picture: BinaryIO | None = None,
    by: User | None = None,
) -> CheckIn:
    """A member checks in on the page, or staff do it for them (`by`). Done twice it is one check-in.

    Raises CheckInRefused when the programme is not open now, the group is not one of its own, or the proof is missing;
    ValidationError for a picture that cannot be read.
    """
    day = open_day(programme, now)
    if not programme.by_page and by is None:
        raise CheckInRefused(_("Check in by writing “%(keyword)s” in the group.") % {"keyword": programme.keyword})
    if not in_programme(programme, group, day):
        raise CheckInRefused(_("This group does not take part."))
    text = text.strip()[:LONGEST_PROOF]
    known = CheckIn.objects.filter(programme=programme, member=member, day=day).exclude(state=CheckInState.REJECTED)
    if found := known.first():
        return found
    if by is None:
        _check_proof(programme, text, picture)
    # Read and encoded before anything is held: it takes a while.
    name = picture_keep(picture) if picture is not None and programme.proof in (Proof.PICTURE, Proof.EITHER) else ""
    try:
        return _check_in(now, programme, member, group, day, text, name, by)
    except Exception:
        # Whatever went wrong is told as it is; only no picture is to stay of which no row knows.
        if name:
            default_storage.delete(name)
        raise


def _check_in(
    now: datetime,
    programme: CheckInProgramme,
    member: Member,
    group: Group,
    day: date,
    text: str,
    picture: str,
    by: User | None,
) -> CheckIn:
    with in_line(), transaction.atomic():
        programme_hold(programme.pk)
        row = CheckIn.objects.filter(programme=programme, member=member, day=day).first()
        if row is not None and row.state != CheckInState.REJECTED:
            picture_drop(picture)
            return row
        again = row is not None
        row = row or CheckIn(programme=programme, member=member, day=day)
        picture_drop(row.picture.name or "")
        row.group, row.source = group, Source.STAFF if by else Source.PAGE
        row.at = row.noted_at = now
        row.text, row.picture, row.reason = text, picture, ""
        # What was rejected once is looked at again.
        judged = by is None and (programme.is_reviewed or again)
        row.state = CheckInState.WAITING if judged else CheckInState.COUNTED
        row.decided_by, row.decided_at = (by, now) if by else (None, None)
        row.save()
        if by:
            audit_record(by=by, action="checkin.by_staff", subject=row, after={"member": member, "day": day})
        if row.state == CheckInState.COUNTED:
            _event_write(row, now)
        settle(programme=programme, members=[member.pk], now=now, days=[day])
    return row


def open_day(programme: CheckInProgramme, now: datetime) -> date:
    """The day that is open for check-ins; raises CheckInRefused when none is."""
    day = programme.calendar.day_at(now)
    if programme.state != ProgrammeState.RUNNING or day is None or not programme.calendar.is_day(day):
        raise CheckInRefused(_("Check-ins are closed right now."))
    return day


def in_programme(programme: CheckInProgramme, group: Group, day: date) -> bool:
    place = programme.places.filter(group=group, from_day__lte=day).first()
    return place is not None and (place.until_day is None or day <= place.until_day)


def _check_proof(programme: CheckInProgramme, text: str, picture: BinaryIO | None) -> None:
    wanting = {
        Proof.TEXT: (not text, _("Write a few words about what you did.")),
        Proof.PICTURE: (picture is None, _("Add a picture of what you did.")),
        Proof.EITHER: (not text and picture is None, _("Write a few words, or add a picture.")),
    }
    missing, message = wanting.get(Proof(programme.proof), (False, ""))
    if missing:
        raise CheckInRefused(message)


def picture_keep(picture: BinaryIO) -> str:
    """Keeps the picture of a proof, encoded anew, under a name that says nothing; returns the name. Raises
    ValidationError."""
    encoded = encode_anew(picture)
    return default_storage.save(f"checkins/{get_random_string(32)}.{encoded.ending}", ContentFile(encoded.data))


def picture_drop(name: str) -> None:
    """Deletes the picture of a proof once the transaction is over."""
    if name:
        transaction.on_commit(lambda: default_storage.delete(name))


def _event_write(row: CheckIn, now: datetime) -> None:
    """The event of a check-in; nothing when it is there already."""
    event = IncomingEvent(
        check_in_key(row.programme_id, row.member_id, row.day),
        row.member.external_id,
        row.group.external_id,
        BuiltInKind.CHECK_IN,
        to_millisecond(row.at),
        properties=event_properties(row.programme_id, row.day),
    )
    ingest(events=[event], source=f"check-in:{row.member_id}", by=None, create_missing=False, now=now)


# What follows from check-ins


def settle(*, programme: CheckInProgramme, members: Collection[int], now: datetime, days: Iterable[date] = ()) -> None:
    """Writes down anew what these members have reached, gives what they have earned by that, and counts closed `days`
    anew. Must run in a transaction that holds the programme."""
    standings_write(programme=programme, members=members, now=now)
    rewards_give(programme=programme, members=members, now=now)
    days_recount(programme=programme, days=days)


def standings_write(*, programme: CheckInProgramme, members: Collection[int], now: datetime) -> None:
    """The one place that writes what members have reached. Must run under programme_hold()."""
    numbers = sorted(set(members))
    rows = CheckIn.objects.filter(programme=programme, member__id__among=numbers).order_by("at", "pk")
    counted: dict[int, set[date]] = {}
    waiting: dict[int, set[date]] = {}
    places: dict[int, int] = {}
    for member_id, day, state, group_id in rows.values_list("member_id", "day", "state", "group_id"):
        places[member_id] = group_id
        if state == CheckInState.COUNTED:
            counted.setdefault(member_id, set()).add(day)
        elif state == CheckInState.WAITING:
            waiting.setdefault(member_id, set()).add(day)
    standings = []
    for member_id in numbers:
        if member_id not in places:
            continue
        found = figures(programme.calendar, counted.get(member_id, ()), now, waiting=waiting.get(member_id, ()))
        standings.append(
            CheckInStanding(
                programme=programme,
                member_id=member_id,
                group_id=places[member_id],
                current=found.current,
                longest=found.longest,
                total=found.total,
                last_day=found.last_day,
                longest_on=found.longest_on,
                ends_at=found.ends_at,
            )
        )
    gone = [number for number in numbers if number not in places]
    if gone:
        CheckInStanding.objects.filter(programme=programme, member__id__among=gone).delete()
    CheckInStanding.objects.bulk_create(
        standings,
        update_conflicts=True,
        unique_fields=["programme", "member"],
        update_fields=["group", "current", "longest", "total", "last_day", "longest_on", "ends_at"],
        batch_size=500,
    )


def days_recount(*, programme: CheckInProgramme, days: Iterable[date]) -> None:
    """Counts closed days anew, because something came late or was judged since."""
    for row in CheckInDay.objects.filter(programme=programme, day__in=set(days), closed_at__isnull=False):
        counted = day_counts(row)[1]
        CheckInDay.objects.filter(pk=row.pk).update(counted=counted, present=max(row.present, counted))


def day_counts(row: CheckInDay) -> tuple[int, int]:
    """How many members are present in the group of a day, and how many of them have checked in on it, in whichever
    group of the programme."""
    present = Membership.objects.present().filter(group_id=row.group_id, member__erased_at=None)
    done = CheckIn.objects.counted().filter(programme_id=row.programme_id, day=row.day)
    return present.count(), present.filter(member_id__in=done.values("member_id")).count()


# Judging


def proofs_judge(*, by: User, now: datetime, rows: Sequence[CheckIn], approve: bool, reason: str = "") -> list[CheckIn]:
    """Approves proofs that wait, or rejects check-ins that wait or count; returns those that it changed. What the
    member was given before stays. Must not hold check-ins of more than one programme."""
    if not rows:
        return []
    programme = rows[0].programme
    reason = reason.strip()[:200]
    if not approve and not reason:
        raise ValidationError({"reason": _("Say why, the member reads it.")})
    with transaction.atomic():
        programme_hold(programme.pk)
        states = [CheckInState.WAITING] if approve else [CheckInState.WAITING, CheckInState.COUNTED]
        changed = list(
            CheckIn.objects.filter(pk__in=[row.pk for row in rows], programme=programme, state__in=states)
            .select_related("member", "group", "programme")
            .order_by("pk")
        )
        state = CheckInState.COUNTED if approve else CheckInState.REJECTED
        ids = [row.pk for row in changed]
        CheckIn.objects.filter(pk__in=ids).update(state=state, reason=reason, decided_by=by, decided_at=now)
        for row in changed:
            before, row.state = row.state, state
            audit_record(
                by=by,
                action=f"checkin.{'approved' if approve else 'rejected'}",
                subject=row,
                before={"state": before},
                after={"state": str(state), "day": row.day, **({"reason": reason} if reason else {})},
            )
            if approve:
                _event_write(row, now)
        if not approve:
            mine = [row for row in changed if row.source in TAKEN_BACK]
            events_take_back(refs=[check_in_ref(row.programme_id, row.member_id, row.day) for row in mine], now=now)
        settle(
            programme=programme, members={row.member_id for row in changed}, now=now, days={row.day for row in changed}
        )
    return changed


def judging_undo(*, by: User, now: datetime, row: CheckIn) -> bool:
    """Takes a decision about a proof back: it waits again. False when it is not decided (any more)."""
    with transaction.atomic():
        programme_hold(row.programme_id)
        decided = CheckIn.objects.filter(pk=row.pk, decided_at__isnull=False)
        fresh = decided.exclude(state=CheckInState.WAITING).select_related("programme", "member").first()
        if fresh is None or fresh.source in (Source.MAKE_UP, Source.STAFF):
            return False
        CheckIn.objects.filter(pk=row.pk).update(
            state=CheckInState.WAITING, decided_by=None, decided_at=None, reason=""
        )
        audit_record(by=by, action="checkin.reopened", subject=fresh, after={"day": fresh.day})
        if fresh.source in TAKEN_BACK:
            events_take_back(refs=[check_in_ref(fresh.programme_id, fresh.member_id, fresh.day)], now=now)
        settle(programme=fresh.programme, members=[fresh.member_id], now=now, days=[fresh.day])
    return True
