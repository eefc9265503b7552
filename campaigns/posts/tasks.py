from __future__ import annotations

import time

from celery import shared_task

from campaigns.posts.services import occurrences_fill

FILL_FOR = 4.0  # seconds


@shared_task(name="campaigns.fill_occurrences", time_limit=120, soft_time_limit=110)
def fill_occurrences() -> None:
    """Writes deliveries of posts to very many groups, for a few seconds at a time: the dispatcher, too, needs workers.
    Two at once do no harm, and whoever was killed has a successor at the next beat."""
    until = time.monotonic() + FILL_FOR
    occurrences_fill(goes_on=lambda: time.monotonic() < until)
