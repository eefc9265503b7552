"""Background work of activities."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from campaigns.activities.services import activities_tick


@shared_task(name="campaigns.run_activities", time_limit=300, soft_time_limit=290)
def run_activities() -> None:
    """Reminds, lets people move up, and asks for what follows the end. Safe to run twice, and two at once."""
    activities_tick(now=timezone.now())
