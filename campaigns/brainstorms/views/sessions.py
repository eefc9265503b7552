"""Sessions of brainstorms in the console, and the answers that wait for a like."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from campaigns.brainstorms.forms import QuestionForm
from campaigns.brainstorms.honours import board
from campaigns.brainstorms.models import Answer, Brainstorm, BrainstormState
from campaigns.brainstorms.selectors import medians, waiting_for
from campaigns.brainstorms.services import (
    StaleBrainstorm,
    answer_hide,
    answer_like,
    answer_show,
    answer_unlike,
    honours_post,
    session_ask,
    session_cancel,
    session_restore,
)
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.models import Group, Permission
from groups.roles.permissions import may, rights_in
from members.models import Membership

PAGE = 50


def share_of(session: Any) -> float | None:
    """The share of present members who took part, in percent; known once a session has closed."""
    return round(100 * session.people / session.present, 1) if session.present else None


@require_GET
@staff_required
def sessions(request: StaffRequest) -> HttpResponseBase:
    now = timezone.now()
    rows = Brainstorm.objects.visible_to(request.user).select_related("group").with_figures()
    if request.GET.get("when") != "coming":
        # What runs now is not to stand behind a week of what comes.
        rows = rows.filter(opens_at__lt=_midnight(now))
    columns: list[Column[Any]] = [
        Column("question", gettext_lazy("Question"), value=lambda row: row.question),
        Column("group", gettext_lazy("Group"), order="group__name", value=lambda row: row.group.name, wide="sm"),
        Column("opens", gettext_lazy("Opens"), order="opens_at", value=lambda row: row.opens_at),
        Column("state", gettext_lazy("State"), value=lambda row: row.get_state_display(), wide="md"),
        Column("answers", gettext_lazy("Answers"), order="answered", value=lambda row: row.answered, number=True),
        Column("share", gettext_lazy("Took part"), value=share_of, number=True, wide="lg"),
        Column(
            "waiting",
            gettext_lazy("Not yet liked"),
            order="waiting",
            value=lambda row: row.waiting,
            number=True,
            wide="md",
        ),
        Column("median", gettext_lazy("Median to the like"), number=True, wide="xl"),
    ]
    listing = Listing(
        request,
        rows,
        columns=columns,
        filters=[
            Filter(
                "state", gettext_lazy("State"), BrainstormState.choices, lambda found, value: found.filter(state=value)
            ),
            Filter(
                "when",
                gettext_lazy("When"),
                [("coming", gettext_lazy("To come"))],
                lambda found, _value: found.filter(opens_at__gt=now),
                unset=gettext_lazy("Until tonight"),
            ),
        ],
        search=lambda found, text: found.filter(pk__in=Brainstorm.objects.matching(text).values("pk")),
        sort="-opens",
        id="brainstorms",
    )
    if listing.export:
        return listing.export_response("brainstorms")
    waits = medians(listing.rows)
    for row in listing.rows:
        row.median = waits.get(row.pk)
    context = {"listing": listing, "tab": "sessions", "waiting": waiting_for(request.user), "now": now}
    return render(request, "console/campaigns/brainstorms/list.html", context)


def _midnight(now: datetime) -> datetime:
    return timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


@require_GET
@staff_required
def queue(request: StaffRequest) -> HttpResponseBase:
    """Answered and not yet liked: who waits longest comes first."""
    now = timezone.now()
    rows = Answer.objects.visible_to(request.user).not_liked().select_related("member", "session__group")
    columns: list[Column[Any]] = [
        Column("answer", gettext_lazy("Answer"), value=lambda row: row.text),
        Column("member", gettext_lazy("Member"), order="member__name", value=lambda row: row.member.name),
        Column("group", gettext_lazy("Group"), value=lambda row: row.session.group.name),
        Column("at", gettext_lazy("Answered"), order="at", value=lambda row: row.at),
        Column("waits", gettext_lazy("Minutes waited"), value=lambda row: (now - row.at) // timedelta(minutes=1)),
    ]
    groups = Group.objects.visible_to(request.user).filter(brainstorms__answers__seen_at=None)
    named = groups.filter(brainstorms__answers__isnull=False).distinct().order_by("name").values_list("pk", "name")
    listing = Listing(
        request,
        rows,
        columns=columns,
        filters=[
            Filter(
                "group", gettext_lazy("Group"), named, lambda found, value: found.filter(session__group_id=int(value))
            )
        ],
        search=lambda found, text: found.filter(text__icontains=text) | found.filter(member__name__icontains=text),
        sort="at",
        id="answers",
    )
    if listing.export:
        return listing.export_response("answers-not-liked")
    rights = rights_in(request.user, {row.session.group_id for row in listing.rows})
    for row in listing.rows:
        row.waited = max(now - row.at, timedelta())
        row.may_act = rights.may(Permission.ANSWER, row.session.group_id)
        others = rights.who(Permission.ANSWER, row.session.group_id) if request.user.may_write else None
        row.up_to = None if row.may_act else others
    context = {"listing": listing, "tab": "queue", "here": request.get_full_path(), "waiting": listing.total}
    return render(request, "console/campaigns/brainstorms/queue.html", context)


@require_GET
@staff_required
def session(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    return _page(request, row, None)


@require_POST
@writer_required
def session_question(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    _hold_to_role(request, row, Permission.POST)
    form = QuestionForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            session_ask(
                by=request.user, now=timezone.now(), session=row, question=data["question"], version=data["version"]
            )
        except ValidationError as error:
            add_errors(form, error)
        except StaleBrainstorm:
            form.add_error(None, _("It has opened, or somebody else has changed it meanwhile."))
        else:
            toast(request, _("The question is changed."))
            return redirect("campaigns:brainstorm", row.pk)
    return _page(request, row, form)


def _page(request: StaffRequest, row: Brainstorm, form: QuestionForm | None) -> HttpResponse:
    now = timezone.now()
    answers = row.answers.with_likes(staff=request.user).select_related("member").order_by("at", "pk")
    listed = Paginator(answers, PAGE).get_page(request.GET.get("page"))
    may_post = may(request.user, Permission.POST, row.group)
    is_coming = row.state == BrainstormState.PLANNED and row.opens_at > now
    present = row.present
    if present is None:
        present = Membership.objects.present().filter(group=row.group, member__erased_at=None).count()
    context = {
        "row": row,
        "answers": listed,
        "board": board(row),
        "median": medians([row]).get(row.pk),
        "present": present,
        "may_post": may_post,
        "may_like": may(request.user, Permission.ANSWER, row.group),
        "may_hide": may(request.user, Permission.MODERATE, row.group),
        "is_coming": is_coming,
        "form": form or QuestionForm(initial={"question": row.question, "version": row.version}),
        "here": request.get_full_path(),
        "now": now,
        "tab": "sessions",
    }
    return render(request, "console/campaigns/brainstorms/session.html", context, status=422 if form else 200)


@require_POST
@writer_required
def session_call_off(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    _hold_to_role(request, row, Permission.POST)
    if session_cancel(by=request.user, now=timezone.now(), session=row):
        undo = reverse("campaigns:brainstorm_restore", args=[row.pk])
        toast(request, _("The brainstorm is called off."), undo_url=undo)
    else:
        warn(request, _("It has opened, or was called off before."))
    return redirect("campaigns:brainstorm", row.pk)


@require_POST
@writer_required
def session_return(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    _hold_to_role(request, row, Permission.POST)
    if session_restore(by=request.user, now=timezone.now(), session=row):
        toast(request, _("The brainstorm takes place again."))
    else:
        warn(request, _("Its time has passed."))
    return redirect("campaigns:brainstorm", row.pk)


@require_POST
@writer_required
def session_honours(request: StaffRequest, pk: int) -> HttpResponse:
    """Posts the honour board to the group by one press."""
    row = _visible(request, pk)
    _hold_to_role(request, row, Permission.POST)
    try:
        post = honours_post(by=request.user, now=timezone.now(), session=row)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
    else:
        said = _("The honour board is on its way to the group.") if post else _("The honour board was posted before.")
        toast(request, said)
    return redirect("campaigns:brainstorm", row.pk)


# Answers


@require_POST
@writer_required
def like(request: StaffRequest, pk: int) -> HttpResponse:
    row = _answer(request, pk, Permission.ANSWER)
    target = next_address(request, reverse("campaigns:brainstorm_queue"))
    answer_like(now=timezone.now(), answer=row, staff=request.user)
    undo = f"{reverse('campaigns:answer_unlike', args=[row.pk])}?{urlencode({'next': target})}"
    toast(request, _("You liked the answer of %(name)s.") % {"name": row.member}, undo_url=undo)
    return redirect(target)


@require_POST
@writer_required
def unlike(request: StaffRequest, pk: int) -> HttpResponse:
    row = _answer(request, pk, Permission.ANSWER)
    answer_unlike(now=timezone.now(), answer=row, staff=request.user)
    return redirect(next_address(request, reverse("campaigns:brainstorm_queue")))


@require_POST
@writer_required
def hide(request: StaffRequest, pk: int) -> HttpResponse:
    row = _answer(request, pk, Permission.MODERATE)
    target = next_address(request, reverse("campaigns:brainstorm", args=[row.session_id]))
    if answer_hide(by=request.user, now=timezone.now(), answer=row):
        undo = f"{reverse('campaigns:answer_show', args=[row.pk])}?{urlencode({'next': target})}"
        toast(request, _("The answer of %(name)s is hidden from members.") % {"name": row.member}, undo_url=undo)
    return redirect(target)


@require_POST
@writer_required
def show(request: StaffRequest, pk: int) -> HttpResponse:
    row = _answer(request, pk, Permission.MODERATE)
    answer_show(by=request.user, answer=row)
    return redirect(next_address(request, reverse("campaigns:brainstorm", args=[row.session_id])))


def _answer(request: StaffRequest, pk: int, permission: Permission) -> Answer:
    answers = Answer.objects.visible_to(request.user).select_related("member", "session__group")
    row = get_object_or_404(answers, pk=pk)
    _hold_to_role(request, row.session, permission)
    return row


def _visible(request: StaffRequest, pk: int) -> Brainstorm:
    rows = Brainstorm.objects.visible_to(request.user).with_figures()
    return get_object_or_404(rows.select_related("group", "plan", "announcement", "honours"), pk=pk)


def _hold_to_role(request: StaffRequest, row: Brainstorm, permission: Permission) -> None:
    if not may(request.user, permission, row.group):
        raise PermissionDenied
