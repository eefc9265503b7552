"""Every change around the way into a group."""

from __future__ import annotations

from members.entry.services.applications import (
    Applicant,
    GroupFull,
    application_approve,
    application_make,
    application_reject,
    application_reopen,
    application_withdraw,
    applications_forget,
    applications_sweep,
    seats_left,
)
from members.entry.services.newcomers import introductions_remind, newcomers_note, welcome_send, welcomes_due
from members.entry.services.plans import (
    PLAN_DEFAULTS,
    QuestionDraft,
    StalePlan,
    entry_plan,
    entry_plan_save,
    entry_questions_save,
)
from members.entry.services.titles import title_give, titles_save

__all__ = [
    "PLAN_DEFAULTS",
    "Applicant",
    "GroupFull",
    "QuestionDraft",
    "StalePlan",
    "application_approve",
    "application_make",
    "application_reject",
    "application_reopen",
    "application_withdraw",
    "applications_forget",
    "applications_sweep",
    "entry_plan",
    "entry_plan_save",
    "entry_questions_save",
    "introductions_remind",
    "newcomers_note",
    "seats_left",
    "title_give",
    "titles_save",
    "welcome_send",
    "welcomes_due",
]
