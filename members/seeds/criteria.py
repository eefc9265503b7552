"""What makes a good seed user, and the score that follows from it.

score     = 100 × sum of points ÷ sum of the weights of what is known of the member
points    = weight × min(1, value ÷ the value that earns full marks)
certainty = sum of the weights of what is known ÷ sum of all weights, in percent

Each criterion is capped at its full marks, so that somebody who only chats a lot cannot outrun the rest. What a member
was never asked counts on neither side of the fraction: it lowers the certainty and not the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Words

    from members.seeds.models import SeedProfile

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Criterion:
    """`weight` and `full` (the value that earns full marks) are what holds until an administrator decides."""

    key: str
    label: Words
    help: Words
    weight: int
    full: int
    measured: bool = True
    # The largest value that makes sense for `full`; None: any.
    limit: int | None = None


_TEN = _("0 to 10, as the member says it.")
CRITERIA: tuple[Criterion, ...] = (
    Criterion("need", _("Urgent need"), _TEN, 15, 10, measured=False, limit=10),
    Criterion("imperfect", _("Willing to use an imperfect product"), _TEN, 10, 10, measured=False, limit=10),
    Criterion("suggests", _("Willing to give suggestions"), _TEN, 10, 10, measured=False, limit=10),
    Criterion("creates", _("KOL or makes content"), _("Yes or no."), 10, 1, measured=False, limit=1),
    Criterion("audience", _("Audience size"), _("Followers or readers elsewhere."), 10, 1000, measured=False),
    Criterion(
        "active_days",
        _("Active days"),
        _("Days with a message, question, answer, like, check-in or introduction."),
        12,
        20,
    ),
    Criterion("messages", _("Messages"), _("Messages written in groups."), 5, 60),
    Criterion("questions", _("Questions asked"), _("Questions asked in groups."), 5, 8),
    Criterion("answers", _("Answers given"), _("Questions of others that were answered."), 10, 15),
    Criterion("likes", _("Likes given"), _("What was liked."), 3, 30),
    Criterion("invited", _("Members invited"), _("New members who came through this one."), 7, 5),
    Criterion("orders", _("Orders"), _("Orders placed."), 3, 3),
)
BY_KEY = {criterion.key: criterion for criterion in CRITERIA}
REPORTED = tuple(criterion.key for criterion in CRITERIA if not criterion.measured)
MEASURED = tuple(criterion.key for criterion in CRITERIA if criterion.measured)


@dataclass(frozen=True)
class SeedPolicy:
    """What administrators decided: weights and full marks by criterion, the days that are measured, what the brand
    offers to its seed users, within how many days somebody is invited, and asked again."""

    KEY: ClassVar[str] = "seeds"
    window_days: int = 30
    weights: dict[str, int] = field(default_factory=lambda: {item.key: item.weight for item in CRITERIA})
    full: dict[str, int] = field(default_factory=lambda: {item.key: item.full for item in CRITERIA})
    offer: str = ""
    invite_days: int = 3
    follow_up_days: int = 3

    def weight(self, key: str) -> int:
        return self.weights.get(key, BY_KEY[key].weight)

    def full_marks(self, key: str) -> int:
        return self.full.get(key, BY_KEY[key].full)


@dataclass(frozen=True)
class Scored:
    """The points of each member (a row) for each criterion (a column; NaN: not known), their scores and certainties."""

    points: Numbers
    scores: Numbers
    certainty: npt.NDArray[np.int64]


def score_members(values: Numbers, policy: SeedPolicy) -> Scored:
    """Scores members by their `values`: one row each, one column for each of CRITERIA, NaN where nothing is known."""
    weights = np.array([policy.weight(item.key) for item in CRITERIA], dtype=np.float64)
    full = np.array([policy.full_marks(item.key) for item in CRITERIA], dtype=np.float64)
    points: Numbers = np.asarray(np.minimum(values / full, 1.0) * weights, dtype=np.float64)
    known = (~np.isnan(values)) @ weights
    with np.errstate(invalid="ignore", divide="ignore"):
        scores: Numbers = np.where(known > 0, 100 * np.nansum(points, axis=1) / known, 0.0)
    total = weights.sum()
    certainty = np.rint(100 * known / total) if total else np.zeros(len(values))
    return Scored(points, np.asarray(np.round(scores, 1), dtype=np.float64), certainty.astype(np.int64))


def values_of(rows: Sequence[Sequence[float | bool | None]]) -> Numbers:
    """Rows of values in the order of CRITERIA as score_members takes them."""
    numbers = np.array(rows, dtype=np.float64)  # None becomes NaN
    return numbers.reshape(len(rows), len(CRITERIA))


@dataclass(frozen=True)
class Part:
    """What one criterion adds to a score. `value` and `points` are empty where nothing is known."""

    criterion: Criterion
    value: int | None
    points: float | None
    weight: int
    full: int

    @property
    def share(self) -> int:
        """How much of the full marks was reached, in percent."""
        return round(100 * (self.points or 0) / self.weight) if self.weight else 0


@dataclass(frozen=True)
class Explanation:
    """Why a member has their score."""

    parts: list[Part]

    @property
    def points(self) -> float:
        return round(sum(part.points or 0 for part in self.parts), 1)

    @property
    def known(self) -> int:
        return sum(part.weight for part in self.parts if part.points is not None)

    @property
    def total(self) -> int:
        return sum(part.weight for part in self.parts)

    @property
    def unknown(self) -> list[Part]:
        return [part for part in self.parts if part.points is None and part.weight]

    @property
    def reasons(self) -> list[Part]:
        """The three criteria that add most."""
        adding = [part for part in self.parts if part.points]
        return sorted(adding, key=lambda part: part.points or 0, reverse=True)[:3]


def explain(profile: SeedProfile, policy: SeedPolicy) -> Explanation:
    """The parts of a member's score under `policy`. They add up to the score that the next computation writes."""
    row = [getattr(profile, item.key) for item in CRITERIA]
    points = score_members(values_of([row]), policy).points[0]
    return Explanation(
        [
            Part(
                criterion=item,
                value=None if value is None else int(value),
                points=None if value is None else round(float(earned), 1),
                weight=policy.weight(item.key),
                full=policy.full_marks(item.key),
            )
            for item, value, earned in zip(CRITERIA, row, points, strict=True)
        ]
    )
