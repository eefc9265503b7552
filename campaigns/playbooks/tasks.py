"""Background work of playbooks."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from campaigns.playbooks.engine import playbooks_tick


@shared_task(name="campaigns.run_playbooks", time_limit=300, soft_time_limit=290)
def run_playbooks() -> None:
    """Begins, carries out and ends what is due. Safe to run twice, and two at once."""
    playbooks_tick(now=timezone.now())
