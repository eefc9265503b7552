"""Background work of runs: an id in, one service call."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from groups.bulk.models import BulkRun
from groups.bulk.services import bulk_work

log = structlog.get_logger(__name__)


@shared_task(name="groups.run_bulk")
def run_bulk(run_id: int) -> None:
    bulk_work(run_id=run_id)


@shared_task(name="groups.resume_bulk")
def resume_bulk() -> None:
    """Hands runs that no worker is at to one."""
    for run_id in BulkRun.objects.unattended(timezone.now()).values_list("pk", flat=True):
        run_bulk.delay(run_id)


def enqueue_run(run_id: int) -> None:
    """Sends a run on its way at once. Without a broker it waits for resume_bulk."""
    try:
        run_bulk.delay(run_id)
    except OperationalError:
        log.warning("bulk run waits for the broker", run=run_id)
