"""Background work of questions."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from members.questions.services.escalation import escalations_run


@shared_task(name="members.escalate_questions")
def escalate_questions() -> None:
    escalations_run(now=timezone.now())
