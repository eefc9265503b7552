from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from campaigns.checkins.dues import check_ins_tick


@shared_task(name="campaigns.check_ins_due", time_limit=300, soft_time_limit=290)
def check_ins_due() -> None:
    """What beat calls every minute. Two at once do no harm."""
    check_ins_tick(now=timezone.now())
