"""Background work of analytics."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from analytics.health.services import health_walk, stats_catch_up


@shared_task(name="analytics.catch_up_group_stats")
def catch_up_group_stats() -> None:
    stats_catch_up(now=timezone.now())


@shared_task(name="analytics.walk_group_health")
def walk_group_health() -> None:
    health_walk(now=timezone.now())
