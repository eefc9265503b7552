from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class ParticipationPolicy:
    """Points for taking part, by kind of act; 0 for none.

    Only for taking part: the rules of WeChat forbid rewards for forwarding and for inviting, so neither is here.
    """

    KEY: ClassVar[str] = "participation"

    answer: int = 0
    need: int = 0
    proposal: int = 0
