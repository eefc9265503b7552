"""Questions come: from the page, by another system, or out of what was written in the group."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from activity.models import BuiltInKind, EventKind
from activity.services import EventRow, to_millisecond
from community_ops.lib.images import Encoded
from community_ops.lib.sql import lock_name
from groups.models import Group
from members.ingestion import IncomingEvent, ingest
from members.ingestion.by_hand import SOURCE, Deed, events_by_hand
from members.models import Member, Membership
from members.questions.models import AskedBy, EscalationStep, Question, QuestionState
from members.questions.service import services_for
from members.questions.services.escalation import steps_for, waiting_end

LONGEST = 2000
# The same words by the same member within this time are the same question: a form that was sent twice.
SAME_WITHIN = timedelta(minutes=10)
# What another system tells later than this is history: it is counted, and nobody is asked to answer it.
HISTORY_AFTER = timedelta(hours=24)
ONE_DAY = timedelta(days=1)
# How many questions one member may ask on the page in a day.
MOST_A_DAY = 30


class NotAskable(ValidationError):
    """Why a question is not taken, by field."""


def question_ask(
    *,
    now: datetime,
    member: Member,
    group: Group,
    text: str,
    source: str,
    by: User | None = None,
    asked_at: datetime | None = None,
    picture: Encoded | None = None,
    event_key: str | None = None,
) -> Question:
    """A question of a member who is in the group; asked twice, it is one.

    `by` is who of the staff wrote it down. `event_key` is that of the message it was, or of the event by which another
    system knows it: an event that is there already is not counted a second time. Raises NotAskable by field.
    """
    text, at = text.replace("\x00", "").strip(), asked_at or now
    if not text:
        raise NotAskable({"text": _("Write your question.")})
    if len(text) > LONGEST:
        raise NotAskable({"text": _("The question is too long: %(most)s characters at most.") % {"most": LONGEST}})
    if at > now:
        raise NotAskable({"asked_at": _("This lies in the future.")})
    if at < now - HISTORY_AFTER:
        raise NotAskable({"asked_at": _("A question older than a day is not taken up any more.")})
    if not Membership.objects.present().filter(member=member, group=group).exists():
        raise NotAskable({"member": _("%(member)s is not in this group.") % {"member": member}})
    with transaction.atomic():
        lock_name(_number_of(f"question:{member.pk}"))
        known = _known(member, group, text, now, event_key)
        if known is not None:
            return known
        lately = Question.objects.filter(member=member, asked_at__gt=now - ONE_DAY)
        if source == AskedBy.PAGE and lately.count() >= MOST_A_DAY:
            raise NotAskable({"text": _("You have asked a lot today. Please write to the staff directly.")})
        question = Question(
            member=member, group=group, text=text, asked_at=at, source=source, noted_by=by, event_key=event_key
        )
        if picture is not None:
            question.picture.save(f"{secrets.token_hex(16)}.{picture.ending}", ContentFile(picture.data), save=False)
        _begin([question])
        _count(question, now)
        audit_record(by=by, action="question.asked", subject=question, after={"group": group})
    return question


def _count(question: Question, now: datetime) -> None:
    """Writes the event of a question, once however it is known."""
    key = question.event_key
    name = BuiltInKind.QUESTION.value
    if key is None:
        deed = Deed(f"question:{question.pk}", question.member, question.group, name, question.asked_at)
        events_by_hand(deeds=[deed], now=now)
        return
    event = IncomingEvent(
        str(key), question.member.external_id, question.group.external_id, name, to_millisecond(question.asked_at)
    )
    ingest(events=[event], source=SOURCE, by=None, create_missing=False, now=now)


def _known(member: Member, group: Group, text: str, now: datetime, event_key: str | None) -> Question | None:
    if event_key is not None:
        return Question.objects.filter(event_key=event_key).select_related("group", "member").first()
    same = Question.objects.open().filter(member=member, group=group, text=text, asked_at__gt=now - SAME_WITHIN)
    return same.select_related("group", "member").first()


def _number_of(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def _begin(questions: list[Question]) -> None:
    """Saves questions with their deadline and the steps of their ladder."""
    services = services_for({question.group for question in questions})
    steps: list[EscalationStep] = []
    for question in questions:
        service = services[question.group_id]
        question.target_seconds, question.due_at = service.target, service.due_at(question.asked_at)
        question.save()
        steps += steps_for(question=question, service=service)
    EscalationStep.objects.bulk_create(steps, batch_size=500)


def questions_from_events(rows: Sequence[EventRow], *, now: datetime) -> None:
    """Takes up the questions among new events: those of kind `question` that happened lately in a group, and whose
    property `text` says what was asked. Must run in the transaction that adds the events."""
    recent = [row for row in rows if row.group_id and row.properties and now - HISTORY_AFTER < row.at <= now]
    kind = EventKind.objects.filter(slug=BuiltInKind.QUESTION).first() if recent else None
    asked = [row for row in recent if kind is not None and row.kind_id == kind.pk]
    chosen = [(row, text) for row in asked if (text := _text_of(row.properties or ""))]
    if not chosen:
        return
    groups = Group.objects.in_bulk({row.group_id for row, _text in chosen if row.group_id})
    questions = [
        Question(
            member_id=row.member_id,
            group=groups[row.group_id or 0],
            text=text,
            asked_at=row.at,
            source=AskedBy.MESSAGE,
            event_key=row.key,
        )
        for row, text in chosen
    ]
    _begin(questions)


def _text_of(properties: str) -> str:
    values: Any = json.loads(properties)
    text = values.get("text") if isinstance(values, dict) else None
    return text.replace("\x00", "").strip()[:LONGEST] if isinstance(text, str) else ""


def question_withdraw(*, now: datetime, member: Member, question: Question) -> bool:
    """The member who asked takes it back while nobody has answered."""
    with transaction.atomic():
        own = Question.objects.open().filter(pk=question.pk, member=member)
        if not own.update(state=QuestionState.WITHDRAWN, taken_by=None, taken_at=None):
            return False
        waiting_end(questions=[question.pk], now=now)
        audit_record(by=None, action="question.withdrawn", subject=question)
    question.refresh_from_db()
    return True
