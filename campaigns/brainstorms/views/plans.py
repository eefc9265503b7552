"""Plans of brainstorms in the console."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Min, Q
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from accounts.models import User
from campaigns.brainstorms.forms import PlanForm
from campaigns.brainstorms.models import BrainstormPlan, BrainstormState
from campaigns.brainstorms.services import StaleBrainstorm, plan_create, plan_end, plan_update
from campaigns.brainstorms.words import plan_words
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.models import Group, Permission

# The fields of the form that services know under another name.
FIELDS = {"at": "clock", "start": "day", "rrule": "repeat"}
SHOWN = 20


@require_GET
@staff_required
def plans(request: StaffRequest) -> HttpResponseBase:
    now = timezone.now()
    coming = Q(sessions__state=BrainstormState.PLANNED, sessions__opens_at__gt=now)
    rows = BrainstormPlan.objects.visible_to(request.user).annotate(
        next_at=Min("sessions__opens_at", filter=coming), groups_count=Count("groups", distinct=True)
    )
    columns: list[Column[Any]] = [
        Column("name", gettext_lazy("Name"), order="name", value=lambda plan: plan.name),
        Column("when", gettext_lazy("When"), value=plan_words, wide="sm"),
        Column("question", gettext_lazy("Question"), value=lambda plan: plan.question, wide="lg"),
        Column(
            "groups",
            gettext_lazy("Groups"),
            order="groups_count",
            value=lambda plan: plan.groups_count,
            number=True,
            wide="md",
        ),
        Column("next", gettext_lazy("Next time"), order="next_at", value=lambda plan: plan.next_at, nullable=True),
        Column("created", gettext_lazy("Written"), order="created_at", value=lambda plan: plan.created_at, wide="xl"),
    ]
    listing = Listing(
        request,
        rows,
        columns=columns,
        filters=[
            Filter(
                "state",
                gettext_lazy("State"),
                [("runs", pgettext_lazy("plan", "Runs")), ("ended", pgettext_lazy("plan", "Ended"))],
                lambda found, value: found.filter(ended_at__isnull=value == "runs"),
            )
        ],
        search=lambda found, text: found.filter(pk__in=BrainstormPlan.objects.matching(text).values("pk")),
        sort="-created",
        id="plans",
    )
    if listing.export:
        return listing.export_response("brainstorm-plans")
    for plan in listing.rows:
        plan.words = plan_words(plan)
    return render(request, "console/campaigns/brainstorms/plans.html", {"listing": listing, "tab": "plans"})


@require_http_methods(["GET", "POST"])
@writer_required
def plan_new(request: StaffRequest) -> HttpResponse:
    asked = request.GET.get("group", "")
    chosen = [int(asked)] if asked.isascii() and asked.isdigit() and len(asked) < 19 else []
    form = PlanForm(request.POST or None, user=request.user, initial={"groups": chosen})
    if form.is_valid():
        try:
            plan = plan_create(by=request.user, now=timezone.now(), **form.values())
        except ValidationError as error:
            add_errors(form, _renamed(error))
        else:
            toast(request, _("The brainstorm is planned."))
            return redirect("campaigns:brainstorm_plan", plan.pk)
    return _form_page(request, form, None)


@require_http_methods(["GET", "POST"])
@staff_required
def plan(request: StaffRequest, pk: int) -> HttpResponse:
    """What a plan gives, and its form for those who may change it."""
    row = _visible(request, pk)
    may_change = row.runs and _may_change(request.user, row)
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    form = PlanForm(request.POST or None, user=request.user, plan=row) if may_change else None
    if form is not None and form.is_valid():
        try:
            plan_update(
                by=request.user,
                now=timezone.now(),
                plan=row,
                version=form.cleaned_data["version"] or 0,
                **form.values(),
            )
        except ValidationError as error:
            add_errors(form, _renamed(error))
        except StaleBrainstorm:
            form.add_error(None, _("Somebody else has changed it meanwhile. Copy what you wrote, and open it again."))
        else:
            toast(request, _("The plan is saved. What has not opened yet follows it."))
            return redirect("campaigns:brainstorm_plan", row.pk)
    return _form_page(request, form, row)


@require_POST
@writer_required
def plan_stop(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    if not _may_change(request.user, row):
        raise PermissionDenied
    ended = plan_end(by=request.user, now=timezone.now(), plan=row)
    if ended is None:
        warn(request, _("This plan has ended before."))
    else:
        text = ngettext(
            "The plan has ended; %(number)d session is called off.",
            "The plan has ended; %(number)d sessions are called off.",
            ended,
        )
        toast(request, text % {"number": ended})
    return redirect("campaigns:brainstorm_plan", row.pk)


def _form_page(request: StaffRequest, form: PlanForm | None, row: BrainstormPlan | None) -> HttpResponse:
    now = timezone.now()
    coming: list[Any] = []
    if row is not None:
        sessions = row.sessions.filter(closes_at__gt=now).exclude(state=BrainstormState.CANCELLED)
        coming = list(sessions.select_related("group").order_by("opens_at", "group__name", "pk")[:SHOWN])
    context = {
        "form": form,
        "plan": row,
        "words": plan_words(row) if row else "",
        "coming": coming,
        "not_open": sum(session.opens_at > now for session in coming),
        "groups": list(row.groups.order_by("name")) if row else [],
        "tab": "plans",
    }
    status = 422 if form is not None and form.is_bound else 200
    return render(request, "console/campaigns/brainstorms/plan.html", context, status=status)


def _renamed(error: ValidationError) -> ValidationError:
    if not hasattr(error, "error_dict"):
        return error
    return ValidationError({FIELDS.get(name, name): found for name, found in error.error_dict.items()})


def _visible(request: StaffRequest, pk: int) -> BrainstormPlan:
    return get_object_or_404(BrainstormPlan.objects.visible_to(request.user), pk=pk)


def _may_change(user: User, row: BrainstormPlan) -> bool:
    """Who may post to every group of the plan."""
    permitted = Group.objects.visible_to(user).permitted(user, Permission.POST)
    return user.may_write and not row.groups.exclude(pk__in=permitted.values("pk")).exists()
