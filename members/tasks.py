"""Background work of members: an id in, one service call."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from members.classes.tasks import promote_due, recompute_tiers, refresh_tiers  # noqa: F401  Celery finds them here
from members.cleanup.tasks import resume_cleanups, run_cleanup  # noqa: F401  Celery finds them here
from members.conduct.tasks import (  # noqa: F401  Celery finds them here
    ask_for_reading,
    forget_messages,
    repost_rules,
    resume_dry_runs,
    run_dry_run,
)
from members.entry.tasks import sweep_applications, welcome_newcomers  # noqa: F401  Celery finds them here
from members.imports.services import import_run, imports_unattended
from members.ingestion import group_figures_refresh
from members.privacy.copying import export_make
from members.privacy.retention import retention_apply
from members.privacy.services import exports_waiting
from members.questions.tasks import escalate_questions  # noqa: F401  Celery finds them here
from members.seeds.tasks import score_seeds, score_seeds_due  # noqa: F401  Celery finds them here
from members.segments.services import segments_count
from members.tags.services import tags_apply_rules

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


@shared_task(name="members.apply_tag_rules")
def apply_tag_rules() -> None:
    tags_apply_rules(now=timezone.now())


@shared_task(name="members.count_segments")
def count_segments() -> None:
    segments_count(now=timezone.now())


@shared_task(name="members.apply_retention")
def apply_retention() -> None:
    retention_apply(now=timezone.now())


@shared_task(name="members.make_export")
def make_export(export_id: int) -> None:
    export_make(export_id=export_id, now=timezone.now())


@shared_task(name="members.resume_exports")
def resume_exports() -> None:
    """Makes the copies that no worker got to."""
    for export_id in exports_waiting():
        export_make(export_id=export_id, now=timezone.now())


def enqueue_export(export_id: int) -> None:
    """Sends a copy on its way at once. Without a broker it waits for resume_exports."""
    try:
        make_export.delay(export_id)
    except OperationalError:
        log.warning("copy waits for the broker", export=export_id)
