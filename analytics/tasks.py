"""Background work of analytics."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.db import OperationalError
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from analytics.digest.services import mail_send, mails_plan
from analytics.health.services import health_walk, stats_catch_up
from analytics.index.building import index_refresh
from analytics.index.files import IndexBusy, IndexDiskFull

log = structlog.get_logger(__name__)


@shared_task(name="analytics.catch_up_group_stats")
def catch_up_group_stats() -> None:
    stats_catch_up(now=timezone.now())


@shared_task(name="analytics.walk_group_health")
def walk_group_health() -> None:
    health_walk(now=timezone.now())


@shared_task(name="analytics.refresh_index")
def refresh_index() -> None:
    """Reports are right without it, only slower: what keeps it from being built is said and tried again next time."""
    try:
        index_refresh(now=timezone.now())
    except IndexBusy:
        log.info("index is being built by somebody else")
    except IndexDiskFull:
        log.error("no room on the disk for a new index")
    except OperationalError:
        log.warning("index not refreshed: somebody keeps writing events")


@shared_task(name="analytics.send_digests")
def send_digests() -> None:
    for mail_id in mails_plan(now=timezone.now()):
        send_digest.delay(mail_id)


def enqueue_digest(mail_id: int) -> None:
    """Sends a letter on its way at once. Without a broker it waits for send_digests."""
    try:
        send_digest.delay(mail_id)
    except BrokerError:
        log.warning("letter waits for the broker", mail=mail_id)


@shared_task(name="analytics.send_digest", soft_time_limit=90, time_limit=120)
def send_digest(mail_id: int) -> None:
    mail_send(mail_id=mail_id, now=timezone.now())
