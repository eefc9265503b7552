"""Every change of seed users: their scores, and their way."""

from __future__ import annotations

from members.seeds.services.pipeline import (
    MOVES,
    MovedMeanwhile,
    StaleSeed,
    seed_exclude,
    seed_move,
    seed_move_undo,
    seed_unexclude,
    seed_update,
    seed_version,
    seeds_add,
)
from members.seeds.services.scoring import scoring_due, scoring_request, scoring_run, seed_report

__all__ = [
    "MOVES",
    "MovedMeanwhile",
    "StaleSeed",
    "scoring_due",
    "scoring_request",
    "scoring_run",
    "seed_exclude",
    "seed_move",
    "seed_move_undo",
    "seed_report",
    "seed_unexclude",
    "seed_update",
    "seed_version",
    "seeds_add",
]
