from __future__ import annotations

from celery import shared_task

from delivery.services import deliver_all

# Ids per message, and messages at once. A worker takes what else is queued by itself, so more of them would only keep
# other tasks waiting.
CHUNK = 200
MESSAGES = 4


@shared_task(name="delivery.deliver", time_limit=120, soft_time_limit=110)
def deliver(ids: list[int]) -> None:
    """Sends queued deliveries. Safe to run twice: a delivery that is not queued any more is left alone."""
    if deliver_all(ids=ids):
        deliver.delay([])


def enqueue(ids: list[int]) -> None:
    """Tells the workers of ids. Call it after the commit that queued them; a lost call is made up for by a sweep."""
    for start in range(0, min(len(ids), CHUNK * MESSAGES), CHUNK):
        deliver.delay(ids[start : start + CHUNK])
