"""Every change of budgets, envelopes, rounds and shares."""

from __future__ import annotations

from campaigns.envelopes.services.budgets import StaleBudget, budget_save, month_available, month_of, months_end
from campaigns.envelopes.services.claiming import Refusal, Refused, claims_record, share_claim
from campaigns.envelopes.services.planning import (
    LONGEST_OPEN,
    MOST_ROUNDS,
    MOST_SHARES,
    Plan,
    envelope_plan,
    envelope_stop,
    plan_check,
)
from campaigns.envelopes.services.running import envelopes_tick, round_end, round_open

__all__ = [
    "LONGEST_OPEN",
    "MOST_ROUNDS",
    "MOST_SHARES",
    "Plan",
    "Refusal",
    "Refused",
    "StaleBudget",
    "budget_save",
    "claims_record",
    "envelope_plan",
    "envelope_stop",
    "envelopes_tick",
    "month_available",
    "month_of",
    "months_end",
    "plan_check",
    "round_end",
    "round_open",
    "share_claim",
]
