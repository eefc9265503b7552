"""One run of the dispatcher: posts are planned ahead, deliveries decided and queued, and then handed to the workers."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from campaigns.posts.services import occurrences_complete, occurrences_resolve, plan_ahead, posts_sweep
from delivery.services import Dispatched, dispatch
from delivery.tasks import enqueue


def dispatch_due(*, now: datetime) -> Dispatched:
    """Moves everything on that is due at `now`, which may be simulated.

    Raises kombu's OperationalError when the broker cannot be reached; what is queued by then is found again later.
    """
    plan_ahead(now=now)
    occurrences_complete(now=now)
    occurrences_resolve(now=now)
    done = dispatch(now=now, clock=timezone.now())
    posts_sweep(now=now)
    enqueue(done.queued)
    return done
