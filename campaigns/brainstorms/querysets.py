from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from members.models import Member

if TYPE_CHECKING:
    from accounts.models import User
    from campaigns.brainstorms.models import Answer, Brainstorm, BrainstormPlan  # noqa: F401  named in the bases below


class BrainstormPlanQuerySet(models.QuerySet["BrainstormPlan"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every plan, a branch those of its own: others may name groups it does not know."""
        return self if user.branch_id is None else self.filter(branch_id=user.branch_id)

    def running(self) -> Self:
        return self.filter(ended_at=None)

    def to_plan(self, now: datetime) -> Self:
        """Running plans whose next sessions are to be made."""
        return self.running().filter(plan_again_at__lte=now)

    def matching(self, text: str) -> Self:
        return self.filter(Q(name__icontains=text) | Q(question__icontains=text))


class BrainstormQuerySet(models.QuerySet["Brainstorm"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every session, a branch those in its groups."""
        return self if user.branch_id is None else self.filter(group__branch_id=user.branch_id)

    def matching(self, text: str) -> Self:
        return self.filter(Q(question__icontains=text) | Q(group__name__icontains=text))

    def held(self) -> Self:
        """Those that were not called off."""
        return self.exclude(state="cancelled")

    def taking_answers(self, at: datetime) -> Self:
        """Those to which something said at this instant is an answer."""
        return self.held().filter(opens_at__lte=at, closes_at__gt=at)

    def with_figures(self) -> Self:
        """`answered`, how many answers it has; `people`, how many members gave them; `waiting`, how many of the answers
        nobody of the staff has liked. What is hidden does not count."""
        answers = apps.get_model("campaigns", "Answer")
        shown = answers.objects.filter(session=OuterRef("pk"), hidden_at=None)

        def count(rows: models.QuerySet[Any], what: Count) -> Coalesce:
            return Coalesce(Subquery(rows.order_by().values("session").annotate(n=what).values("n")), 0)

        return self.annotate(
            answered=count(shown, Count("pk")),
            people=count(shown, Count("member", distinct=True)),
            waiting=count(shown.filter(seen_at=None), Count("pk")),
        )


class AnswerQuerySet(models.QuerySet["Answer"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every answer, a branch those in its groups."""
        return self if user.branch_id is None else self.filter(session__group__branch_id=user.branch_id)

    def shown(self) -> Self:
        """Those that staff did not hide."""
        return self.filter(hidden_at=None)

    def not_liked(self) -> Self:
        """Answers that nobody of the staff has liked yet, the one that waits longest first."""
        return self.filter(seen_at=None, hidden_at=None).order_by("at", "pk")

    def with_likes(self, *, staff: User | None = None, member: Member | None = None) -> Self:
        """`liked`, by how many, and `is_mine`, whether by this person."""
        likes = apps.get_model("campaigns", "AnswerLike").objects.filter(answer=OuterRef("pk"))
        counted = likes.order_by().values("answer").annotate(n=Count("pk")).values("n")
        return self.annotate(
            liked=Coalesce(Subquery(counted), 0),
            is_mine=Exists(likes.filter(staff=staff) if staff else likes.filter(member=member)),
        )
