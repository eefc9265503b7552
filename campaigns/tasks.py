from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from campaigns.activities.tasks import run_activities
from campaigns.brainstorms.tasks import run_brainstorms
from campaigns.checkins.tasks import check_ins_due
from campaigns.dispatching import dispatch_due
from campaigns.envelopes.tasks import run_envelopes
from campaigns.moments.tasks import ask_for_moments
from campaigns.playbooks.tasks import run_playbooks
from campaigns.posts.tasks import fill_occurrences
from delivery.services import pictures_sweep

__all__ = [
    "ask_for_moments",
    "check_ins_due",
    "dispatch_due_task",
    "fill_occurrences",
    "run_activities",
    "run_brainstorms",
    "run_envelopes",
    "run_playbooks",
    "sweep_pictures",
]


@shared_task(name="campaigns.dispatch_due", time_limit=300, soft_time_limit=290)
def dispatch_due_task() -> None:
    """What beat calls every two seconds. Two at once do no harm."""
    dispatch_due(now=timezone.now())


@shared_task(name="campaigns.sweep_pictures")
def sweep_pictures() -> None:
    pictures_sweep(now=timezone.now())
