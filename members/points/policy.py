from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class PointsPolicy:
    """How many points one person may book by hand, given or taken: at once, and on one day of the installation. 0: no
    ceiling. Administrators of headquarters have none.

    There is one before anybody decides it: points buy prizes, and who books them is seldom who pays for those.
    """

    KEY: ClassVar[str] = "points"

    most_at_once: int = 1000
    most_a_day: int = 5000
