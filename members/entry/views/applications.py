"""The applications in the console: the queue, and one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from accounts.models import User
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.models import Group, Permission
from groups.roles.permissions import may
from members.entry.forms import RejectForm
from members.entry.models import Application, ApplicationState, EntryQuestion
from members.entry.selectors import application_suggestions, newcomer_steps
from members.entry.services import (
    GroupFull,
    application_approve,
    application_reject,
    application_reopen,
    seats_left,
)
from members.models import Member, Membership, StaffTask

ANY = "any"
# More columns than these do not fit beside each other.
QUESTIONS_BESIDE = 4

COLUMNS: list[Column[Application]] = [
    Column("name", gettext_lazy("Name"), order="name", value=lambda row: row.name),
    Column("contact", gettext_lazy("WeChat id"), value=lambda row: row.contact, shown=False),
    Column("group", gettext_lazy("Group"), order="group__name", value=lambda row: row.group.name, wide="lg"),
    Column("state", gettext_lazy("State"), order="state", value=lambda row: row.get_state_display(), wide="md"),
    Column(
        "answers",
        gettext_lazy("Answers"),
        value=lambda row: "\n".join(f"{answer['text']} {answer['answer']}" for answer in row.answers),
    ),
    Column("referrer", gettext_lazy("Invited by"), value=lambda row: row.referrer, wide="xl"),
    Column("channel", gettext_lazy("Channel"), value=lambda row: row.channel, shown=False),
    Column("applied", gettext_lazy("Applied"), order="created_at", value=lambda row: row.created_at, wide="sm"),
    Column("decided", gettext_lazy("Decided"), value=lambda row: row.decided_at, shown=False),
    Column("by", gettext_lazy("Decided by"), value=lambda row: row.decided_by or "", shown=False),
    Column("reason", gettext_lazy("Reason"), value=lambda row: row.reason, shown=False),
]


def _filters(user: User) -> list[Filter[Application]]:
    asked = Application.objects.visible_to(user).order_by().values("group")
    groups = [(str(pk), name) for pk, name in Group.objects.filter(pk__in=asked).values_list("pk", "name")]

    def in_state(rows: QuerySet[Application], value: str) -> QuerySet[Application]:
        return rows if value == ANY else rows.filter(state=value)

    return [
        Filter(
            "state",
            gettext_lazy("State"),
            [
                *((value, label) for value, label in ApplicationState.choices if value != ApplicationState.PENDING),
                (ANY, gettext_lazy("Every state")),
            ],
            in_state,
            unset=ApplicationState.PENDING.label,
        ),
        Filter("group", gettext_lazy("Group"), groups, lambda rows, value: rows.filter(group_id=value)),
        Filter(
            "fits",
            gettext_lazy("Answers"),
            [("yes", gettext_lazy("As wanted")), ("no", gettext_lazy("Not as wanted"))],
            lambda rows, value: rows.filter(fits=value == "yes"),
        ),
    ]


@dataclass(frozen=True)
class QueueRow:
    application: Application
    # The answers to the questions of the one group that is shown, in their order.
    beside: list[str]
    on_waiting_list: bool
    may_decide: bool


@require_GET
@staff_required
def applications(request: StaffRequest) -> HttpResponseBase:
    visible = Application.objects.visible_to(request.user).select_related("group", "decided_by")
    waiting = visible if request.GET.get("state") in {*ApplicationState.values, ANY} else visible.pending()
    listing = Listing(
        request,
        waiting,
        columns=COLUMNS,
        filters=_filters(request.user),
        search=lambda rows, text: rows.matching(text),  # type: ignore[attr-defined]
        sort="applied",
    )
    if listing.export:
        return listing.export_response("applications")
    asked = next(state.value for state in listing.filters if state.name == "group")
    questions = list(EntryQuestion.objects.filter(group_id=asked)[: QUESTIONS_BESIDE + 1]) if asked else []
    questions = questions if len(questions) <= QUESTIONS_BESIDE else []
    context = {
        "listing": listing,
        "rows": _rows(listing.rows, questions, request.user),
        "questions": questions,
        "is_decidable": not request.GET.get("state") and request.user.may_write,
    }
    return render(request, "console/members/entry_applications.html", context)


def _rows(found: Sequence[Application], questions: list[EntryQuestion], user: User) -> list[QueueRow]:
    numbers = {row.group_id for row in found}
    mine = set(Group.objects.filter(pk__in=numbers).permitted(user, Permission.REVIEW).values_list("pk", flat=True))
    full = {
        group.pk
        for group in Group.objects.filter(pk__in=numbers).only("pk", "capacity", "member_count")
        if group.member_count >= group.capacity
    }
    rows = []
    for row in found:
        answers = {answer["question"]: answer["answer"] for answer in row.answers}
        beside = [answers.get(question.pk, "") for question in questions]
        pending = row.state == ApplicationState.PENDING
        rows.append(QueueRow(row, beside, pending and row.group_id in full, pending and row.group_id in mine))
    return rows


@require_GET
@staff_required
def application(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _visible(request, pk), RejectForm())


def _page(request: StaffRequest, found: Application, form: RejectForm, status: int = 200) -> HttpResponse:
    suggestions = application_suggestions([found], user=request.user)[found.pk]
    present = set(
        Membership.objects.present()
        .filter(group=found.group, member__in=suggestions)
        .values_list("member_id", flat=True)
    )
    ahead = Application.objects.pending().filter(group=found.group, created_at__lt=found.created_at).count()
    context = {
        "application": found,
        "form": form,
        "suggestions": [(member, member.pk in present) for member in suggestions],
        "may_decide": may(request.user, Permission.REVIEW, found.group),
        "seats": seats_left(found.group),
        "ahead": ahead,
        "waiting": Application.objects.visible_to(request.user).pending().count(),
        "next": _next(request.user, found),
        "task": StaffTask.objects.filter(kind="entry_invite", subject_id=found.pk).order_by("-pk").first(),
        "status_url": request.build_absolute_uri(reverse("member:application", args=[found.token])),
    }
    return render(request, "console/members/entry_application.html", context, status=status)


def _next(user: User, found: Application) -> Application | None:
    """The one that has waited longest after this one, or the first of all."""
    waiting = Application.objects.visible_to(user).pending().exclude(pk=found.pk).order_by("created_at", "pk")
    later = waiting.filter(created_at__gte=found.created_at)
    return later.first() or waiting.first()


@require_POST
@writer_required
def application_decide(request: StaffRequest, pk: int) -> HttpResponse:
    """Approves or rejects, and goes on to the next one."""
    found = _decided(request, pk)
    now, target = timezone.now(), next_address(request, "")
    if "reject" in request.POST:
        form = RejectForm(request.POST)
        if not form.is_valid():
            return _page(request, found, form, 422)
        try:
            done = application_reject(by=request.user, now=now, application=found, reason=form.cleaned_data["reason"])
        except ValidationError as error:
            add_errors(form, error)
            return _page(request, found, form, 422)
        text = _("%(name)s is rejected.")
    else:
        try:
            done = application_approve(by=request.user, now=now, application=found, member=_chosen(request, found))
        except GroupFull:
            warn(request, _("%(group)s is full. The application stays on the waiting list.") % {"group": found.group})
            return redirect(target or reverse("members:application", args=[found.pk]))
        text = _("%(name)s is approved. Inviting them is a task now.")
    if done:
        undo = reverse("members:application_reopen", args=[found.pk])
        undo += f"?{urlencode({'next': target})}" if target else ""
        toast(request, text % {"name": found.name}, undo_url=undo)
    else:
        found.refresh_from_db()
        warn(
            request,
            _("%(name)s was decided before: %(state)s.") % {"name": found.name, "state": found.get_state_display()},
        )
    if target:
        return redirect(target)
    following = _next(request.user, found)
    return redirect("members:application", following.pk) if following else redirect("members:applications")


def _chosen(request: StaffRequest, found: Application) -> Member | None:
    """The member whom the reviewer knows the applicant to be, one of those that were offered."""
    asked = request.POST.get("member", "")
    offered = application_suggestions([found], user=request.user)[found.pk]
    return next((member for member in offered if str(member.pk) == asked), None)


@require_POST
@writer_required
def application_again(request: StaffRequest, pk: int) -> HttpResponse:
    """Takes a decision back."""
    found = _decided(request, pk)
    if application_reopen(by=request.user, now=timezone.now(), application=found):
        toast(request, _("%(name)s waits for a decision again.") % {"name": found.name})
    else:
        warn(request, _("This cannot be taken back any more: somebody was invited, or has applied anew."))
    return redirect(next_address(request, reverse("members:application", args=[found.pk])))


@require_POST
@writer_required
def applications_approve(request: StaffRequest) -> HttpResponse:
    """Approves those that were ticked, in the order of their coming. Who may be a known member is left for a look."""
    asked = [value for value in request.POST.getlist("application") if value.isdecimal() and len(value) < 19]
    reviewed = Group.objects.visible_to(request.user).permitted(request.user, Permission.REVIEW)
    visible = Application.objects.visible_to(request.user).pending().filter(pk__in=asked)
    chosen = list(visible.filter(group__in=reviewed).select_related("group").order_by("created_at", "pk"))
    known = application_suggestions(chosen, user=request.user)
    now = timezone.now()
    approved = full = 0
    for row in chosen:
        if known[row.pk]:
            continue
        try:
            approved += application_approve(by=request.user, now=now, application=row)
        except GroupFull:
            full += 1
    if approved:
        toast(
            request,
            ngettext(
                "%(number)d application is approved. Inviting them is a task now.",
                "%(number)d applications are approved. Inviting them are tasks now.",
                approved,
            )
            % {"number": approved},
        )
    if left := sum(bool(found) for found in known.values()):
        warn(
            request,
            ngettext(
                "%(number)d applicant may be a member already: look at the application.",
                "%(number)d applicants may be members already: look at the applications.",
                left,
            )
            % {"number": left},
        )
    if full:
        warn(
            request,
            ngettext(
                "%(number)d application stays on the waiting list: the group is full.",
                "%(number)d applications stay on the waiting list: the groups are full.",
                full,
            )
            % {"number": full},
        )
    if not chosen:
        warn(request, _("Tick applications that wait for a decision first."))
    return redirect("members:applications")


@require_GET
@staff_required
def member_entry(request: StaffRequest, pk: int) -> HttpResponse:
    """How a member came in, and where the first days stand: a part of the member's page."""
    member = get_object_or_404(Member.objects.visible_to(request.user), pk=pk)
    groups = Group.objects.visible_to(request.user)
    memberships = list(
        Membership.objects.present()
        .filter(member=member, group__in=groups)
        .select_related("group")
        .order_by("-joined_at")
    )
    steps = newcomer_steps(memberships)
    context = {
        "member": member,
        "rows": [(membership, steps[membership.pk]) for membership in memberships],
        "applications": Application.objects.visible_to(request.user).filter(member=member).select_related("group"),
    }
    return render(request, "console/members/entry_of_member.html", context)


def _visible(request: StaffRequest, pk: int) -> Application:
    visible = Application.objects.visible_to(request.user)
    return get_object_or_404(visible.select_related("group__branch", "member", "decided_by"), pk=pk)


def _decided(request: StaffRequest, pk: int) -> Application:
    """The application, for whoever may decide about it."""
    found = _visible(request, pk)
    if not may(request.user, Permission.REVIEW, found.group):
        raise PermissionDenied
    return found
