"""Segments: saved filters of members."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from accounts.models import User
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast
from members.forms import NamedForm
from members.models import Member, Segment
from members.segments.builder import Builder, definition_words
from members.segments.filters import Condition, Definition, members_matching
from members.segments.selectors import segment_courses, segment_members, segment_sizes
from members.segments.services import StaleSegment, segment_create, segment_delete, segment_update
from members.views.lists import member_columns, shown_tags, tags_of

# So many segments are counted by one statement.
PART = 20

SHOWN = 10


def segment_columns(user: User) -> list[Column[Segment]]:
    return [
        Column("name", gettext_lazy("Name"), order="name", value=lambda segment: segment.name),
        Column(
            "branch",
            gettext_lazy("Branch"),
            order="branch__name",
            value=lambda segment: segment.branch.name if segment.branch else "",
            nullable=True,
            wide="md",
        ),
        Column(
            "owner",
            gettext_lazy("Owner"),
            order="owner__username",
            value=lambda segment: str(segment.owner or ""),
            nullable=True,
            wide="lg",
        ),
        Column(
            "members", gettext_lazy("Members now"), value=lambda segment: getattr(segment, "number", ""), number=True
        ),
        Column("course", gettext_lazy("Last 60 days"), wide="sm"),
        Column(
            "created",
            gettext_lazy("Made"),
            order="created_at",
            value=lambda segment: segment.created_at,
            wide="xl",
        ),
    ]


@require_GET
@staff_required
def segments(request: StaffRequest) -> HttpResponseBase:
    user, now = request.user, timezone.now()
    listing = Listing(
        request,
        Segment.objects.visible_to(user).select_related("branch", "owner"),
        columns=segment_columns(user),
        sort="name",
        search=lambda rows, text: rows.filter(pk__in=Segment.objects.matching(text).values("pk")),
        filters=(
            Filter(
                "whose",
                gettext_lazy("Whose"),
                [("mine", gettext_lazy("My own")), ("shared", gettext_lazy("Shared by all branches"))],
                lambda rows, value: rows.filter(owner=user) if value == "mine" else rows.filter(branch=None),
            ),
        ),
        # Each is counted for the page, so a page is short.
        page_size=10,
    )
    if listing.export:
        listing.queryset = _counted(listing.queryset, user, now)
        return listing.export_response("segments")
    _count(listing.rows, user, now)
    return render(request, "console/members/segments.html", {"listing": listing})


def _count(rows: Any, user: User, now: datetime) -> None:
    courses = segment_courses(rows, user=user, today=timezone.localdate(now))
    sizes = segment_sizes(rows, user=user, now=now)
    for segment in rows:
        segment.number = sizes[segment.pk]
        segment.course = courses.get(segment.pk, [])


class _Numbered:
    """Segments with their numbers, for a file."""

    def __init__(self, rows: Any, user: User, now: datetime) -> None:
        self.rows, self.user, self.now = rows, user, now

    def iterator(self, chunk_size: int) -> Any:
        rows = list(self.rows)
        for start in range(0, len(rows), PART):
            part = rows[start : start + PART]
            sizes = segment_sizes(part, user=self.user, now=self.now)
            for segment in part:
                segment.number = sizes[segment.pk]
                yield segment


def _counted(rows: Any, user: User, now: datetime) -> Any:
    return _Numbered(rows, user, now)


@require_GET
@staff_required
def segment_detail(request: StaffRequest, pk: int) -> HttpResponseBase:
    user, now = request.user, timezone.now()
    segment = _visible(request, pk)
    columns = [column for column in member_columns(user, []) if column.key != "select"]
    listing = Listing(
        request,
        segment_members(segment, user=user, now=now).prefetch_related(tags_of(user)),
        columns=columns,
        sort="-last",
        search=lambda rows, text: rows.filter(pk__in=Member.objects.matching(text).values("pk")),
    )
    if listing.export:
        return listing.export_response(f"segment-{segment.pk}")
    for member in listing.rows:
        shown_tags(member)
    course = segment_courses([segment], user=user, today=timezone.localdate(now)).get(segment.pk, [])
    top, _items = next(iter(segment.definition.items()))
    context = {
        "segment": segment,
        "listing": listing,
        "course": course,
        "words": definition_words(segment.definition, user),
        "is_any": top == "any",
        "may_manage": segment.may_be_changed_by(user),
    }
    return render(request, "console/members/segment.html", context)


@require_http_methods(["GET", "POST"])
@writer_required
def segment_new(request: StaffRequest) -> HttpResponse:
    """A new segment; the address may hold the filters of the list of members."""
    return _form(request, None)


@require_http_methods(["GET", "POST"])
@writer_required
def segment_edit(request: StaffRequest, pk: int) -> HttpResponse:
    segment = _visible(request, pk)
    if not segment.may_be_changed_by(request.user):
        raise PermissionDenied
    return _form(request, segment)


def _form(request: StaffRequest, segment: Segment | None) -> HttpResponse:
    user, status = request.user, 200
    initial: dict[str, Any] = {"name": segment.name, "version": segment.version} if segment else {}
    context: dict[str, Any] = {"segment": segment}
    if request.method == "POST":
        builder = Builder.sent(request.POST, user)
        saving = request.POST.get("act", "save") == "save"
        form = NamedForm(request.POST, user=user, is_new=segment is None)
        if saving:
            status = 422
            if form.is_valid() and builder.definition:
                try:
                    saved = _save(user, segment, form, builder.definition)
                except ValidationError as error:
                    add_errors(form, error)
                except StaleSegment as error:
                    data = request.POST.copy()
                    data["version"] = str(error.segment.version)
                    form.data = data
                    context["current"] = error.segment
                    context["current_words"] = definition_words(error.segment.definition, user)
                    status = 409
                else:
                    toast(request, _("The segment %(name)s is saved.") % {"name": saved.name})
                    return redirect("members:segment", saved.pk)
        else:
            builder.errors = []
    else:
        definition = segment.definition if segment else definition_of_list(request.GET, user)
        builder = Builder.of(definition, user)
        form = NamedForm(user=user, is_new=segment is None, **initial)
    context |= {"form": form, "builder": builder, "saving": status != 200}
    return render(request, "console/members/segment_form.html", context, status=status)


def _save(user: User, segment: Segment | None, form: NamedForm, definition: Definition) -> Segment:
    name = form.cleaned_data["name"]
    if segment is None:
        return segment_create(
            by=user, now=timezone.now(), name=name, definition=definition, branch=form.cleaned_data.get("branch")
        )
    version = form.cleaned_data["version"] or 0
    return segment_update(by=user, segment=segment, name=name, definition=definition, version=version)


@require_POST
@writer_required
def segment_remove(request: StaffRequest, pk: int) -> HttpResponse:
    segment = _visible(request, pk)
    if not segment.may_be_changed_by(request.user):
        raise PermissionDenied
    segment_delete(by=request.user, segment=segment)
    toast(request, _("The segment %(name)s is deleted.") % {"name": segment.name})
    return redirect("members:segments")


@require_POST
@writer_required
def segment_preview(request: StaffRequest) -> HttpResponse:
    """Whom the conditions in a form describe at this moment: a part of its page."""
    builder = Builder.sent(request.POST, request.user)
    context: dict[str, Any] = {"builder": builder}
    if builder.definition:
        found = members_matching(builder.definition, user=request.user, now=timezone.now())
        context |= {
            "number": found.count(),
            "members": found.order_by(*Member._meta.ordering or ())[:SHOWN],
        }
    return render(request, "console/members/segment_preview.html", context)


def definition_of_list(asked: QueryDict, user: User) -> Definition | None:
    """The filters in an address of the list of members, as a definition."""
    items: list[Any] = []

    def add(field: str, op: str, value: Any = None) -> None:
        item: Condition = {"field": field, "op": op}
        if value is not None:
            item["value"] = value
        items.append(item)

    for name in ("group", "branch", "stage", "tag", "tier", "grade"):
        if asked.get(name):
            add(name, "in", [asked[name]])
    if asked.get("seen") == "silent":
        add("last_seen", "before", 30)
    elif asked.get("seen") in ("7", "30"):
        add("last_seen", "within", int(str(asked["seen"])))
    if asked.get("marketing") in ("yes", "no"):
        add("no_marketing", "no" if asked["marketing"] == "yes" else "yes")
    if asked.get("q"):
        add("name", "contains", asked["q"][:200])
    for name, value in asked.items():
        if name.startswith("own_") and value:
            field = f"own:{name.removeprefix('own_')}"
            if value in ("yes", "no"):
                add(field, str(value))
            else:
                add(field, "in", [value])
    number = asked.get("segment", "")
    if number.isdecimal() and len(number) < 19:
        chosen = Segment.objects.visible_to(user).filter(pk=number).first()
        if chosen:
            join, inner = next(iter(chosen.definition.items()))
            nested = any("field" not in item for item in inner)
            items += inner if join == "all" else [] if nested else [{join: inner}]
    return {"all": items} if items else None


def _visible(request: StaffRequest, pk: int) -> Segment:
    return get_object_or_404(Segment.objects.visible_to(request.user).select_related("branch", "owner"), pk=pk)
