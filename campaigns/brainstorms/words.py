"""What the entries about brainstorms mean to people, what becomes of them after an erasure, and plans in words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, actions, subjects
from campaigns.brainstorms.models import Answer, Brainstorm, BrainstormPlan
from campaigns.brainstorms.services import honours_forget
from campaigns.posts.models import Post
from campaigns.posts.words import schedule_words
from members.privacy.treatments import Fate, Treatment, treat


def _forget(answers: QuerySet[Any], _now: datetime) -> None:
    honours_forget(answers=answers)


def as_post(plan: BrainstormPlan) -> Post:
    """A post with the times of a plan, which the words of posts are for. It is never saved."""
    return Post(timezone=plan.timezone, at=plan.at, rrule=plan.rrule, start_local=plan.start_local)


def plan_words(plan: BrainstormPlan) -> str:
    """When it takes place, as a person would say it: "Every day at 14:00"."""
    return schedule_words(as_post(plan))


def register() -> None:
    plan = Subject(_("Plan of brainstorms"), BrainstormPlan.objects.visible_to, "campaigns:brainstorm_plan")
    subjects("campaigns.brainstormplan", plan)
    subjects("campaigns.brainstorm", Subject(_("Brainstorm"), Brainstorm.objects.visible_to, "campaigns:brainstorm"))
    subjects("campaigns.answer", Subject(_("Answer of a brainstorm"), Answer.objects.visible_to))
    actions(
        {
            "brainstorm.plan_created": _("Brainstorms planned"),
            "brainstorm.plan_changed": _("Plan of brainstorms changed"),
            "brainstorm.plan_ended": _("Plan of brainstorms ended"),
            "brainstorm.asked": _("Question of a brainstorm changed"),
            "brainstorm.cancelled": _("Brainstorm called off"),
            "brainstorm.restored": _("Brainstorm takes place again"),
            "brainstorm.honoured": _("Honour board posted"),
            "brainstorm.answer_hidden": _("Answer hidden"),
            "brainstorm.answer_shown": _("Answer shown again"),
        }
    )
    nothing = {"text": "", "digest": ""}
    treat("campaigns.answer", Treatment(_("answers in brainstorms"), Fate.EMPTIED, nothing, _forget))
    treat("campaigns.answerlike", Treatment(_("likes of answers"), Fate.STAYS))
