"""The list of playbooks, and one of them: its time line and who is where."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from campaigns.playbooks.content import content_of, content_text
from campaigns.playbooks.models import Playbook, PlaybookRun, PlaybookState, PlaybookStep, RunState, Starts, StepRun
from campaigns.playbooks.selectors import groups_of, time_line
from campaigns.playbooks.services import playbook_pause, playbook_retire, playbook_run
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn

COLUMNS: list[Column[Any]] = [
    Column("name", gettext_lazy("Name"), order="name", value=lambda playbook: playbook.name),
    Column("state", gettext_lazy("State"), order="state", value=lambda playbook: playbook.get_state_display()),
    Column(
        "starts",
        pgettext_lazy("playbook", "Starts"),
        order="starts",
        value=lambda playbook: playbook.get_starts_display(),
        wide="md",
    ),
    Column(
        "branch",
        gettext_lazy("Branch"),
        order="branch__name",
        value=lambda playbook: str(playbook.branch or ""),
        nullable=True,
        wide="lg",
    ),
    Column(
        "runs",
        gettext_lazy("Under way"),
        order="runs_count",
        value=lambda playbook: playbook.runs_count,
        number=True,
        wide="sm",
    ),
    Column(
        "late",
        pgettext_lazy("playbook", "Late"),
        order="late_count",
        value=lambda playbook: playbook.late_count,
        number=True,
    ),
]

RUN_COLUMNS: list[Column[Any]] = [
    Column(
        "who",
        pgettext_lazy("playbook", "Who"),
        order="group__name",
        value=lambda run: str(run.membership.member if run.membership else run.group),
    ),
    Column("group", gettext_lazy("Group"), value=lambda run: str(run.group), wide="md"),
    Column("began", pgettext_lazy("playbook", "Began"), order="starts_on", value=lambda run: run.starts_on, wide="sm"),
    Column("step", gettext_lazy("Is at"), order="at_deadline", value=lambda run: run.at_title, nullable=True),
    Column("state", gettext_lazy("State"), order="state", value=lambda run: run.get_state_display(), wide="sm"),
]


def playbook_visible(request: StaffRequest, pk: int) -> Playbook:
    return get_object_or_404(Playbook.objects.visible_to(request.user).select_related("branch"), pk=pk)


def playbook_changeable(request: StaffRequest, pk: int) -> Playbook:
    """The playbook, for whoever may change it."""
    playbook = playbook_visible(request, pk)
    if not playbook.may_be_changed_by(request.user):
        raise PermissionDenied
    return playbook


@require_GET
@staff_required
def playbook_list(request: StaffRequest) -> HttpResponseBase:
    now, user = timezone.now(), request.user
    runs = PlaybookRun.objects.visible_to(user).filter(playbook=OuterRef("pk"), state=RunState.RUNNING)
    late = StepRun.objects.overdue(now).filter(run__in=PlaybookRun.objects.visible_to(user).running().values("pk"))
    late = late.filter(run__playbook=OuterRef("pk"))
    playbooks = Playbook.objects.visible_to(user).select_related("branch")
    if request.GET.get("state") != PlaybookState.RETIRED:
        playbooks = playbooks.exclude(state=PlaybookState.RETIRED)
    playbooks = playbooks.annotate(runs_count=_counted(runs, "playbook"), late_count=_counted(late, "run__playbook"))
    listing = Listing(
        request,
        playbooks,
        columns=COLUMNS,
        filters=[
            Filter(
                "state", gettext_lazy("State"), PlaybookState.choices, lambda found, value: found.filter(state=value)
            ),
            Filter(
                "starts",
                pgettext_lazy("playbook", "Starts"),
                Starts.choices,
                lambda found, value: found.filter(starts=value),
            ),
        ],
        search=lambda found, text: found.matching(text),  # type: ignore[attr-defined]
        sort="name",
        id="playbooks",
    )
    if listing.export:
        return listing.export_response("playbooks")
    return render(request, "console/campaigns/playbooks/list.html", {"listing": listing, "tab": "playbooks"})


def _counted(rows: QuerySet[Any], by: str) -> Coalesce:
    counted = rows.order_by().values(by).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


@require_GET
@staff_required
def playbook_detail(request: StaffRequest, pk: int) -> HttpResponseBase:
    now, playbook = timezone.now(), playbook_visible(request, pk)
    runs = PlaybookRun.objects.visible_to(request.user).filter(playbook=playbook)
    steps = playbook.steps.filter(removed_at=None)
    title = PlaybookStep.objects.filter(pk=OuterRef("at_step")).values("title")[:1]
    with_steps: QuerySet[Any] = (
        runs.with_step().annotate(at_title=Subquery(title)).select_related("group", "membership__member")
    )

    def by_state(found: Any, value: str) -> Any:
        return found.late(now) if value == "late" else found.filter(state=value)

    listing = Listing(
        request,
        with_steps,
        columns=RUN_COLUMNS,
        filters=[
            Filter(
                "state",
                gettext_lazy("State"),
                [("late", pgettext_lazy("playbook", "Late")), *RunState.choices],
                by_state,
            ),
            Filter(
                "step",
                gettext_lazy("Is at"),
                [(str(step.pk), step.title) for step in steps],
                lambda found, value: found.filter(at_step=int(value), state=RunState.RUNNING),
            ),
        ],
        search=lambda found, text: found.matching(text),  # type: ignore[attr-defined]
        sort="-began",
        id="runs",
        page_size=20,
    )
    if listing.export:
        return listing.export_response(f"playbook-{playbook.pk}")
    line = time_line(playbook=playbook, user=request.user, now=now)
    counts = runs.aggregate(
        running=Count("pk", filter=Q(state=RunState.RUNNING)), finished=Count("pk", filter=Q(state=RunState.FINISHED))
    )
    context = {
        "playbook": playbook,
        "line": line,
        "listing": listing,
        "now": now,
        "counts": counts,
        "late": sum(item.late for item in line),
        "settled": sum(item.reached for item in line),
        "done": sum(item.done for item in line),
        "groups_count": groups_of(playbook).visible_to(request.user).count(),
        "may_change": playbook.may_be_changed_by(request.user),
    }
    return render(request, "console/campaigns/playbooks/detail.html", context)


@require_GET
@staff_required
def playbook_file(request: StaffRequest, pk: int) -> HttpResponse:
    playbook = playbook_visible(request, pk)
    response = HttpResponse(content_text(content_of(playbook)), content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="playbook-{playbook.pk}.yaml"'
    return response


@require_POST
@writer_required
def playbook_start(request: StaffRequest, pk: int) -> HttpResponse:
    playbook = playbook_changeable(request, pk)
    try:
        if playbook_run(by=request.user, now=timezone.now(), playbook=playbook):
            toast(request, _("The playbook runs. What it does begins within a minute."))
    except ValidationError as error:
        warn(request, " ".join(error.messages))
    return redirect("campaigns:playbook", pk)


@require_POST
@writer_required
def playbook_hold(request: StaffRequest, pk: int) -> HttpResponse:
    playbook = playbook_changeable(request, pk)
    if playbook_pause(by=request.user, now=timezone.now(), playbook=playbook):
        toast(request, _("The playbook is paused. Nothing is sent or asked until it runs again."))
    return redirect("campaigns:playbook", pk)


@require_http_methods(["GET", "POST"])
@writer_required
def playbook_end(request: StaffRequest, pk: int) -> HttpResponse:
    """Retires a playbook, after a look at what that ends."""
    playbook = playbook_changeable(request, pk)
    if request.method == "POST":
        ended = playbook_retire(by=request.user, now=timezone.now(), playbook=playbook)
        if ended is not None:
            text = ngettext("Retired, with %(number)d run.", "Retired, with %(number)d runs.", ended)
            toast(request, text % {"number": ended})
        return redirect("campaigns:playbook", pk)
    runs = playbook.runs.running().select_related("group", "membership__member")
    tasks = StepRun.objects.filter(run__in=runs.values("pk"), state="waiting").count()
    context = {"playbook": playbook, "runs": runs[:10], "count": runs.count(), "tasks": tasks}
    return render(request, "console/campaigns/playbooks/retire.html", context)
