from __future__ import annotations

from celery import shared_task

from delivery.services import deliver_all

# Ids per task: side by side in one worker process, and few enough that a killed worker holds little.
CHUNK = 16


@shared_task(name="delivery.deliver", time_limit=120, soft_time_limit=110)
def deliver(ids: list[int]) -> None:
    """Sends queued deliveries. Safe to run twice: a delivery that is not queued any more is left alone."""
    deliver_all(ids=ids)


def enqueue(ids: list[int]) -> None:
    """Hands ids to the workers. Call it after the commit that queued them; a lost call is made up for by a sweep."""
    for start in range(0, len(ids), CHUNK):
        deliver.delay(ids[start : start + CHUNK])
