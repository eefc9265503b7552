"""Background work of brainstorms."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from campaigns.brainstorms.services import brainstorms_tick


@shared_task(name="campaigns.run_brainstorms", time_limit=120, soft_time_limit=110)
def run_brainstorms() -> None:
    """Plans ahead, opens and closes what is due. Safe to run twice, and two at once."""
    brainstorms_tick(now=timezone.now())
