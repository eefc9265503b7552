"""The way in for events: from the API, from files, from the demo.

`ingest()` takes events that name members and groups by their external ids, writes those that are new, and keeps what is
derived from them: memberships, what is known of each member, and the figures of the groups.
"""

from __future__ import annotations

from members.ingestion.arrivals import Arrival, Expected, register_preparer
from members.ingestion.batch import IncomingEvent, Outcome, Refused, Rejection, ingest
from members.ingestion.by_hand import Deed, events_by_hand, events_take_back
from members.ingestion.figures import group_figures_refresh
from members.ingestion.inviting import member_invited_by_set

__all__ = [
    "Arrival",
    "Deed",
    "Expected",
    "IncomingEvent",
    "Outcome",
    "Refused",
    "Rejection",
    "events_by_hand",
    "events_take_back",
    "group_figures_refresh",
    "ingest",
    "member_invited_by_set",
    "register_preparer",
]
