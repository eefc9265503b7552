"""Every change of brainstorms."""

from __future__ import annotations

from campaigns.brainstorms.services.answering import (
    MOST_ANSWERS,
    answer_give,
    answer_hide,
    answer_like,
    answer_show,
    answer_unlike,
    answers_take,
    answers_told,
)
from campaigns.brainstorms.services.planning import (
    StaleBrainstorm,
    brainstorms_tick,
    plan_create,
    plan_end,
    plan_update,
    schedule_of,
    session_ask,
    session_cancel,
    session_restore,
    sessions_close,
    sessions_open,
)
from campaigns.brainstorms.services.posting import honours_forget, honours_post, honours_text

__all__ = [
    "MOST_ANSWERS",
    "StaleBrainstorm",
    "answer_give",
    "answer_hide",
    "answer_like",
    "answer_show",
    "answer_unlike",
    "answers_take",
    "answers_told",
    "brainstorms_tick",
    "honours_forget",
    "honours_post",
    "honours_text",
    "plan_create",
    "plan_end",
    "plan_update",
    "schedule_of",
    "session_ask",
    "session_cancel",
    "session_restore",
    "sessions_close",
    "sessions_open",
]
