"""Answers and likes."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from activity.models import BuiltInKind
from activity.services import EventRow, event_key
from campaigns.brainstorms.models import LONGEST_ANSWER, Answer, AnswerLike, Brainstorm
from members.identities import share_identities
from members.ingestion import Deed, events_by_hand, events_take_back
from members.ingestion.by_hand import SOURCE
from members.models import Member
from members.participation.services import points_for_taking_part

# So many answers of one member a session takes; ideas are wanted, floods are not.
MOST_ANSWERS = 20


def digest_of(text: str) -> str:
    """What two answers with the same words have in common; nothing for no words."""
    folded = " ".join(text.split()).casefold()
    return blake2b(folded.encode(), digest_size=16).hexdigest() if folded else ""


def _ref(session_id: int, member_id: int, digest: str) -> str:
    return f"brainstorm:{session_id}:{member_id}:{digest}"


def answer_give(*, now: datetime, session: Brainstorm, member: Member, text: str) -> Answer:
    """Takes what a member wrote on the page of a session. The same words again are the answer that is there, so a form
    that is sent twice adds one.

    Raises ValidationError by field; code `closed` outside of the hours, `too_many` beyond MOST_ANSWERS.
    """
    text = text.replace("\x00", "").strip()
    if not session.takes_answers(now):
        raise ValidationError({"text": ValidationError(_("This session takes no answers now."), code="closed")})
    if not text:
        raise ValidationError({"text": ValidationError(_("Write your answer."), code="required")})
    if len(text) > LONGEST_ANSWER:
        most = _("An answer has at most %(most)d characters.") % {"most": LONGEST_ANSWER}
        raise ValidationError({"text": ValidationError(most, code="max_length")})
    digest = digest_of(text)
    with transaction.atomic():
        # First of all: who is who stays as it is until the event is written.
        share_identities()
        mine = Answer.objects.filter(session=session, member=member)
        if (known := mine.filter(digest=digest).first()) is not None:
            return known
        if mine.count() >= MOST_ANSWERS:
            many = _("You have given %(most)d answers: leave some to the others.") % {"most": MOST_ANSWERS}
            raise ValidationError({"text": ValidationError(many, code="too_many")})
        ref = _ref(session.pk, member.pk, digest)
        # The event comes before the answer, as it does for a message: two that meet wait for each other only once.
        events_by_hand(deeds=[Deed(ref, member, session.group, BuiltInKind.ANSWER, now)], now=now)
        answer, is_new = Answer.objects.get_or_create(
            session=session,
            member=member,
            digest=digest,
            defaults={"text": text, "event": event_key(SOURCE, ref), "at": now},
        )
        if is_new:
            _points(session, member, now)
    return answer


@dataclass(frozen=True)
class Told:
    """An answer that came as a message. `key` is that of its event: of the words where they are known, so that whoever
    wrote the same on the page has answered once."""

    key: str
    session: Brainstorm
    member_id: int
    text: str
    digest: str
    at: datetime


def answers_told(*, rows: Sequence[EventRow]) -> dict[str, Told]:
    """What events of the kind `answer` say to the session whose hours they fall into, by the keys that they were sent
    with. One query, and none for other events."""
    placed = [row for row in rows if row.group_id is not None]
    if not placed:
        return {}
    first, last = min(row.at for row in placed), max(row.at for row in placed)
    sessions = list(
        Brainstorm.objects.held()
        .filter(group__in={row.group_id for row in placed}, opens_at__lte=last, closes_at__gt=first)
        .order_by("opens_at", "pk")
    )
    found = {}
    for row in placed:
        fitting = [one for one in sessions if one.group_id == row.group_id and one.takes_answers(row.at)]
        if not fitting:
            continue
        session, text = fitting[-1], _words(row.properties)
        digest = digest_of(text)
        key = event_key(SOURCE, _ref(session.pk, row.member_id, digest)) if digest else row.key
        found[row.key] = Told(key, session, row.member_id, text, digest, row.at)
    return found


def answers_take(*, told: Collection[Told], now: datetime) -> int:
    """Keeps answers whose events are new; returns how many. To be called in the transaction that adds the events."""
    known = set(Answer.objects.filter(event__in=[one.key for one in told]).values_list("event", flat=True))
    added = 0
    for one in told:
        own = Answer.objects.filter(session=one.session, member_id=one.member_id)
        if one.key in known or own.count() >= MOST_ANSWERS:
            continue
        if one.digest and own.filter(digest=one.digest).exists():
            # Said before under the number of a member who was merged into this one.
            continue
        known.add(one.key)
        Answer.objects.create(
            session=one.session,
            member_id=one.member_id,
            text=one.text,
            digest=one.digest,
            event=one.key,
            at=one.at,
            by_message=True,
        )
        _points(one.session, Member.objects.get(pk=one.member_id), now)
        added += 1
    return added


def _words(properties: str | None) -> str:
    """The text that comes with an event, where there is one."""
    said = json.loads(properties) if properties else {}
    text = said.get("text") if isinstance(said, dict) else None
    return text.replace("\x00", "").strip()[:LONGEST_ANSWER] if isinstance(text, str) else ""


def _points(session: Brainstorm, member: Member, now: datetime) -> None:
    reason = _("Took part in a brainstorm")
    points_for_taking_part(kind="answer", ref=f"{session.pk}:{member.pk}", member=member, reason=reason, now=now)


# Likes


def answer_like(*, now: datetime, answer: Answer, staff: User | None = None, member: Member | None = None) -> bool:
    """The like of one person of the staff, or of a member; False when it is there already. A member's is an event.

    Raises ValidationError for a member who likes themselves.
    """
    if member is not None and member.pk == answer.member_id:
        raise ValidationError(_("Nobody likes their own answer."))
    with transaction.atomic():
        share_identities()
        # Held, so that a like which is taken back at this moment does not forget this one.
        Answer.objects.select_for_update(no_key=True).get(pk=answer.pk)
        try:
            with transaction.atomic():
                AnswerLike.objects.create(answer=answer, staff=staff, member=member, at=now)
        except IntegrityError:
            return False
        if staff is not None:
            Answer.objects.filter(pk=answer.pk, seen_at=None).update(seen_at=now)
        if member is not None:
            group = answer.session.group
            deed = Deed(_like_ref(answer.pk, member.pk), member, group, BuiltInKind.LIKE, now)
            events_by_hand(deeds=[deed], now=now)
    return True


def answer_unlike(*, now: datetime, answer: Answer, staff: User | None = None, member: Member | None = None) -> bool:
    """Takes answer_like back, and its event with it. False when there was none."""
    with transaction.atomic():
        share_identities()
        row = Answer.objects.select_for_update(no_key=True).get(pk=answer.pk)
        gone, _rows = AnswerLike.objects.filter(answer=answer, staff=staff, member=member).delete()
        if not gone:
            return False
        if staff is not None:
            left = row.likes.filter(staff__isnull=False).order_by("at").values_list("at", flat=True).first()
            Answer.objects.filter(pk=answer.pk).update(seen_at=left)
        if member is not None:
            events_take_back(refs=[_like_ref(answer.pk, member.pk)], now=now)
    return True


def _like_ref(answer_id: int, member_id: int) -> str:
    return f"brainstorm-like:{answer_id}:{member_id}"


# Moderation


def answer_hide(*, by: User, now: datetime, answer: Answer) -> bool:
    """Takes an answer from the pages of members and out of what is counted. False when it was hidden already."""
    with transaction.atomic():
        done = bool(Answer.objects.filter(pk=answer.pk, hidden_at=None).update(hidden_at=now))
        if done:
            audit_record(by=by, action="brainstorm.answer_hidden", subject=answer)
    return done


def answer_show(*, by: User, answer: Answer) -> bool:
    """Takes answer_hide back."""
    with transaction.atomic():
        done = bool(Answer.objects.filter(pk=answer.pk, hidden_at__isnull=False).update(hidden_at=None))
        if done:
            audit_record(by=by, action="brainstorm.answer_shown", subject=answer)
    return done
