"""Background work of members: an id in, one service call."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from members.ingestion import group_figures_refresh


@shared_task(name="members.refresh_group_figures")
def refresh_group_figures() -> None:
    group_figures_refresh(now=timezone.now())
