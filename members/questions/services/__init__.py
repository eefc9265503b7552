"""Every change of a question, and of what is decided about answering."""

from __future__ import annotations

from members.questions.services.answering import (
    NotAnswerable,
    answer_accept,
    answer_give,
    answer_helped,
    answer_helped_not,
    answer_unaccept,
)
from members.questions.services.asking import (
    NotAskable,
    question_ask,
    question_withdraw,
    questions_from_events,
)
from members.questions.services.escalation import ESCALATION, escalations_run
from members.questions.services.handling import (
    question_close,
    question_give_back,
    question_merge,
    question_reopen,
    question_take,
)
from members.questions.services.keeping import (
    StaleKnowledge,
    knowledge_edit,
    knowledge_restore,
    knowledge_retire,
)

__all__ = [
    "ESCALATION",
    "NotAnswerable",
    "NotAskable",
    "StaleKnowledge",
    "answer_accept",
    "answer_give",
    "answer_helped",
    "answer_helped_not",
    "answer_unaccept",
    "escalations_run",
    "knowledge_edit",
    "knowledge_restore",
    "knowledge_retire",
    "question_ask",
    "question_close",
    "question_give_back",
    "question_merge",
    "question_reopen",
    "question_take",
    "question_withdraw",
    "questions_from_events",
]
