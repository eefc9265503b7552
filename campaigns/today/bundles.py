"""What needs a person now: like things in bundles, in the order of their deadline. A constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from campaigns.brainstorms.models import Answer
from campaigns.channel_off import CHANNEL_OFF
from campaigns.checkins.models import CheckIn
from campaigns.deliveries.causes import Cause, causes, urgent
from campaigns.deliveries.selectors import dress
from campaigns.posts.selectors import deliveries_visible_to
from campaigns.today.bundle import SHOWN, Bundle
from campaigns.today.prizes import awards_to_send
from community_ops.lib.lists import Text
from delivery.models import Delivery
from delivery.querysets import DeliveryQuerySet
from groups.models import Group, GroupState, Permission
from groups.querysets import GroupQuerySet
from groups.roles.duties import MyDuty, my_duties
from groups.roles.models import Rhythm, StaffRole
from groups.roles.permissions import Rights, rights_in
from members.conduct.models import Violation
from members.entry.models import Application
from members.entry.selectors import application_suggestions
from members.models import ImportRun, ImportState, Question, StaffTask
from members.work.kinds import all_kinds
from members.work.selectors import task_items

# What is due later than this is shown as what comes next.
AHEAD = timedelta(hours=24)
# A violation or an application that lies longer has lost its sense: the group, or the applicant, has moved on.
WITHIN = timedelta(hours=24)
# An answer wants its like within the hour; one that waits for a week is left to the page of brainstorms.
LIKED_WITHIN, LIKES_STAY = timedelta(hours=1), timedelta(days=7)
FAILURES_STAY = timedelta(days=3)
MINE, ALL = "mine", "all"


@dataclass(frozen=True)
class Todo:
    """`bundles` ask for something. `coming` goes out by itself; `later` counts tasks that are due later."""

    bundles: list[Bundle]
    coming: list[Delivery]
    later: int
    next_due: datetime | None

    @property
    def count(self) -> int:
        """How many things have a deadline; what merely wants a look is not counted."""
        return sum(bundle.count for bundle in self.bundles if bundle.due_at is not None)

    @property
    def late(self) -> int:
        return sum(bundle.late for bundle in self.bundles)

    @property
    def in_groups(self) -> bool:
        """Whether anything of it lies in a group."""
        return bool(self.coming) or any(bundle.groups for bundle in self.bundles)

    def rows(self, sort: str) -> list[Any]:
        return [row for bundle in self.bundles if bundle.sort == sort for row in bundle.rows]


def groups_of(user: User, whose: str) -> GroupQuerySet:
    """The groups that a person sees; of MINE those that they run, or that nobody runs."""
    groups = Group.objects.visible_to(user)
    if whose != MINE:
        return groups
    roles = StaffRole.objects.values("group_id")
    return groups.filter(Q(pk__in=roles.filter(user=user)) | ~Q(pk__in=roles))


def todo(*, user: User, now: datetime, whose: str = MINE) -> Todo:
    groups = groups_of(user, whose)
    deliveries = deliveries_visible_to(user)
    if whose == MINE:
        deliveries = deliveries.in_groups(groups.order_by().values("pk"))
    # A channel that is off has a row of its own here, which switches it on again.
    tasks = StaffTask.objects.visible_to(user).open().exclude(kind=CHANNEL_OFF)
    if whose == MINE:
        tasks = tasks.falling_to(user)

    stuck = _stuck(deliveries, now)
    coming = list(
        deliveries.planned()
        .filter(due_at__gt=now, due_at__lte=now + AHEAD)
        .select_related("message")
        .order_by("due_at", "pk")[:SHOWN]
    )
    task_rows = _first_tasks(tasks, now)
    violations = Violation.objects.visible_to(user).waiting().filter(group__in=groups)
    violation_rows = list(violations.select_related("member", "rule").order_by("noted_at", "pk")[:SHOWN])
    applications = Application.objects.visible_to(user).pending().filter(group__in=groups)
    application_rows = list(applications.order_by("created_at", "pk")[:SHOWN])
    answers = Answer.objects.visible_to(user).not_liked().filter(session__group__in=groups, at__gt=now - LIKES_STAY)
    answer_rows = list(answers.select_related("member", "session__group")[:SHOWN])
    questions = Question.objects.visible_to(user).open().filter(group__in=groups, due_at__lte=now + AHEAD)
    question_rows = list(questions.select_related("member", "taken_by").order_by("due_at", "pk")[:SHOWN])
    off = groups.open().filter(destination__disabled_at__isnull=False)
    off_rows = list(off.select_related("destination").order_by("destination__disabled_at", "pk")[:SHOWN])
    proofs = CheckIn.objects.visible_to(user).waiting().filter(group__in=groups)
    proof_rows = list(proofs.select_related("member", "programme").order_by("at", "pk")[:SHOWN])

    in_groups: list[Any] = [*stuck, *coming, *task_rows, *violation_rows, *application_rows, *question_rows]
    in_groups += proof_rows
    numbers = {row.group_id for row in in_groups if row.group_id}
    of_others = {row.session.group_id for row in answer_rows} | {group.pk for group in off_rows}
    rights = rights_in(user, numbers | of_others)
    # The rows lie in few groups: these are read once, and not again with each row.
    named = Group.objects.in_bulk(numbers)
    for row in in_groups:
        row.group = named.get(row.group_id)
    dress(rows=stuck, rights=rights)
    for violation in violation_rows:
        _say_whose(violation, Permission.MODERATE, violation.group_id, rights)
    for application in application_rows:
        _say_whose(application, Permission.REVIEW, application.group_id, rights)
    for answer in answer_rows:
        _say_whose(answer, Permission.ANSWER, answer.session.group_id, rights)
        answer.waited = max(now - answer.at, timedelta())  # type: ignore[attr-defined]
    for proof in proof_rows:
        _say_whose(proof, Permission.POST, proof.group_id, rights)
    for group in off_rows:
        _say_whose(group, Permission.POST, group.pk, rights)
    for question in question_rows:
        _say_whose(question, Permission.ANSWER, question.group_id, rights)
    known = application_suggestions(application_rows, user=user)
    for application in application_rows:
        application.may_be_known = bool(known[application.pk])  # type: ignore[attr-defined]

    counted = _tasks_counted(tasks, now)
    found = [
        *_delivery_bundles(stuck, causes(deliveries, now) if stuck else []),
        *_task_bundles(counted, task_rows, rights, now, whose),
        *_duty_bundles(my_duties(user=user, now=now), now),
        *_questions(questions, question_rows, now),
        *_waiting(violations, violation_rows, "noted_at", "violation", now),
        *_waiting(applications, application_rows, "created_at", "application", now),
        *_answers(answers, answer_rows, now),
        *_waiting(proofs, proof_rows, "at", "proof", now),
        *awards_to_send(user=user, groups=groups, now=now),
        *_channels(off, off_rows),
        *(_imports(user, now) if user.may_write else []),
        *_groups_in_need(groups, now),
    ]
    found.sort(key=lambda bundle: (bundle.due_at is None, bundle.due_at or now))
    later = [row for row in counted if row["later"]]
    next_due = min((row["next"] for row in later), default=None)
    return Todo(found, coming, sum(row["later"] for row in later), next_due)


def _say_whose(thing: Any, permission: str, group_id: int, rights: Rights) -> None:
    mine = rights.may(permission, group_id)
    thing.may_act = mine
    thing.up_to = rights.who(permission, group_id) if rights.user.may_write and not mine else None


# Deliveries


def _stuck(deliveries: DeliveryQuerySet, now: datetime) -> list[Delivery]:
    """The first few of each cause."""
    place = Window(RowNumber(), partition_by=[F("state"), F("error_code"), F("error")], order_by=[F("due_at"), F("pk")])
    rows = urgent(deliveries, now).select_related("message").annotate(place=place).filter(place__lte=SHOWN)
    return list(rows.order_by("due_at", "pk"))


def _delivery_bundles(rows: list[Delivery], found: Iterable[Cause]) -> list[Bundle]:
    held: dict[tuple[str, str, str], list[Delivery]] = {}
    for row in rows:
        held.setdefault((row.state, row.error_code, row.error), []).append(row)
    page = reverse("campaigns:deliveries")
    return [
        Bundle(
            key=f"delivery-{cause.state}-{cause.code}-{number}",
            sort="delivery",
            icon="send",
            label=DELIVERY_LABELS.get(cause.state, cause.state_label),
            count=cause.count,
            groups=cause.groups,
            rows=held.get((cause.state, cause.code, cause.detail), []),
            due_at=cause.since,
            late=cause.count,
            why=cause.why,
            advice=cause.advice,
            all_url=f"{page}?{cause.query}",
        )
        for number, cause in enumerate(found)
    ]


DELIVERY_LABELS: dict[str, Text] = {
    "waiting_for_owner": _("Posts wait for you"),
    "unknown": _("Posts of which nobody knows whether they arrived"),
    "failed": _("Posts that did not arrive"),
}


# Tasks and duties


def _first_tasks(tasks: QuerySet[StaffTask], now: datetime) -> list[StaffTask]:
    """The first few of each kind, without their groups."""
    place = Window(RowNumber(), partition_by=[F("kind")], order_by=[F("due_at"), F("pk")])
    ahead = tasks.filter(due_at__lte=now + AHEAD).annotate(place=place).filter(place__lte=SHOWN)
    return list(ahead.select_related("member", "branch", "assignee").order_by("due_at", "pk"))


def _tasks_counted(tasks: QuerySet[StaffTask], now: datetime) -> list[dict[str, Any]]:
    """By kind, how many are due soon, with the earliest of them and in how many groups; and how many later."""
    soon, later = Q(due_at__lte=now + AHEAD), Q(due_at__gt=now + AHEAD)
    rows: Iterable[Any] = tasks.order_by().values("kind").annotate(
        n=Count("pk", filter=soon),
        groups=Count("group_id", distinct=True, filter=soon),
        first=Min("due_at"),
        late=Count("pk", filter=Q(due_at__lt=now)),
        later=Count("pk", filter=later),
        next=Min("due_at", filter=later),
    )  # fmt: skip
    return list(rows)


def _task_bundles(
    rows_counted: list[dict[str, Any]], rows: list[StaffTask], rights: Rights, now: datetime, whose: str
) -> list[Bundle]:
    counted = {row["kind"]: row for row in rows_counted if row["n"]}
    held: dict[str, list[StaffTask]] = {}
    for row in rows:
        held.setdefault(row.kind, []).append(row)
    page, mine = reverse("members:tasks"), {"whose": "mine"} if whose == MINE else {}
    return [
        Bundle(
            key=f"task-{kind.slug}",
            sort="task",
            icon=kind.icon,
            label=kind.label,
            count=counted[kind.slug]["n"],
            groups=counted[kind.slug]["groups"],
            rows=task_items(held.get(kind.slug, []), now, rights),
            due_at=counted[kind.slug]["first"],
            late=counted[kind.slug]["late"],
            all_url=f"{page}?{urlencode({**mine, 'kind': kind.slug})}",
        )
        for kind in all_kinds()
        if kind.slug in counted
    ]


def _duty_bundles(duties: list[MyDuty], now: datetime) -> list[Bundle]:
    """A bundle for each rhythm: done by the end of the day, of the week, or once before the group opens."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    ends: dict[str, datetime | None] = {
        Rhythm.DAILY: midnight + timedelta(days=1),
        Rhythm.WEEKLY: midnight + timedelta(days=7 - midnight.weekday()),
    }
    found = []
    for rhythm in Rhythm:
        rows = [duty for duty in duties if duty.duty.rhythm == rhythm and duty.left]
        if rows:
            found.append(
                Bundle(
                    key=f"duty-{rhythm}",
                    sort="duty",
                    icon="checklist",
                    label=_("My duties"),
                    count=len(rows),
                    groups=len({group.pk for row in rows for group in row.left}),
                    rows=rows,
                    due_at=ends.get(rhythm),
                    why=rhythm.label,
                    all_url=reverse("groups:duties"),
                )
            )
    return found


# What people wait for


def _waiting(waiting: QuerySet[Any], rows: list[Any], since: str, sort: str, now: datetime) -> list[Bundle]:
    if not rows:
        return []
    times = [getattr(row, since) for row in rows]
    counted: dict[str, Any] = {
        "n": len(rows),
        "groups": len({row.group_id for row in rows}),
        "late": sum(time < now - WITHIN for time in times),
    }
    if len(rows) == SHOWN:
        counted = waiting.order_by().aggregate(
            n=Count("pk"),
            groups=Count("group_id", distinct=True),
            late=Count("pk", filter=Q(**{f"{since}__lt": now - WITHIN})),
        )
    label, icon, page = {
        "violation": (_("Violations to judge"), "flag", "members:violations"),
        "application": (_("Applications to decide"), "user-question", "members:applications"),
        "proof": (_("Proofs of check-ins to review"), "calendar-check", "campaigns:check_in_proofs"),
    }[sort]
    for row in rows:
        row.due_at = getattr(row, since) + WITHIN
    return [
        Bundle(
            key=sort,
            sort=sort,
            icon=icon,
            label=label,
            count=counted["n"],
            groups=counted["groups"],
            rows=rows,
            due_at=times[0] + WITHIN,
            late=counted["late"],
            why=_("To be decided within a day."),
            all_url=reverse(page),
        )
    ]


def _answers(waiting: QuerySet[Answer], rows: list[Answer], now: datetime) -> list[Bundle]:
    if not rows:
        return []
    counted = waiting.order_by().aggregate(
        n=Count("pk"),
        groups=Count("session__group", distinct=True),
        first=Min("at"),
        late=Count("pk", filter=Q(at__lt=now - LIKED_WITHIN)),
    )
    return [
        Bundle(
            key="answer",
            sort="answer",
            icon="thumb-up",
            label=_("Answers nobody has liked yet"),
            count=counted["n"],
            groups=counted["groups"],
            rows=rows,
            due_at=counted["first"] + LIKED_WITHIN,
            late=counted["late"],
            why=_("Who answers in a brainstorm is liked within the hour, so that they feel seen."),
            all_url=reverse("campaigns:brainstorm_queue"),
        )
    ]


def _questions(waiting: QuerySet[Question], rows: list[Question], now: datetime) -> list[Bundle]:
    """Questions of members, until their target."""
    if not rows:
        return []
    counted = waiting.order_by().aggregate(
        n=Count("pk"),
        groups=Count("group_id", distinct=True),
        first=Min("due_at"),
        late=Count("pk", filter=Q(due_at__lt=now)),
    )
    return [
        Bundle(
            key="question",
            sort="question",
            icon="help-circle",
            label=_("Questions that wait for an answer"),
            count=counted["n"],
            groups=counted["groups"],
            rows=rows,
            due_at=counted["first"],
            late=counted["late"],
            why=_("Only time within service hours counts."),
            all_url=reverse("members:questions"),
        )
    ]


def _channels(off: QuerySet[Group], rows: list[Group]) -> list[Bundle]:
    if not rows:
        return []
    count = off.count() if len(rows) == SHOWN else len(rows)
    return [
        Bundle(
            key="channel",
            sort="channel",
            icon="bolt",
            label=_("Channels that are switched off"),
            count=count,
            groups=count,
            rows=rows,
            due_at=rows[0].destination.disabled_at if rows[0].destination else None,
            late=count,
            why=_("Nothing planned for these groups can leave."),
        )
    ]


def _imports(user: User, now: datetime) -> list[Bundle]:
    """Imports that wait for their columns, or failed lately."""
    failed = Q(state=ImportState.FAILED, created_at__gt=now - FAILURES_STAY)
    needy = ImportRun.objects.visible_to(user).filter(Q(state=ImportState.MAPPING) | failed)
    rows = list(needy.order_by("created_at", "pk")[:SHOWN])
    if not rows:
        return []
    return [
        Bundle(
            key="import",
            sort="import",
            icon="file-import",
            label=_("Imports"),
            count=needy.count() if len(rows) == SHOWN else len(rows),
            rows=rows,
            due_at=rows[0].created_at,
            late=sum(row.state == ImportState.FAILED for row in rows),
            all_url=reverse("members:imports"),
        )
    ]


# Groups that want a look


def _groups_in_need(groups: QuerySet[Group], now: datetime) -> list[Bundle]:
    needs: list[tuple[str, Text, Text, QuerySet[Group], str]] = [
        (
            "quiet",
            _("Groups that went quiet"),
            _(
                "Active groups where nobody did anything for seven days. "
                "Ask an easy question, or invite a member to share."
            ),
            groups.filter(pk__in=Group.objects.quiet(now).values("pk")).order_by("last_event_at", "pk"),
            "need=quiet&sort=last",
        ),
        (
            "forming",
            _("Groups without a position"),
            _("They lack a motivation or a purpose, so nothing can be posted to them."),
            groups.filter(state=GroupState.FORMING).order_by("-member_count", "pk"),
            "state=forming",
        ),
        (
            "full",
            _("Nearly full groups"),
            _("Nine tenths of the places are taken. Prepare the next group before invitations fail."),
            groups.filter(pk__in=Group.objects.nearly_full().values("pk")).order_by(
                F("capacity") - F("member_count"), "pk"
            ),
            "need=full&sort=-members",
        ),
    ]
    page, found = reverse("groups:list"), []
    for key, label, why, chosen, query in needs:
        rows = list(chosen[:SHOWN])
        if rows:
            count = chosen.count() if len(rows) == SHOWN else len(rows)
            found.append(
                Bundle(
                    key=key,
                    sort="group",
                    icon="messages",
                    label=label,
                    count=count,
                    groups=count,
                    rows=rows,
                    why=why,
                    all_url=f"{page}?{query}",
                )
            )
    return found
