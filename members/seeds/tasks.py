"""Background work of seed users: an id in, one service call."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from members.seeds.services import scoring_due, scoring_run

log = structlog.get_logger(__name__)


@shared_task(name="members.score_seeds")
def score_seeds(run_id: int) -> None:
    scoring_run(run_id=run_id, clock=timezone.now)


@shared_task(name="members.score_seeds_due")
def score_seeds_due() -> None:
    """Each night, and for what was asked for and got lost."""
    run_id = scoring_due(now=timezone.now())
    if run_id is not None:
        score_seeds.delay(run_id)


def enqueue_scoring(run_id: int) -> None:
    """Sends a computation on its way at once. Without a broker it waits for score_seeds_due."""
    try:
        score_seeds.delay(run_id)
    except OperationalError:
        log.warning("scoring waits for the broker", run=run_id)
