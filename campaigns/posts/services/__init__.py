"""Every change of a post, and the planning of what it sends.

A post is a rule. Its occurrences are rows, made ahead of time, each with one delivery per group; so the calendar shows
what will happen, and what was planned survives whatever happens to the processes.
"""

from __future__ import annotations

from campaigns.posts.schedules import Schedule, schedule_of
from campaigns.posts.services.filling import Filling, fill, filling_of, occurrences_complete, occurrences_fill
from campaigns.posts.services.planning import (
    HORIZON,
    MOST_AHEAD,
    deliveries_settled,
    occurrences_resolve,
    piece_changed,
    plan_ahead,
    posts_finish,
    posts_sweep,
)
from campaigns.posts.services.running import post_pause, post_resume, post_stop
from campaigns.posts.services.writing import (
    LONGEST_GRACE,
    StalePost,
    not_permitted,
    post_create,
    post_split,
    post_update,
)
from campaigns.posts.sources import LONGEST_BODY, Source, source_of

__all__ = [
    "HORIZON",
    "LONGEST_BODY",
    "LONGEST_GRACE",
    "MOST_AHEAD",
    "Filling",
    "Schedule",
    "Source",
    "StalePost",
    "deliveries_settled",
    "fill",
    "filling_of",
    "not_permitted",
    "occurrences_complete",
    "occurrences_fill",
    "occurrences_resolve",
    "piece_changed",
    "plan_ahead",
    "post_create",
    "post_pause",
    "post_resume",
    "post_split",
    "post_stop",
    "post_update",
    "posts_finish",
    "posts_sweep",
    "schedule_of",
    "source_of",
]
