"""Questions as people read them, and the report about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Avg, Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils.translation import gettext as _

from accounts.models import User
from groups.models import Permission
from groups.roles.permissions import Rights, rights_in
from members.models import Member
from members.questions.models import Answer, HelpfulVote, Question
from members.questions.querysets import IN_TIME, LATE, LEFT_OUT, VERDICTS, WAITING, verdict_is
from members.questions.service import services_for


def length_words(seconds: float | None) -> str:
    """A length of time as people say it: "45 s", "12 min", "3 h 5 min"."""
    if seconds is None:
        return "–"
    whole = int(seconds)
    if whole < 120:
        return _("%(number)d s") % {"number": whole}
    if whole < 2 * 3600:
        return _("%(number)d min") % {"number": whole // 60}
    return _("%(hours)d h %(minutes)d min") % {"hours": whole // 3600, "minutes": whole % 3600 // 60}


@dataclass(frozen=True)
class QuestionItem:
    """A question with how long it has waited within service hours (or did, once it is answered).

    `percent` is that of the target, at most 100. `up_to` are those whose affair it is, where the reader's role does not
    let them answer; else None.
    """

    question: Question
    elapsed: float
    percent: int
    is_late: bool
    may_act: bool
    up_to: list[User] | None = None

    @property
    def elapsed_words(self) -> str:
        return length_words(self.elapsed)

    @property
    def target_words(self) -> str:
        return length_words(self.question.target_seconds)


def with_names(rows: QuerySet[Question]) -> QuerySet[Question]:
    return rows.select_related("member", "group__branch", "taken_by")


def question_items(questions: Sequence[Question], *, user: User, now: datetime) -> list[QuestionItem]:
    """At most four queries, however many there are."""
    services = services_for({question.group for question in questions}) if questions else {}
    rights = rights_in(user, {question.group_id for question in questions})
    items = []
    for question in questions:
        elapsed = question.served_seconds
        if elapsed is None:
            until = question.closed_at or now
            elapsed = services[question.group_id].elapsed(question.asked_at, until)
        items.append(
            QuestionItem(
                question=question,
                elapsed=elapsed,
                percent=min(100, int(100 * elapsed / question.target_seconds)),
                is_late=question.in_time is False or elapsed > question.target_seconds,
                **_whose(question, rights),
            )
        )
    return items


def _whose(question: Question, rights: Rights) -> dict[str, Any]:
    mine = rights.may(Permission.ANSWER, question.group_id)
    up_to = rights.who(Permission.ANSWER, question.group_id) if rights.user.may_write and not mine else None
    return {"may_act": mine and rights.user.may_write, "up_to": up_to}


def answers_of(question: Question, reader: Member | None = None) -> list[Answer]:
    """The accepted one first, then by how many members each helped. With `reader` each knows whether it helped them."""
    rows = Answer.objects.filter(question=question).select_related("author", "member")
    rows = rows.annotate(helpful=Count("votes"))
    if reader is not None:
        rows = rows.annotate(has_helped=Exists(HelpfulVote.objects.filter(answer=OuterRef("pk"), member=reader)))
    return list(rows.order_by(F("accepted_at").asc(nulls_last=True), "-helpful", "at", "pk"))


# The report

GROUP, BRANCH, DAY = "group", "branch", "day"
_KEYS: dict[str, tuple[str, str]] = {
    GROUP: ("group_id", "group__name"),
    BRANCH: ("group__branch_id", "group__branch__name"),
}


@dataclass(frozen=True)
class Line:
    """Questions of one group, branch or day. `key` is its number, or the day."""

    key: Any
    name: str
    asked: int
    counts: dict[str, int] = field(hash=False)
    average: float | None = None

    @property
    def in_time(self) -> int:
        return self.counts[IN_TIME]

    @property
    def late(self) -> int:
        return self.counts[LATE]

    @property
    def waiting(self) -> int:
        return self.counts[WAITING]

    @property
    def left_out(self) -> int:
        return self.counts[LEFT_OUT]

    @property
    def judged(self) -> int:
        """What the share is taken of: answered, or too late by now."""
        return self.in_time + self.late

    @property
    def average_words(self) -> str:
        return length_words(self.average)


def report_lines(questions: QuerySet[Question], *, by: str, now: datetime) -> list[Line]:
    """One line for each group, branch or local day, those with the lowest share first; days in their order."""
    rows = questions.order_by()
    if by == DAY:
        by_day = rows.annotate(key=TruncDate("asked_at")).values("key").annotate(**_measures(now)).order_by("-key")
        return [_line(row["key"], f"{row['key']:%Y-%m-%d}", dict(row)) for row in by_day]
    key, name = _KEYS[by]
    grouped = rows.values(key, name).annotate(**_measures(now))
    lines = [_line(row[key], row[name] or "", row) for row in grouped]
    return sorted(lines, key=lambda line: (line.in_time / line.judged if line.judged else 2, -line.judged, line.name))


def report_total(questions: QuerySet[Question], *, now: datetime) -> Line:
    return _line(None, "", questions.order_by().aggregate(**_measures(now)))


def _measures(now: datetime) -> dict[str, Any]:
    counted = {f"n_{verdict}": Count("pk", filter=verdict_is(verdict, now)) for verdict in VERDICTS}
    return {"asked": Count("pk"), "average": Avg("served_seconds", filter=Q(served_seconds__isnull=False)), **counted}


def _line(key: int | date | None, name: str, row: dict[str, Any]) -> Line:
    return Line(key, name, row["asked"], {verdict: row[f"n_{verdict}"] for verdict in VERDICTS}, row["average"])
