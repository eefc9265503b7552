"""Series in the console: what they draw from, what comes next, how they look."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from accounts.models import User
from campaigns.content.headers import PALETTE, HeaderStyle, font_file, header_draw
from campaigns.content.listing import TAGS_OFFERED
from campaigns.content.models import ContentTag, Piece, Series
from campaigns.content.series_forms import SeriesForm
from campaigns.content.series_services import (
    StaleSeries,
    daily_questions_create,
    series_add,
    series_create,
    series_move,
    series_order,
    series_remove,
    series_restore,
    series_retire,
    series_update,
    usable_pieces,
)
from campaigns.content.supply import drawn_lately, supply_of
from campaigns.posts.drawing import matching_pieces
from campaigns.posts.models import PostState
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn

FOUND = 10
SHOWN = 20

COLUMNS: list[Column[Any]] = [
    Column("name", gettext_lazy("Name"), order="name", value=lambda series: series.name),
    Column("source", gettext_lazy("Draws from"), value=lambda series: series.source_words, wide="md"),
    Column("order", gettext_lazy("Order"), order="order", value=lambda series: series.get_order_display(), wide="lg"),
    Column(
        "days", gettext_lazy("Days without repeats"), order="no_repeat_days",
        value=lambda series: series.no_repeat_days, number=True, wide="lg",
    ),
    Column(
        "posts", gettext_lazy("Posts"), order="running", value=lambda series: series.running, number=True, wide="sm"
    ),
    Column(
        "branch",
        gettext_lazy("Branch"),
        order="branch__name",
        value=lambda series: series.branch.name if series.branch else "",
        nullable=True,
        wide="xl",
    ),
]  # fmt: skip


@require_GET
@staff_required
def series_list(request: StaffRequest) -> HttpResponseBase:
    found = Series.objects.visible_to(request.user).select_related("branch", "header").prefetch_related("with_tags")
    if request.GET.get("retired") != "yes":
        found = found.running()
    found = found.annotate(
        running=Count("posts", filter=Q(posts__state__in=[PostState.ACTIVE, PostState.PAUSED]), distinct=True),
        listed_count=Count("listed", distinct=True),
    )
    listing = Listing(
        request,
        found,
        columns=COLUMNS,
        sort="name",
        search=lambda rows, text: rows.filter(pk__in=Series.objects.matching(text).values("pk")),
        filters=(
            Filter(
                "retired",
                pgettext_lazy("series", "Retired"),
                [("yes", gettext_lazy("Only retired"))],
                lambda rows, _value: rows.filter(retired_at__isnull=False),
                unset=gettext_lazy("In use"),
            ),
        ),
    )
    if listing.export:
        return listing.export_response("series")
    return render(request, "console/campaigns/content/series_list.html", {"listing": listing, "tab": "series"})


@require_GET
@staff_required
def series(request: StaffRequest, pk: int) -> HttpResponse:
    found = _visible(request, pk)
    now = timezone.now()
    context = {
        "series": found,
        "may_change": found.may_be_changed_by(request.user),
        "supply": supply_of(found, now),
        "drawn": drawn_lately(found, request.user, now)[:SHOWN],
        "posts": found.posts.visible_to(request.user).order_by("state", "-pk")[:SHOWN],
        "no_font": bool(found.header_style) and font_file() is None,
        **_pieces(found),
    }
    return render(request, "console/campaigns/content/series.html", context)


def _pieces(found: Series) -> dict[str, Any]:
    listed = list(found.listed.select_related("piece"))
    matching = None if listed else matching_pieces(found)
    return {
        "listed": listed,
        "matching": matching[:SHOWN] if matching is not None else [],
        "matching_count": matching.count() if matching is not None else 0,
    }


@require_http_methods(["GET", "POST"])
@writer_required
def series_new(request: StaffRequest) -> HttpResponse:
    return _form(request, None)


@require_http_methods(["GET", "POST"])
@writer_required
def series_edit(request: StaffRequest, pk: int) -> HttpResponse:
    return _form(request, _changeable(request, pk))


def _form(request: StaffRequest, found: Series | None) -> HttpResponse:
    user, now, status = request.user, timezone.now(), 200
    form = SeriesForm(request.POST or None, user=user, series=found)
    context: dict[str, Any] = {"series": found}
    if request.method == "POST":
        status = 422
        if form.is_valid():
            tags = form.tag_names()
            try:
                if found is None:
                    branch = form.cleaned_data.get("branch")
                    saved = series_create(by=user, now=now, tags=tags, branch=branch, **form.values())
                else:
                    version = form.cleaned_data["version"] or 0
                    saved = series_update(by=user, now=now, series=found, version=version, tags=tags, **form.values())
            except ValidationError as error:
                add_errors(form, error)
            except StaleSeries as error:
                data = request.POST.copy()
                data["version"] = str(error.series.version)
                form.data = data
                context["current"] = error.series
                status = 409
            else:
                toast(request, _("The series %(name)s is saved.") % {"name": saved.name})
                return redirect("campaigns:series", saved.pk)
    context |= {
        "form": form,
        "known_tags": ContentTag.objects.visible_to(user).values_list("name", flat=True).distinct()[:TAGS_OFFERED],
        "no_font": font_file() is None,
    }
    return render(request, "console/campaigns/content/series_form.html", context, status=status)


@require_GET
@writer_required
def series_header(request: StaffRequest) -> HttpResponse:
    """The header picture as it is being chosen."""
    asked = {name: request.GET.get(name, "").replace("\x00", "") for name in ("name", "line", "color", "style")}
    if asked["style"] not in HeaderStyle.values or asked["color"] not in PALETTE:
        raise Http404
    drawn = header_draw(
        name=asked["name"][:40] or "…", line=asked["line"][:60], color=asked["color"], style=asked["style"]
    )
    if drawn is None:
        raise Http404
    return HttpResponse(drawn.data, content_type=drawn.mime)


@require_POST
@writer_required
def series_pieces(request: StaffRequest, pk: int) -> HttpResponse:
    """Changes the list of a series: adds, removes, moves up or down, or sets the whole order."""
    found = _changeable(request, pk)
    user = request.user
    # The button that was pressed names the act, and the piece.
    act = next((name for name in ("up", "down", "remove", "add") if name in request.POST), "order")
    asked = request.POST.getlist("piece" if act == "order" else act)
    numbers = [int(value) for value in asked if value.isdecimal() and len(value) < 19]
    try:
        if act == "order":
            series_order(by=user, series=found, piece_ids=numbers)
        elif numbers and act == "add":
            piece = Piece.objects.visible_to(user).filter(pk=numbers[0]).first()
            if piece:
                series_add(by=user, series=found, piece=piece)
        elif numbers and act == "remove":
            series_remove(by=user, series=found, piece_id=numbers[0])
        elif numbers and act in ("up", "down"):
            series_move(by=user, series=found, piece_id=numbers[0], step=-1 if act == "up" else 1)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
    if not request.htmx:
        return redirect("campaigns:series", found.pk)
    context = {"series": found, "may_change": True, **_pieces(found)}
    return render(request, "console/campaigns/content/series_pieces.html", context)


@require_GET
@writer_required
def series_find(request: StaffRequest, pk: int) -> HttpResponse:
    """Pieces that can be listed and are not yet, as a search finds them."""
    found = _changeable(request, pk)
    text = request.GET.get("find", "").replace("\x00", "").strip()[:120]
    pieces = usable_pieces(found).matching(text).exclude(listed_in__series=found)
    context = {"series": found, "found": pieces.order_by("-updated_at", "-pk")[:FOUND], "text": text}
    return render(request, "console/campaigns/content/series_found.html", context)


@require_POST
@writer_required
def series_end(request: StaffRequest, pk: int) -> HttpResponse:
    found = _changeable(request, pk)
    try:
        if series_retire(by=request.user, now=timezone.now(), series=found):
            text = _("The series %(name)s is retired.") % {"name": found.name}
            toast(request, text, undo_url=reverse("campaigns:series_restore", args=[found.pk]))
    except ValidationError as error:
        warn(request, " ".join(error.messages))
    return redirect("campaigns:series", found.pk)


@require_POST
@writer_required
def series_again(request: StaffRequest, pk: int) -> HttpResponse:
    found = _changeable(request, pk)
    if series_restore(by=request.user, series=found):
        toast(request, _("The series %(name)s is in use again.") % {"name": found.name})
    return redirect("campaigns:series", found.pk)


@require_POST
@writer_required
def daily_questions(request: StaffRequest) -> HttpResponse:
    """Sets up the two series of the day's questions in one step."""
    names = (_("Easy question of the day"), _("Question to think about"))
    try:
        made = daily_questions_create(by=request.user, now=timezone.now(), names=names)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
        return redirect("campaigns:questions")
    if made:
        toast(request, _("Set up: %(names)s.") % {"names": ", ".join(series.name for series in made)})
    else:
        warn(request, _("Both series are there already."))
    return redirect("campaigns:series_list")


def _visible(request: StaffRequest, pk: int) -> Series:
    rows = Series.objects.visible_to(request.user).select_related("branch", "header", "created_by")
    return get_object_or_404(rows.prefetch_related("with_tags"), pk=pk)


def _changeable(request: StaffRequest, pk: int) -> Series:
    found = _visible(request, pk)
    if not found.may_be_changed_by(request.user):
        raise PermissionDenied
    return found


def may_set_up_questions(user: User) -> bool:
    """Whether the two series of questions are still to be made for the person's branch."""
    there = Series.objects.running().filter(branch=user.branch, kind="question").exclude(level="")
    return user.may_write and there.values("level").distinct().count() < 2
