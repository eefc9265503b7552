"""What administrators decide about conduct for the whole community."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class ConductPolicy:
    """`history_hours`: a message that arrives later than this after it was written is history, and nothing is held
    against anybody for it. `act_within_hours`: until when staff carry out what follows. `exempt_roles`: members with
    one of these roles in a group are not judged by its rules there."""

    KEY: ClassVar[str] = "conduct"

    history_hours: int = 24
    keep_days: int = 30
    evidence_days: int = 180
    act_within_hours: int = 4
    unread_days: int = 7
    exempt_roles: list[str] = field(default_factory=lambda: ["owner", "administrator"])
