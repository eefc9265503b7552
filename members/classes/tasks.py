"""Background work of classes."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from members.classes.promotion import promotion_run_due
from members.classes.tiers import tiers_recompute, tiers_recompute_fresh

log = structlog.get_logger(__name__)


@shared_task(name="members.refresh_tiers")
def refresh_tiers() -> None:
    """Tiers of those who ordered since the last time."""
    tiers_recompute_fresh(now=timezone.now())


@shared_task(name="members.recompute_tiers")
def recompute_tiers() -> None:
    """Tiers of everybody."""
    tiers_recompute(now=timezone.now())


@shared_task(name="members.promote_due")
def promote_due() -> None:
    promotion_run_due(now=timezone.now())


def enqueue_recompute() -> None:
    """Computes the tiers of everybody soon. Without a broker that waits for the night."""
    try:
        recompute_tiers.delay()
    except OperationalError:
        log.warning("tiers wait for the night")
