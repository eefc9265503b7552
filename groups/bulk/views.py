"""Bulk work in the console: from the rows chosen over the preview to the run and its undo."""

from __future__ import annotations

import secrets
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.bulk.actions import BulkSubject, actions_for, subject_named
from groups.bulk.forms import BulkForm
from groups.bulk.lists import Selectable, all_matching, selectable_named
from groups.bulk.models import BulkRow, BulkRun, BulkState, RowState
from groups.bulk.services import bulk_preview, bulk_start, bulk_undo
from groups.bulk.tasks import enqueue_run

RUN_COLUMNS: list[Column[BulkRun]] = [
    Column("title", gettext_lazy("What"), value=lambda run: run.title),
    Column("state", gettext_lazy("State"), order="state", value=lambda run: run.get_state_display()),
    Column("total", gettext_lazy("Rows"), order="total", value=lambda run: run.total, number=True, wide="sm"),
    Column("changed", gettext_lazy("Changed"), order="changed", value=lambda run: run.changed, number=True, wide="sm"),
    Column("failed", gettext_lazy("Refused"), order="failed", value=lambda run: run.failed, number=True, wide="md"),
    Column("by", gettext_lazy("By"), value=lambda run: str(run.started_by or ""), wide="lg"),
    Column("started", gettext_lazy("Started"), order="created_at", value=lambda run: run.created_at, wide="md"),
]
ROW_COLUMNS: list[Column[BulkRow]] = [
    Column("name", gettext_lazy("Name"), order="name", value=lambda row: row.name),
    Column("state", gettext_lazy("Outcome"), order="state", value=lambda row: row.get_state_display()),
    Column("note", gettext_lazy("Why"), value=lambda row: row.note, wide="sm"),
]


@require_POST
@writer_required
def bulk(request: StaffRequest, subject: str) -> HttpResponseBase:
    """Asks what to do with the rows chosen, shows what it would do, and starts it. Each step posts here."""
    place, kind = _place(subject)
    whole, query = bool(request.POST.get("all")), request.POST.get("query", "")[:2000]
    ids = [int(value) for value in request.POST.getlist("ids") if value.isdecimal() and len(value) < 19]
    chosen: QuerySet[Any] = all_matching(request, place, query) if whole else kind.visible_to(request.user)
    if not whole:
        chosen = chosen.filter(pk__in=ids)
    back = reverse(place.list_url) + (f"?{query}" if query else "")
    if not (count := chosen.count()):
        warn(request, _("Nothing is chosen. Tick the rows that you mean first."))
        return redirect(back)
    actions = actions_for(subject, request.user)
    action = next((item for item in actions if item.slug == request.POST.get("action")), None)
    context: dict[str, Any] = {
        "subject": kind,
        "count": count,
        "back": back,
        "actions": actions,
        "action": action,
        "carried": {"query": query, "all": "1" if whole else ""},
        "ids": [] if whole else ids,
    }
    if action is None:
        return render(request, "console/groups/bulk.html", context)
    step = request.POST.get("step", "")
    answered = bool(step) or not action.questions
    form = BulkForm(request.POST if answered else None, action=action, user=request.user)
    context["form"] = form
    if not form.is_valid():
        return render(request, "console/groups/bulk.html", context, status=422 if answered else 200)
    params = form.params()
    preview = bulk_preview(by=request.user, action=action, params=params, chosen=chosen)
    context |= {
        "preview": preview,
        "sentence": action.sentence(request.user, params),
        "key": request.POST.get("key", "")[:64] or secrets.token_urlsafe(16),
    }
    if step == "start" and preview.changing.count:
        # What matches a search may have changed since it was previewed: nobody starts what they did not see.
        if request.POST.get("expected") == str(preview.total):
            run = bulk_start(
                by=request.user,
                now=timezone.now(),
                key=context["key"],
                action=action,
                params=params,
                chosen=chosen,
            )
            enqueue_run(run.pk)
            return redirect("groups:bulk_run", run.pk)
        context["moved"] = True
        return render(request, "console/groups/bulk.html", context, status=409)
    return render(request, "console/groups/bulk.html", context)


@require_GET
@staff_required
def bulk_runs(request: StaffRequest) -> HttpResponseBase:
    listing = Listing(
        request,
        BulkRun.objects.visible_to(request.user).select_related("started_by"),
        columns=RUN_COLUMNS,
        filters=[
            Filter("state", gettext_lazy("State"), BulkState.choices, lambda runs, value: runs.filter(state=value)),
        ],
        search=lambda runs, text: runs.filter(title__icontains=text),
        sort="-started",
    )
    if listing.export:
        return listing.export_response("bulk-work")
    return render(request, "console/groups/bulk_runs.html", {"listing": listing})


@require_GET
@staff_required
def bulk_run(request: StaffRequest, pk: int) -> HttpResponseBase:
    run = _visible(request, pk)
    listing = Listing(
        request,
        run.rows.all(),
        columns=ROW_COLUMNS,
        filters=[
            Filter("state", gettext_lazy("Outcome"), RowState.choices, lambda rows, value: rows.filter(state=value))
        ],
        search=lambda rows, text: rows.filter(name__icontains=text),
        sort="name",
    )
    if listing.export:
        return listing.export_response(f"bulk-{run.pk}")
    place = selectable_named(run.subject)
    context = {"run": run, "listing": listing, "detail_url": place.detail_url if place else ""}
    return render(request, "console/groups/bulk_run.html", context)


@require_GET
@staff_required
def bulk_progress(request: StaffRequest, pk: int) -> HttpResponse:
    run = _visible(request, pk)
    response = render(request, "console/groups/bulk_state.html", {"run": run})
    if not run.is_at_work:
        # The rows below have their outcome now.
        response["HX-Refresh"] = "true"
    return response


@require_POST
@writer_required
def bulk_take_back(request: StaffRequest, pk: int) -> HttpResponse:
    run = _visible(request, pk)
    if bulk_undo(by=request.user, now=timezone.now(), run=run):
        enqueue_run(run.pk)
        toast(request, _("It is being taken back. What was changed since stays as it is."))
    else:
        warn(request, _("There is nothing to take back."))
    return redirect("groups:bulk_run", run.pk)


def _visible(request: StaffRequest, pk: int) -> BulkRun:
    return get_object_or_404(BulkRun.objects.visible_to(request.user).select_related("started_by"), pk=pk)


def _place(subject: str) -> tuple[Selectable, BulkSubject]:
    place = selectable_named(subject)
    if place is None:
        raise Http404
    return place, subject_named(subject)
