from __future__ import annotations

from campaigns.brainstorms.models import Answer, AnswerLike, Brainstorm, BrainstormPlan, BrainstormState
from campaigns.content.models import ContentTag, DrawOrder, Level, Piece, PieceKind, PieceState, Series, SeriesPiece
from campaigns.envelopes.models import (
    BudgetMonth,
    Envelope,
    EnvelopeBudget,
    EnvelopeRound,
    EnvelopeShare,
    RoundState,
    Split,
)
from campaigns.moments.models import MomentsPlan, MomentsPost, MomentsSlot
from campaigns.orders.models import Order
from campaigns.playbooks.models import (
    Playbook,
    PlaybookOff,
    PlaybookRun,
    PlaybookState,
    PlaybookStep,
    PlaybookVersion,
    StepRun,
)
from campaigns.posts.models import (
    DayKind,
    GroupSending,
    Holidays,
    Occurrence,
    Post,
    PostGroup,
    PostState,
    Scene,
    SceneCalendar,
    SpecialDay,
)
from campaigns.prizes.models import Award, AwardState, Prize
from campaigns.stories.models import Benchmark, BenchmarkState

__all__ = [
    "Answer",
    "AnswerLike",
    "Award",
    "AwardState",
    "Benchmark",
    "BenchmarkState",
    "Brainstorm",
    "BrainstormPlan",
    "BrainstormState",
    "BudgetMonth",
    "ContentTag",
    "DayKind",
    "DrawOrder",
    "Envelope",
    "EnvelopeBudget",
    "EnvelopeRound",
    "EnvelopeShare",
    "GroupSending",
    "Holidays",
    "Level",
    "MomentsPlan",
    "MomentsPost",
    "MomentsSlot",
    "Occurrence",
    "Order",
    "Piece",
    "PieceKind",
    "PieceState",
    "Playbook",
    "PlaybookOff",
    "PlaybookRun",
    "PlaybookState",
    "PlaybookStep",
    "PlaybookVersion",
    "Post",
    "PostGroup",
    "PostState",
    "Prize",
    "RoundState",
    "Scene",
    "SceneCalendar",
    "Series",
    "SeriesPiece",
    "SpecialDay",
    "Split",
    "StepRun",
]
