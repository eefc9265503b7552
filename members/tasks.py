"""Background work of members: an id in, one service call."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from members.conduct.tasks import (  # noqa: F401  Celery finds them here
    ask_for_reading,
    forget_messages,
    repost_rules,
    resume_dry_runs,
    run_dry_run,
)
from members.imports.services import import_run, imports_unattended
from members.ingestion import group_figures_refresh
from members.seeds.tasks import score_seeds, score_seeds_due  # noqa: F401  Celery finds them here

log = structlog.get_logger(__name__)


@shared_task(name="members.refresh_group_figures")
def refresh_group_figures() -> None:
    group_figures_refresh(now=timezone.now())


@shared_task(name="members.run_import")
def run_import(run_id: int) -> None:
    import_run(run_id=run_id)


@shared_task(name="members.resume_imports")
def resume_imports() -> None:
    """Hands imports that no worker is at to one: what a killed worker left, and what the broker lost."""
    for run_id in imports_unattended(now=timezone.now()):
        run_import.delay(run_id)


def enqueue_import(run_id: int) -> None:
    """Sends an import on its way at once. Without a broker it waits for resume_imports."""
    try:
        run_import.delay(run_id)
    except OperationalError:
        log.warning("import waits for the broker", run=run_id)
