"""Answers: given by staff and members, found helpful, accepted."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from activity.models import BuiltInKind
from members.ingestion.by_hand import Deed, events_by_hand, events_take_back
from members.models import Member, Membership
from members.questions.models import Answer, HelpfulVote, Knowledge, Question, QuestionState
from members.questions.service import service_for
from members.questions.services.escalation import waiting_end
from members.questions.services.keeping import knowledge_keep

LONGEST = 2000
LONGEST_RESOURCE = 500


class NotAnswerable(ValidationError):
    """Why an answer is not taken, by field."""


def answer_give(
    *,
    now: datetime,
    question: Question,
    by: User | None = None,
    member: Member | None = None,
    analysis: str = "",
    plan: str = "",
    resource: str = "",
    knowledge: Knowledge | None = None,
) -> Answer:
    """An answer by somebody of the staff (`by`) or by a member who is in the group; sent twice, it is one.

    The first one decides whether the question was answered in time, and ends its ladder. `knowledge` is what it was
    taken from. Who may answer as staff is asked by the caller. Raises NotAnswerable by field.
    """
    parts = {
        name: text.replace("\x00", "").strip()
        for name, text in (("analysis", analysis), ("plan", plan), ("resource", resource))
    }
    if not parts["analysis"] and not parts["plan"]:
        raise NotAnswerable({"plan": _("Say what the matter is, or what to do: one of the two is needed.")})
    for name, most in (("analysis", LONGEST), ("plan", LONGEST), ("resource", LONGEST_RESOURCE)):
        if len(parts[name]) > most:
            raise NotAnswerable({name: _("This is too long: %(most)s characters at most.") % {"most": most}})
    if member is not None and not Membership.objects.present().filter(member=member, group=question.group_id).exists():
        raise NotAnswerable(_("Only who is in the group answers there."))
    with transaction.atomic():
        # Who answers first is decided by the UPDATE below; this only keeps one form from being taken twice.
        same = Answer.objects.filter(question=question, author=by, member=member, **parts).first()
        if same is not None:
            return same
        answer = Answer.objects.create(question=question, author=by, member=member, at=now, **parts)
        if member is not None:
            deed = Deed(f"answer:{answer.pk}", member, question.group, BuiltInKind.ANSWER, now)
            events_by_hand(deeds=[deed], now=now)
        if not _first(question, now):
            question.refresh_from_db(fields=["state"])
            if not question.takes_answers:
                raise NotAnswerable(_("This question is closed by now."))
        if knowledge is not None:
            Knowledge.objects.filter(pk=knowledge.pk).update(used=F("used") + 1)
        audit_record(by=by, action="question.answered", subject=question, after={"in_time": question.in_time})
    return answer


def _first(question: Question, now: datetime) -> bool:
    """Notes the first answer. False when there was one, or none is wanted any more."""
    service = service_for(question.group)
    served = service.elapsed(question.asked_at, now)
    values = {
        "state": QuestionState.ANSWERED,
        "first_answer_at": now,
        "served_seconds": served,
        "in_time": served <= question.target_seconds,
        "taken_by": None,
        "taken_at": None,
    }
    if not Question.objects.open().filter(pk=question.pk).update(**values):
        return False
    for name, value in values.items():
        setattr(question, name, value)
    waiting_end(questions=[question.pk], now=now)
    return True


def answer_accept(*, now: datetime, answer: Answer, by: User | None = None) -> bool:
    """The member who asked, or somebody of the staff (`by`), says that this is the answer: it becomes knowledge.

    Of two who accept at once one does; False for the other.
    """
    with transaction.atomic():
        answered = Question.objects.filter(pk=answer.question_id, state=QuestionState.ANSWERED)
        if not answered.update(state=QuestionState.ACCEPTED):
            return False
        Answer.objects.filter(pk=answer.pk).update(accepted_at=now, accepted_by=by)
        answer.accepted_at, answer.accepted_by = now, by
        knowledge_keep(now=now, answer=answer)
        audit_record(by=by, action="question.accepted", subject=answer.question)
    answer.question.state = QuestionState.ACCEPTED
    return True


def answer_unaccept(*, by: User, now: datetime, answer: Answer) -> bool:
    """Takes answer_accept back. What became of it stays if somebody has edited it since."""
    with transaction.atomic():
        accepted = Question.objects.filter(pk=answer.question_id, state=QuestionState.ACCEPTED)
        own = Answer.objects.filter(pk=answer.pk, accepted_at__isnull=False)
        if not (accepted.update(state=QuestionState.ANSWERED) and own.update(accepted_at=None, accepted_by=None)):
            transaction.set_rollback(True)
            return False
        Knowledge.objects.filter(answer=answer, version=1, used=0).delete()
        audit_record(by=by, action="question.unaccepted", subject=answer.question)
    answer.question.state = QuestionState.ANSWERED
    return True


def answer_helped(*, now: datetime, answer: Answer, member: Member) -> bool:
    """An answer helped a member, once. Nobody votes for themselves. False when nothing changed."""
    if answer.member_id == member.pk:
        return False
    with transaction.atomic():
        _vote, is_new = HelpfulVote.objects.get_or_create(answer=answer, member=member, defaults={"at": now})
        if is_new:
            deed = Deed(_vote_ref(answer, member), member, answer.question.group, BuiltInKind.LIKE, now)
            events_by_hand(deeds=[deed], now=now)
    return is_new


def answer_helped_not(*, now: datetime, answer: Answer, member: Member) -> bool:
    """Takes answer_helped back."""
    with transaction.atomic():
        gone = HelpfulVote.objects.filter(answer=answer, member=member).delete()[0]
        if gone:
            events_take_back(refs=[_vote_ref(answer, member)], now=now)
    return bool(gone)


def _vote_ref(answer: Answer, member: Member) -> str:
    return f"helpful:{answer.pk}:{member.pk}"
