"""Background work of Moments."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from campaigns.moments.services import moments_tick


@shared_task(name="campaigns.ask_for_moments")
def ask_for_moments() -> None:
    moments_tick(now=timezone.now())
