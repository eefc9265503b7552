"""The ladder: who is told when, and the end of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.models import User
from members.questions.duty import told_of
from members.questions.hours import deadline
from members.questions.models import EscalationStep, Question, QuestionState, StepState
from members.questions.service import Service, services_for
from members.work.services import task_draft, tasks_cancel, tasks_ensure

ESCALATION = "question_waits"
BATCH = 200


def steps_for(*, question: Question, service: Service) -> list[EscalationStep]:
    """The steps of a question that is not answered yet; not saved."""
    return [
        EscalationStep(
            question=question,
            position=position,
            to=step.to,
            after=step.after,
            due_at=deadline(question.asked_at, step.after, service.hours),
        )
        for position, step in enumerate(service.ladder)
    ]


def waiting_end(*, questions: Iterable[int], now: datetime) -> None:
    """Nobody needs to be told of these any more: what is to come is cancelled, and what was told is taken back."""
    ids = list(questions)
    EscalationStep.objects.filter(question__in=ids, state=StepState.DUE).update(
        state=StepState.CANCELLED, settled_at=now
    )
    tasks_cancel(now=now, kind=ESCALATION, subject_id__in=ids)


def escalations_run(*, now: datetime) -> int:
    """Tells those whose turn it is; returns how many steps were taken. Run twice, each step is taken once."""
    due = EscalationStep.objects.filter(
        state=StepState.DUE, due_at__lte=now, question__state=QuestionState.OPEN
    ).select_related("question__group__branch", "question__member")
    rows = list(due.order_by("due_at", "pk")[:BATCH])
    services = services_for({row.question.group for row in rows}) if rows else {}
    return sum(_step_take(row, services[row.question.group_id], now) for row in rows)


def _step_take(step: EscalationStep, service: Service, now: datetime) -> bool:
    question = step.question
    people = told_of(group=question.group, to=step.to, at=now, zone=service.zone)
    # Given to nobody it is everybody's.
    told: list[User | None] = [*people] or [None]
    with transaction.atomic():
        # The question is held, so that nobody answers at this moment; the step is asked for by its own columns alone,
        # which PostgreSQL looks at again after waiting for somebody who changes it.
        waits = Question.objects.open().filter(pk=question.pk).select_for_update(no_key=True).first()
        names = ", ".join(str(user) for user in people)[:300]
        own = EscalationStep.objects.filter(pk=step.pk, state=StepState.DUE)
        if waits is None or not own.update(state=StepState.DONE, settled_at=now, told=names):
            return False
        tasks_ensure(
            [
                task_draft(
                    kind=ESCALATION,
                    key=f"question:{question.pk}:{step.position}:{user.pk if user is not None else 0}",
                    due_at=question.due_at or now,
                    now=now,
                    group=question.group,
                    member=question.member,
                    assignee=user,
                    subject_id=question.pk,
                )
                for user in told
            ]
        )
    return True
