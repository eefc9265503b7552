from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from campaigns.dispatching import dispatch_due
from campaigns.playbooks.tasks import run_playbooks

__all__ = ["dispatch_due_task", "run_playbooks"]


@shared_task(name="campaigns.dispatch_due", time_limit=300, soft_time_limit=290)
def dispatch_due_task() -> None:
    """What beat calls every two seconds. Two at once do no harm."""
    dispatch_due(now=timezone.now())
