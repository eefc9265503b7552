"""Background work of clean-ups: an id in, one service call a batch."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from members.cleanup.services import cleanup_advance, cleanups_unattended

log = structlog.get_logger(__name__)


@shared_task(name="members.run_cleanup")
def run_cleanup(run_id: int) -> None:
    """Lists, or takes back, everybody on a run. Safe to run twice, and two at once."""
    while cleanup_advance(run_id=run_id, now=timezone.now()):
        pass


@shared_task(name="members.resume_cleanups")
def resume_cleanups() -> None:
    """Hands runs that no worker is at to one."""
    for run_id in cleanups_unattended(now=timezone.now()):
        run_cleanup.delay(run_id)


def enqueue_cleanup(run_id: int) -> None:
    """Sends a run on its way at once. Without a broker it waits for resume_cleanups."""
    try:
        run_cleanup.delay(run_id)
    except OperationalError:
        log.warning("clean-up waits for the broker", run=run_id)
