"""The Import page of the console."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, writer_required
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from community_ops.lib.zones import zone_named
from members.forms import UploadForm
from members.imports.importers import importer_choices, importer_named
from members.imports.services import (
    import_columns,
    import_discard,
    import_preview,
    import_start,
    import_upload,
    rejected_path,
)
from members.imports.tables import UnreadableFileError
from members.models import ImportRun, ImportState
from members.tasks import enqueue_import

# Offered first; any other name of a zone may be typed.
ZONES = (
    "Asia/Shanghai",
    "Asia/Hong_Kong",
    "Asia/Taipei",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Asia/Seoul",
    "Asia/Kolkata",
    "Asia/Dubai",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "Australia/Sydney",
    "UTC",
)
# Below this share the time left would be a guess.
SHARE_TO_TELL = 3


def _kind_label(run: ImportRun) -> str:
    return str(importer_named(run.kind).label)


def _columns() -> list[Column[ImportRun]]:
    return [
        Column("file", gettext_lazy("File"), order="file_name", value=lambda run: run.file_name),
        Column("kind", gettext_lazy("Contents"), value=_kind_label, wide="lg"),
        Column("state", gettext_lazy("State"), order="state", value=lambda run: run.get_state_display()),
        Column(
            "imported",
            gettext_lazy("Imported"),
            order="rows_imported",
            value=lambda run: run.rows_imported,
            number=True,
            wide="sm",
        ),
        Column("known", gettext_lazy("Known already"), value=lambda run: run.rows_duplicate, number=True, wide="md"),
        Column(
            "rejected",
            gettext_lazy("Rejected"),
            order="rows_rejected",
            value=lambda run: run.rows_rejected,
            number=True,
            wide="sm",
        ),
        Column("by", gettext_lazy("By"), value=lambda run: str(run.started_by or ""), wide="lg"),
        Column("created", gettext_lazy("Uploaded"), order="created_at", value=lambda run: run.created_at, wide="md"),
    ]


@require_GET
@writer_required
def imports(request: StaffRequest) -> HttpResponseBase:
    return _imports(request, UploadForm(initial={"kind": request.GET.get("kind", "")}))


@require_POST
@writer_required
def upload(request: StaffRequest) -> HttpResponseBase:
    form = UploadForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            run = import_upload(
                by=request.user, kind=form.cleaned_data["kind"], file=form.cleaned_data["file"], now=timezone.now()
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            return redirect("members:import_detail", run.pk)
    return _imports(request, form)


def _imports(request: StaffRequest, form: UploadForm) -> HttpResponseBase:
    listing = Listing(
        request,
        ImportRun.objects.visible_to(request.user).select_related("started_by"),
        columns=_columns(),
        filters=[
            Filter("state", gettext_lazy("State"), ImportState.choices, lambda runs, value: runs.filter(state=value)),
            Filter("kind", gettext_lazy("Contents"), importer_choices(), lambda runs, value: runs.filter(kind=value)),
        ],
        search=lambda runs, text: runs.filter(file_name__icontains=text),
        sort="-created",
    )
    if listing.export:
        return listing.export_response("imports")
    rows = [(run, _kind_label(run)) for run in listing.rows]
    context = {"form": form, "listing": listing, "runs": rows}
    return render(request, "console/members/imports.html", context, status=422 if form.is_bound else 200)


@require_GET
@writer_required
def import_detail(request: StaffRequest, pk: int) -> HttpResponse:
    return _detail(request, _visible(request, pk))


def _detail(request: StaffRequest, run: ImportRun, problem: str = "") -> HttpResponse:
    context = {"run": run, "kind_label": _kind_label(run), "problem": problem, **_state(run, timezone.now())}
    if run.state == ImportState.MAPPING:
        mapping: Mapping[str, str] = run.mapping
        zone = run.timezone
        try:
            columns = import_columns(run)
        except UnreadableFileError as error:
            columns, context["problem"] = [], str(error)
        if request.method == "POST":
            mapping, zone = _asked_mapping(request, run, columns), request.POST.get("timezone", "")
        context |= {
            "columns": columns,
            "fields": [(field, mapping.get(field.name, "")) for field in importer_named(run.kind).fields],
            "zone": zone,
            "zones": ZONES,
        }
    return render(request, "console/members/import.html", context, status=422 if problem else 200)


def _asked_mapping(request: StaffRequest, run: ImportRun, columns: list[str]) -> dict[str, str]:
    data = request.POST if request.method == "POST" else request.GET
    asked = {field.name: data.get(f"column_{field.name}", "") for field in importer_named(run.kind).fields}
    return {name: column for name, column in asked.items() if column in columns}


@require_GET
@writer_required
def preview(request: StaffRequest, pk: int) -> HttpResponse:
    """What the columns that are chosen would bring: a part of the page."""
    run = _visible(request, pk)
    if run.state != ImportState.MAPPING:
        raise Http404
    context: dict[str, Any] = {"run": run}
    try:
        columns = import_columns(run)
        zone = zone_named(request.GET.get("timezone") or run.timezone)
    except UnreadableFileError as error:
        context["problem"] = str(error)
    except ValidationError as error:
        context["problem"] = " ".join(error.messages)
    else:
        mapping = _asked_mapping(request, run, columns)
        context["preview"] = import_preview(run=run, mapping=mapping, zone=zone, by=request.user, now=timezone.now())
        context["fields"] = importer_named(run.kind).fields
        context["zone"] = zone
    return render(request, "console/members/import_preview.html", context)


@require_POST
@writer_required
def start(request: StaffRequest, pk: int) -> HttpResponse:
    run = _visible(request, pk)
    if run.state == ImportState.MAPPING:
        try:
            mapping = _asked_mapping(request, run, import_columns(run))
            import_start(
                by=request.user,
                run=run,
                mapping=mapping,
                timezone_name=request.POST.get("timezone", ""),
                now=timezone.now(),
            )
        except ValidationError as error:
            return _detail(request, run, " ".join(error.messages))
        except UnreadableFileError as error:
            return _detail(request, run, str(error))
        transaction.on_commit(partial(enqueue_import, run.pk))
    return redirect("members:import_detail", run.pk)


@require_POST
@writer_required
def discard(request: StaffRequest, pk: int) -> HttpResponse:
    run = _visible(request, pk)
    if import_discard(by=request.user, run=run):
        toast(request, _("The file %(name)s is dropped.") % {"name": run.file_name})
    else:
        warn(request, _("The import of %(name)s was started already.") % {"name": run.file_name})
    return redirect("members:imports")


@require_GET
@writer_required
def progress(request: StaffRequest, pk: int) -> HttpResponse:
    """How far an import is: the part of its page that asks again until it is done."""
    run = _visible(request, pk)
    return render(request, "console/members/import_state.html", {"run": run, **_state(run, timezone.now())})


def _state(run: ImportRun, now: datetime) -> dict[str, object]:
    left: timedelta | None = None
    if run.state == ImportState.RUNNING and run.started_at and run.percent >= SHARE_TO_TELL:
        left = (now - run.started_at) * (100 - run.percent) / run.percent
    return {"left_seconds": int(left.total_seconds()) if left is not None else None, "has_rejected": run.rows_rejected}


@require_GET
@writer_required
def rejected(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The rows that were not imported, with their reasons, to be mended and imported again."""
    run = _visible(request, pk)
    path = rejected_path(run)
    if run.state not in (ImportState.DONE, ImportState.FAILED) or not path.exists():
        raise Http404
    return FileResponse(path.open("rb"), as_attachment=True, filename=f"{run.file_name}.rejected.csv")


def _visible(request: StaffRequest, pk: int) -> ImportRun:
    return get_object_or_404(ImportRun.objects.visible_to(request.user).select_related("started_by"), pk=pk)
