"""Every change of an activity, of who comes to it, and of what is said about it."""

from __future__ import annotations

from campaigns.activities.services.attending import (
    EARLY,
    attendance_close,
    attendance_take_back,
    attended_mark,
)
from campaigns.activities.services.reviewing import review_write
from campaigns.activities.services.running import activities_tick
from campaigns.activities.services.signing import (
    next_to_move_up,
    places_fill,
    signup_cancel,
    signup_make,
    signup_take_off,
)
from campaigns.activities.services.writing import (
    ActivityContent,
    StaleActivity,
    activity_cancel,
    activity_draft,
    activity_open,
    activity_repeat,
    activity_save,
)

__all__ = [
    "EARLY",
    "ActivityContent",
    "StaleActivity",
    "activities_tick",
    "activity_cancel",
    "activity_draft",
    "activity_open",
    "activity_repeat",
    "activity_save",
    "attendance_close",
    "attendance_take_back",
    "attended_mark",
    "next_to_move_up",
    "places_fill",
    "review_write",
    "signup_cancel",
    "signup_make",
    "signup_take_off",
]
