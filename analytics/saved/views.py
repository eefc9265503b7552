"""Saved reports and the personal dashboard in the console. Whoever reads may keep reports of their own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, staff_required
from accounts.models import User
from analytics.forms import ReportForm
from analytics.overview.forms import OverviewForm
from analytics.overview.page import days_words
from analytics.pages.explain import facts_of
from analytics.pages.parts import zone_words
from analytics.queries.fields import BadQuery
from analytics.saved.forms import SavedReportForm
from analytics.saved.models import MOST_PINS, Pin, SavedReport, Sharing
from analytics.saved.question import filters_refused, question_of, question_words, without_filters
from analytics.saved.registry import KINDS, ReportKind
from analytics.saved.services import (
    PinsFull,
    StaleReport,
    pin_move,
    pins_order,
    report_change,
    report_delete,
    report_pin,
    report_restore,
    report_save,
    report_unpin,
)
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn

CARD_ROWS = 100


def _form_of(kind: ReportKind, question: str, user: User) -> ReportForm:
    form: ReportForm = kind.form(QueryDict(question), user=user, now=timezone.now(), zone=ZoneInfo(settings.TIME_ZONE))
    return form


def _kind_label(kind: str) -> str:
    return str(KINDS[kind].label) if kind in KINDS else kind


def _columns() -> list[Column[SavedReport]]:
    return [
        Column("name", gettext_lazy("Name"), order="name", value=lambda row: row.name),
        Column(
            "kind", pgettext_lazy("saved", "Report"), order="kind", value=lambda row: _kind_label(row.kind), wide="sm"
        ),
        Column("owner", gettext_lazy("Owner"), order="owner__username", value=lambda row: str(row.owner), wide="md"),
        Column(
            "sharing",
            pgettext_lazy("report", "Shared with"),
            order="sharing",
            value=lambda row: row.get_sharing_display(),
            wide="md",
        ),
        Column("changed", gettext_lazy("Changed"), order="changed_at", value=lambda row: row.changed_at, wide="lg"),
        Column("acts", gettext_lazy("Actions")),
    ]


@require_GET
@staff_required
def saved(request: StaffRequest) -> HttpResponseBase:
    user = request.user
    pinned = Pin.objects.filter(user=user, report=OuterRef("pk"))
    listing = Listing(
        request,
        SavedReport.objects.visible_to(user).select_related("owner", "branch").annotate(pinned=Exists(pinned)),
        columns=_columns(),
        sort="name",
        search=lambda rows, text: rows.matching(text),  # type: ignore[attr-defined]
        filters=(
            Filter(
                "whose",
                gettext_lazy("Whose"),
                [("mine", gettext_lazy("My own")), ("others", gettext_lazy("Shared by others"))],
                lambda rows, value: rows.filter(owner=user) if value == "mine" else rows.exclude(owner=user),
            ),
            Filter(
                "report",
                pgettext_lazy("saved", "Report"),
                [(kind.slug, kind.label) for kind in KINDS.values()],
                lambda rows, value: rows.filter(kind=value),
            ),
        ),
    )
    if listing.export:
        return listing.export_response("saved-reports")
    rows = [(row, _kind_label(row.kind), row.may_be_changed_by(user)) for row in listing.rows]
    context = {"listing": listing, "rows": rows, "first": _first_page(), "here": request.get_full_path()}
    return render(request, "console/analytics/saved/list.html", context)


def _first_page() -> str:
    """Where somebody who has kept nothing yet begins."""
    return reverse(next(iter(KINDS.values())).page)


@require_http_methods(["GET", "POST"])
@staff_required(readers_may_post=True)
def saved_new(request: StaffRequest) -> HttpResponse:
    """Keeps the question of a report page: that of `report` in the address, which holds its question too."""
    kind = KINDS.get(request.GET.get("report", ""))
    if kind is None:
        raise Http404
    asked = request.GET.copy()
    asked.pop("report")
    question = _form_of(kind, asked.urlencode(), request.user)
    if not question.is_valid():
        warn(request, _("This question has no answer yet: mend it first, then save it."))
        return redirect(f"{reverse(kind.page)}?{asked.urlencode()}")
    form = SavedReportForm(request.POST or None, owner=request.user, initial={"sharing": Sharing.OWNER})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        report = report_save(
            by=request.user,
            now=timezone.now(),
            kind=kind.slug,
            question=question_of(question),
            name=data["name"],
            sharing=data["sharing"],
        )
        toast(request, _("The report %(name)s is saved.") % {"name": report.name})
        if data["pin"] and _pin(request, report):
            return redirect("analytics:dashboard")
        return redirect("analytics:saved")
    context = {
        "form": form,
        "asked": question_words(question),
        "kind": kind,
        "back": f"{reverse(kind.page)}?{question_of(question)}",
    }
    return _page(request, context, form)


def _page(request: StaffRequest, context: dict[str, Any], form: SavedReportForm, status: int = 422) -> HttpResponse:
    return render(
        request, "console/analytics/saved/form.html", context, status=status if form.is_bound and form.errors else 200
    )


@require_GET
@staff_required
def saved_report(request: StaffRequest, pk: int) -> HttpResponse:
    """Opens the page of the report, or says which of its filters are not for this person."""
    report = _visible(request, pk)
    kind = KINDS.get(report.kind)
    if kind is None:
        raise Http404
    form = _form_of(kind, report.question, request.user)
    if not form.is_valid() and (refused := filters_refused(form)):
        rest = without_filters(report.question, form)
        context = {"report": report, "kind": kind, "refused": refused, "rest": f"{reverse(kind.page)}?{rest}"}
        return render(request, "console/analytics/saved/refused.html", context, status=403)
    return redirect(f"{reverse(kind.page)}?{report.question}")


@require_http_methods(["GET", "POST"])
@staff_required(readers_may_post=True)
def saved_edit(request: StaffRequest, pk: int) -> HttpResponse:
    report = _own(request, pk)
    form = SavedReportForm(request.POST or None, owner=report.owner, report=report)
    status = 422
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            report_change(
                by=request.user,
                now=timezone.now(),
                report=report,
                name=data["name"],
                sharing=data["sharing"],
                version=data["version"] or 0,
            )
        except StaleReport:
            form.add_error(
                None,
                _("Somebody else has changed it meanwhile. Copy what you wrote, and open it again."),
            )
            status = 409
        else:
            toast(request, _("The report is saved."))
            return redirect("analytics:saved")
    return _page(request, {"form": form, "report": report, "kind": KINDS.get(report.kind)}, form, status)


@require_POST
@staff_required(readers_may_post=True)
def saved_delete(request: StaffRequest, pk: int) -> HttpResponse:
    report = _own(request, pk)
    target = next_address(request, reverse("analytics:saved"))
    if report_delete(by=request.user, now=timezone.now(), report=report):
        undo = f"{reverse('analytics:saved_restore', args=[pk])}?{urlencode({'next': target})}"
        toast(request, _("The report %(name)s is deleted.") % {"name": report.name}, undo_url=undo)
    return redirect(target)


@require_POST
@staff_required(readers_may_post=True)
def saved_restore(request: StaffRequest, pk: int) -> HttpResponse:
    report = get_object_or_404(SavedReport, pk=pk)
    if not report.may_be_changed_by(request.user):
        raise Http404
    if report_restore(by=request.user, report=report):
        toast(request, _("The report %(name)s is back.") % {"name": report.name})
    return redirect(next_address(request, reverse("analytics:saved")))


# The dashboard


@require_GET
@staff_required
def dashboard(request: StaffRequest) -> HttpResponse:
    pins = list(Pin.objects.on_dashboard_of(request.user))
    cards = [
        {
            "report": pin.report,
            "label": _kind_label(pin.report.kind),
            "is_first": at == 0,
            "is_last": at == len(pins) - 1,
        }
        for at, pin in enumerate(pins)
    ]
    has_saved = bool(pins) or SavedReport.objects.visible_to(request.user).exists()
    context = {"cards": cards, "has_saved": has_saved, "first": _first_page(), "most": MOST_PINS}
    return render(request, "console/analytics/saved/dashboard.html", context)


@require_GET
@staff_required
def dashboard_card(request: StaffRequest, pk: int) -> HttpResponse:
    """What a pinned report says: a part of the dashboard."""
    report = _visible(request, pk)
    kind = KINDS.get(report.kind)
    if kind is None:
        raise Http404
    form = _form_of(kind, report.question, request.user)
    context: dict[str, Any] = {"report": report, "most_rows": CARD_ROWS}
    if not form.is_valid():
        context |= {"refused": filters_refused(form), "open": reverse("analytics:saved_report", args=[pk])}
    else:
        try:
            answer = kind.answer(form)
        except BadQuery as bad:
            context["mistakes"] = [error.message for error in bad.errors]
        else:
            context |= {
                "answer": answer,
                "asked": question_words(form),
                "as_of": form.now,
                "zone": zone_words(form.zone, form.now),
                "chart_id": f"card-{pk}",
                "facts": facts_of(
                    form,
                    now=form.now,
                    zone=form.zone,
                    range=days_words(form) if isinstance(form, OverviewForm) else "",
                ),
            }
    return render(request, "console/analytics/saved/card.html", context)


@require_POST
@staff_required(readers_may_post=True)
def pin(request: StaffRequest, pk: int) -> HttpResponse:
    report = _visible(request, pk)
    at = request.GET.get("at", "")
    if _pin(request, report, int(at) if at.isascii() and at.isdigit() and len(at) < 3 else None):
        toast(request, _("%(name)s is on your dashboard.") % {"name": report.name})
    return redirect(next_address(request, reverse("analytics:dashboard")))


def _pin(request: HttpRequest, report: SavedReport, position: int | None = None) -> bool:
    assert isinstance(request.user, User)
    try:
        report_pin(user=request.user, report=report, position=position)
    except PinsFull:
        warn(request, _("Your dashboard is full: take one of its %(most)d reports off first.") % {"most": MOST_PINS})
        return False
    return True


@require_POST
@staff_required(readers_may_post=True)
def unpin(request: StaffRequest, pk: int) -> HttpResponse:
    report = _visible(request, pk)
    at = report_unpin(user=request.user, report=report)
    target = next_address(request, reverse("analytics:dashboard"))
    if at is not None:
        undo = f"{reverse('analytics:pin', args=[pk])}?{urlencode({'next': target, 'at': at})}"
        toast(request, _("%(name)s is off your dashboard.") % {"name": report.name}, undo_url=undo)
    return redirect(target)


@require_POST
@staff_required(readers_may_post=True)
def pin_step(request: StaffRequest, pk: int) -> HttpResponse:
    """One place on, or back: what the buttons of a card do."""
    report = _visible(request, pk)
    pin_move(user=request.user, report=report, step=-1 if request.POST.get("to") == "earlier" else 1)
    return redirect(f"{reverse('analytics:dashboard')}#card-{pk}")


@require_POST
@staff_required(readers_may_post=True)
def pins_arrange(request: StaffRequest) -> HttpResponse:
    """The order after a card was dragged: the numbers of the reports, as they stand now."""
    asked = request.POST.get("order", "").split(",")[: 2 * MOST_PINS]
    numbers = [int(text) for text in asked if text.isascii() and text.isdigit() and len(text) < 19]
    pins_order(user=request.user, reports=numbers)
    return HttpResponse(status=204)


def _visible(request: StaffRequest, pk: int) -> SavedReport:
    return get_object_or_404(SavedReport.objects.visible_to(request.user).select_related("owner__branch"), pk=pk)


def _own(request: StaffRequest, pk: int) -> SavedReport:
    report = _visible(request, pk)
    if not report.may_be_changed_by(request.user):
        raise PermissionDenied
    return report
