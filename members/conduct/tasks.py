"""Background work of conduct."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from members.conduct.acknowledgements import unread_tasks_ensure
from members.conduct.judging import messages_forget
from members.conduct.reposting import reposts_due
from members.conduct.services import evidence_forget
from members.conduct.trial import dry_run_run, dry_runs_forget, dry_runs_unattended

log = structlog.get_logger(__name__)


@shared_task(name="members.repost_rules")
def repost_rules() -> None:
    reposts_due(now=timezone.now())


@shared_task(name="members.forget_messages")
def forget_messages() -> None:
    """Texts whose time is over: kept messages, evidence, results of dry runs."""
    now = timezone.now()
    messages_forget(now=now)
    evidence_forget(before=now)
    dry_runs_forget(now=now)


@shared_task(name="members.ask_for_reading")
def ask_for_reading() -> None:
    unread_tasks_ensure(now=timezone.now())


@shared_task(name="members.run_dry_run")
def run_dry_run(run_id: int) -> None:
    dry_run_run(run_id=run_id)


@shared_task(name="members.resume_dry_runs")
def resume_dry_runs() -> None:
    """Hands dry runs that no worker is at to one."""
    for run_id in dry_runs_unattended(now=timezone.now()):
        run_dry_run.delay(run_id)


def enqueue_dry_run(run_id: int) -> None:
    """Sends a dry run on its way at once. Without a broker it waits for resume_dry_runs."""
    try:
        run_dry_run.delay(run_id)
    except OperationalError:
        log.warning("dry run waits for the broker", run=run_id)
