"""What the entries about questions mean to people, and what becomes of them when somebody is erased."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, Text, actions, labels, subjects
from accounts.models import User
from members.models import Member
from members.privacy.treatments import Fate, Treatment, treat
from members.questions.models import (
    CloseReason,
    Knowledge,
    Question,
    QuestionState,
)
from members.questions.services.escalation import waiting_end
from members.timeline.sources import Line, Source
from members.timeline.sources import register as register_source


def _reason_words(value: Any) -> Text | None:
    return CloseReason(value).label if value in CloseReason.values else None


def _questions(member: Member, user: User) -> QuerySet[Question]:
    return Question.objects.visible_to(user).filter(member=member).select_related("group")


def _forget(rows: QuerySet[Any], now: datetime) -> None:
    """Pictures go, and nobody is asked to answer any more."""
    for row in rows.exclude(picture=""):
        row.picture.delete(save=False)
    open_ones = Question.objects.open().filter(pk__in=list(rows.values_list("pk", flat=True)))
    waiting_end(questions=list(open_ones.values_list("pk", flat=True)), now=now)
    open_ones.update(state=QuestionState.WITHDRAWN, taken_by=None, taken_at=None)


def register() -> None:
    register_source(
        Source(
            "questions",
            _("Questions"),
            "help-circle",
            _questions,
            lambda one: Line(
                pgettext_lazy("timeline", "Asked"), detail=one.text, group=one.group, tag=one.get_state_display()
            ),
            at="asked_at",
        )
    )
    subjects("members.question", Subject(_("Question"), Question.objects.visible_to, "members:question"))
    subjects("members.knowledge", Subject(_("Knowledge"), Knowledge.objects.visible_to, "members:knowledge_item"))
    subjects("members.servicehours", Subject(_("Service hours")))
    subjects("members.closedday", Subject(_("Closed day")))
    subjects("members.dutywindow", Subject(pgettext_lazy("questions", "Duty")))
    subjects("members.dutyswap", Subject(_("Swap of duty")))
    actions(
        {
            "question.asked": _("Question asked"),
            "question.withdrawn": _("Question withdrawn"),
            "question.taken": _("Question taken"),
            "question.given_back": _("Question given back"),
            "question.answered": _("Question answered"),
            "question.accepted": _("Answer accepted"),
            "question.unaccepted": _("Acceptance taken back"),
            "question.closed": _("Question closed"),
            "question.reopened": _("Question opened again"),
            "knowledge.edited": _("Knowledge changed"),
            "knowledge.retired": _("Knowledge taken out of use"),
            "knowledge.restored": _("Knowledge used again"),
            "service.changed": _("Service hours changed"),
            "service.forgotten": _("Own service hours given up"),
            "service.day_closed": _("Day closed"),
            "service.day_opened": _("Closed day taken back"),
            "duty.added": _("Put on duty"),
            "duty.removed": _("Taken off duty"),
            "duty.swapped": _("Duty swapped for a day"),
            "duty.swap_removed": _("Swap of duty taken back"),
        }
    )
    labels(
        {
            "times": pgettext_lazy("questions", "times"),
            "weekdays": _("weekdays"),
            "in_time": _("in time"),
        },
        choices={"reason": _reason_words},
    )
    treat(
        "members.question",
        Treatment(_("questions"), Fate.EMPTIED, {"text": "", "picture": "", "close_note": ""}, _forget),
    )
    treat(
        "members.answer",
        Treatment(
            pgettext_lazy("questions", "answers given"), Fate.EMPTIED, {"analysis": "", "plan": "", "resource": ""}
        ),
    )
    treat("members.helpfulvote", Treatment(_("answers found helpful"), Fate.STAYS))
