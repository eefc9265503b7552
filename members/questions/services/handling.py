"""What staff do with a question beside answering it."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from members.questions.models import CloseReason, EscalationStep, Question, QuestionState, StepState
from members.questions.service import service_for
from members.questions.services.escalation import waiting_end


def question_take(*, by: User, now: datetime, question: Question, over: int | None = None) -> bool:
    """`by` writes the answer, so that no two do. Of two who take it at once one gets it.

    `over` is the number of the person from whom it is taken over, as the page showed it; with nobody there it is None.
    """
    with transaction.atomic():
        free = Question.objects.open().filter(pk=question.pk, taken_by=over)
        if over == by.pk or not free.update(taken_by=by, taken_at=now):
            return False
        audit_record(by=by, action="question.taken", subject=question)
    question.taken_by, question.taken_at = by, now
    return True


def question_give_back(*, by: User, question: Question) -> bool:
    """Whoever took it cannot answer after all."""
    with transaction.atomic():
        mine = Question.objects.open().filter(pk=question.pk, taken_by=by)
        if not mine.update(taken_by=None, taken_at=None):
            return False
        audit_record(by=by, action="question.given_back", subject=question)
    question.taken_by = question.taken_at = None
    return True


def question_close(*, by: User, now: datetime, question: Question, reason: str, note: str = "") -> bool:
    """Ends an open question without an answer. False when it is not open any more."""
    if reason not in CloseReason.values or reason == CloseReason.MERGED:
        raise ValidationError({"reason": _("Say why it is closed.")})
    return _close(by, now, question, reason, note, None)


def question_merge(*, by: User, now: datetime, question: Question, into: Question) -> bool:
    """The same was asked before in this group: who asked reads the answers there. Raises ValidationError."""
    if into.pk == question.pk or into.group_id != question.group_id or not into.takes_answers:
        raise ValidationError({"into": _("Choose another question of the same group that is not closed.")})
    return _close(by, now, question, CloseReason.MERGED, "", into)


def _close(by: User, now: datetime, question: Question, reason: str, note: str, into: Question | None) -> bool:
    values = {
        "state": QuestionState.CLOSED,
        "closed_at": now,
        "closed_by": by,
        "close_reason": reason,
        "close_note": note.replace("\x00", "").strip()[:300],
        "merged_into": into,
        "taken_by": None,
        "taken_at": None,
    }
    with transaction.atomic():
        if not Question.objects.open().filter(pk=question.pk).update(**values):
            return False
        waiting_end(questions=[question.pk], now=now)
        audit_record(by=by, action="question.closed", subject=question, after={"reason": reason, "note": note})
    for name, value in values.items():
        setattr(question, name, value)
    return True


def question_reopen(*, by: User, now: datetime, question: Question) -> bool:
    """Takes a closing back: the question waits again, and the steps of its ladder that are still to come are to come
    again."""
    with transaction.atomic():
        current = Question.objects.select_for_update().get(pk=question.pk)
        if current.state != QuestionState.CLOSED:
            return False
        service = service_for(question.group)
        EscalationStep.objects.filter(
            question=current, state=StepState.CANCELLED, settled_at=current.closed_at, due_at__gt=now
        ).update(state=StepState.DUE, settled_at=None)
        current.state, current.closed_at, current.closed_by = QuestionState.OPEN, None, None
        current.close_reason = current.close_note = ""
        current.merged_into = None
        current.target_seconds, current.due_at = service.target, service.due_at(current.asked_at)
        current.save()
        audit_record(by=by, action="question.reopened", subject=current)
    question.refresh_from_db()
    return True
