from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from accounts.models import User
    from groups.models import Group
    from members.models import Member
    from members.questions.models import Knowledge, Question  # noqa: F401  named in the bases below

# How a question counts in the report: each is exactly one of these.
IN_TIME, LATE, WAITING, LEFT_OUT = "in_time", "late", "waiting", "left_out"
VERDICTS = (IN_TIME, LATE, WAITING, LEFT_OUT)


def _unanswered(now: datetime) -> dict[str, Q]:
    """What is said of questions without an answer. Whoever closes a question after its deadline was late all the same;
    merged with another one, or withdrawn by its member, it never counts."""
    void = Q(state="withdrawn") | Q(state="closed", close_reason__in=["merged", "no_question"])
    missed = Q(state="open", due_at__lt=now) | Q(state="closed", closed_at__gt=models.F("due_at"))
    return {
        LATE: missed & ~void,
        WAITING: Q(state="open") & (Q(due_at=None) | Q(due_at__gte=now)),
        LEFT_OUT: void | Q(state="closed") & (Q(due_at=None) | Q(closed_at__lte=models.F("due_at"))),
    }


def verdict_is(verdict: str, now: datetime) -> Q:
    """The condition for one of VERDICTS. One definition for the figure, the list behind it and its export."""
    bare = Q(first_answer_at=None)
    if verdict == IN_TIME:
        return Q(in_time=True)
    if verdict == LATE:
        return Q(in_time=False) | bare & _unanswered(now)[LATE]
    return bare & _unanswered(now)[verdict]


class QuestionQuerySet(models.QuerySet["Question"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees every question, a branch those in its groups."""
        return self if user.branch_id is None else self.filter(group__branch_id=user.branch_id)

    def open(self) -> Self:
        return self.filter(state="open")

    def matching(self, text: str) -> Self:
        """Questions with `text` in their words, by a member or in a group of that name."""
        if not text:
            return self
        return self.filter(Q(text__icontains=text) | Q(member__name__icontains=text) | Q(group__name__icontains=text))

    def of_group_page(self, group: Group, member: Member) -> Self:
        """What `member` may read on the page of a group: all that is asked there, and of what is withdrawn or closed
        only their own."""
        own = Q(member=member)
        return self.filter(own | Q(state__in=["open", "answered", "accepted"]), group=group)


class KnowledgeQuerySet(models.QuerySet["Knowledge"]):
    def visible_to(self, user: User) -> Self:
        """Headquarters sees everything; a branch what its groups find."""
        if user.branch_id is None:
            return self
        return self.filter(Q(visibility="all") | Q(group__branch_id=user.branch_id))

    def standing(self) -> Self:
        """What was not taken out of use."""
        return self.filter(retired_at=None)

    def found_in(self, group: Group) -> Self:
        """What the members of a group find."""
        return self.standing().filter(
            Q(visibility="all") | Q(visibility="branch", group__branch_id=group.branch_id) | Q(group_id=group.pk)
        )

    def matching(self, text: str) -> Self:
        return self.filter(search__contains=text.lower()) if text else self
