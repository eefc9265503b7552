"""The lists of questions: filters, columns and what they export."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.access import StaffRequest
from accounts.models import Branch
from community_ops.lib.lists import Column, Filter, Listing, Text, day_of
from groups.models import Group
from members.questions.models import AskedBy, Question, QuestionState
from members.questions.querysets import IN_TIME, LATE, LEFT_OUT, WAITING, verdict_is
from members.questions.selectors import with_names

ANY, HEADQUARTERS = "any", "none"
MOST_CHOICES = 200
SOON = timedelta(minutes=5)
VERDICT_WORDS: dict[str, Text] = {
    IN_TIME: pgettext_lazy("question", "Answered in time"),
    LATE: pgettext_lazy("question", "Late"),
    WAITING: pgettext_lazy("question", "Still within the target"),
    LEFT_OUT: pgettext_lazy("question", "Not counted"),
}


def _columns() -> list[Column[Question]]:
    return [
        Column("question", gettext_lazy("Question"), value=lambda row: row.text),
        Column("member", gettext_lazy("Member"), order="member__name", value=lambda row: row.member.name, wide="md"),
        Column("group", gettext_lazy("Group"), order="group__name", value=lambda row: row.group.name, wide="lg"),
        Column("branch", gettext_lazy("Branch"), value=lambda row: str(row.group.branch or ""), shown=False),
        Column("asked", gettext_lazy("Asked"), order="asked_at", value=lambda row: row.asked_at, wide="xl"),
        Column(
            "due",
            pgettext_lazy("task", "Until"),
            order="due_at",
            value=lambda row: row.due_at,
            nullable=True,
            wide="sm",
        ),
        Column(
            "elapsed",
            gettext_lazy("Elapsed"),
            order="served_seconds",
            value=lambda row: None if row.served_seconds is None else round(row.served_seconds),
            number=True,
            nullable=True,
        ),
        Column("target", gettext_lazy("Target in seconds"), value=lambda row: row.target_seconds, shown=False),
        Column(
            "in_time",
            gettext_lazy("In time"),
            value=lambda row: None if row.in_time is None else int(row.in_time),
            shown=False,
        ),
        Column("answered", gettext_lazy("Answered"), value=lambda row: row.first_answer_at, shown=False),
        Column("state", gettext_lazy("State"), order="state", value=lambda row: row.get_state_display(), wide="sm"),
        Column("taken", gettext_lazy("On it"), value=lambda row: str(row.taken_by or ""), shown=False),
        Column("source", gettext_lazy("Came"), value=lambda row: row.get_source_display(), shown=False),
        Column("reason", gettext_lazy("Reason"), value=lambda row: row.get_close_reason_display(), shown=False),
    ]


def begins(value: str, after: int = 0) -> datetime:
    """The beginning of the local day that an address names."""
    day = day_of(value)
    assert day is not None
    return timezone.make_aware(datetime.combine(day + timedelta(days=after), datetime.min.time()))


def scope_filters(request: StaffRequest) -> list[Filter[Any]]:
    """Branch, group and days: what the report and the list behind it share."""
    user = request.user
    visible = Group.objects.visible_to(user)
    groups = list(
        visible.filter(pk__in=Question.objects.values("group"))
        .order_by("name", "pk")
        .values_list("pk", "name")[:MOST_CHOICES]
    )
    asked = request.GET.get("group", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 19 and int(asked) not in dict(groups):
        groups += list(visible.filter(pk=int(asked)).values_list("pk", "name"))

    def in_branch(rows: QuerySet[Question], value: str) -> QuerySet[Question]:
        return rows.filter(group__branch=None) if value == HEADQUARTERS else rows.filter(group__branch_id=int(value))

    found: list[Filter[Any]] = [
        Filter("group", gettext_lazy("Group"), groups, lambda rows, value: rows.filter(group_id=int(value))),
        Filter(
            "from",
            gettext_lazy("Asked from"),
            [],
            lambda rows, value: rows.filter(asked_at__gte=begins(value)),
            more=True,
            is_day=True,
        ),
        Filter(
            "to",
            gettext_lazy("Asked until"),
            [],
            lambda rows, value: rows.filter(asked_at__lt=begins(value, 1)),
            more=True,
            is_day=True,
        ),
    ]
    if user.is_headquarters:
        branches: list[tuple[Any, Any]] = list(Branch.objects.values_list("pk", "name"))
        if branches:
            branches.append((HEADQUARTERS, gettext_lazy("Headquarters")))
            found.insert(0, Filter("branch", gettext_lazy("Branch"), branches, in_branch))
    return found


def _filters(request: StaffRequest, now: datetime) -> list[Filter[Any]]:
    user = request.user

    def in_state(rows: QuerySet[Question], value: str) -> QuerySet[Question]:
        return rows if value == ANY else rows.filter(state=value)

    def due(rows: QuerySet[Question], value: str) -> QuerySet[Question]:
        return rows.filter(state=QuestionState.OPEN, due_at__lt=now if value == "over" else now + SOON)

    return [
        Filter(
            "state",
            gettext_lazy("State"),
            [*QuestionState.choices, (ANY, gettext_lazy("Every state"))],
            in_state,
            unset=pgettext_lazy("questions", "Waiting for an answer"),
        ),
        Filter(
            "due",
            pgettext_lazy("task", "Until"),
            [("over", pgettext_lazy("questions", "Overdue")), ("soon", gettext_lazy("Overdue or within 5 minutes"))],
            due,
        ),
        Filter(
            "whose",
            gettext_lazy("Whose"),
            [("mine", gettext_lazy("Mine")), ("nobody", gettext_lazy("Taken by nobody"))],
            lambda rows, value: rows.filter(taken_by=user if value == "mine" else None),
            unset=gettext_lazy("Everybody's"),
        ),
        *scope_filters(request),
        Filter(
            "counts",
            gettext_lazy("How it counts"),
            list(VERDICT_WORDS.items()),
            lambda rows, value: rows.filter(verdict_is(value, now)),
            more=True,
        ),
        Filter(
            "source",
            gettext_lazy("Came"),
            AskedBy.choices,
            lambda rows, value: rows.filter(source=value),
            more=True,
        ),
    ]


def questions_listing(request: StaffRequest, now: datetime) -> Listing[Question]:
    rows = Question.objects.visible_to(request.user)
    # A list that the report leads to holds what the figure counts, whatever became of it.
    if not request.GET.get("state") and not request.GET.get("counts"):
        rows = rows.open()
    return Listing(
        request,
        with_names(rows),
        columns=_columns(),
        filters=_filters(request, now),
        search=lambda found, text: found.filter(pk__in=Question.objects.matching(text).values("pk")),
        sort="due" if not request.GET.get("state") and not request.GET.get("counts") else "-asked",
        id="questions",
    )
