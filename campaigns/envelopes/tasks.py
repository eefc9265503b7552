"""Background work of red envelopes."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from campaigns.envelopes.services import envelopes_tick


@shared_task(name="campaigns.run_envelopes", time_limit=300, soft_time_limit=290)
def run_envelopes() -> None:
    """Opens and ends what is due. Safe to run twice, and two at once."""
    envelopes_tick(now=timezone.now())
