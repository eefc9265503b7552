"""What is known: accepted answers, found again, edited and taken out of use."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.models import Permission
from groups.roles.permissions import may
from members.questions.forms import KnowledgeForm
from members.questions.models import Knowledge, Visibility
from members.questions.services import StaleKnowledge, knowledge_edit, knowledge_restore, knowledge_retire

RETIRED = "retired"
COLUMNS: list[Column[Knowledge]] = [
    Column("title", gettext_lazy("Title"), order="title", value=lambda row: row.title),
    Column("tags", gettext_lazy("Tags"), value=lambda row: row.tags, wide="lg"),
    Column("group", gettext_lazy("Group"), order="group__name", value=lambda row: row.group.name, wide="lg"),
    Column("analysis", gettext_lazy("What the matter is"), value=lambda row: row.analysis, shown=False),
    Column("plan", pgettext_lazy("answer", "What to do"), value=lambda row: row.plan, shown=False),
    Column("resource", gettext_lazy("Where to find more"), value=lambda row: row.resource, shown=False),
    Column("who", gettext_lazy("Who finds it"), value=lambda row: row.get_visibility_display(), wide="md"),
    Column("used", pgettext_lazy("knowledge", "Used"), order="used", value=lambda row: row.used, number=True),
    Column("kept", pgettext_lazy("knowledge", "Kept"), order="created_at", value=lambda row: row.created_at, wide="sm"),
]


@require_GET
@staff_required
def knowledge(request: StaffRequest) -> HttpResponseBase:
    rows = Knowledge.objects.visible_to(request.user)
    retired = request.GET.get("state") == RETIRED
    listing = Listing(
        request,
        (rows.exclude(retired_at=None) if retired else rows.standing()).select_related("group"),
        columns=COLUMNS,
        filters=[
            Filter(
                "state",
                gettext_lazy("State"),
                [(RETIRED, pgettext_lazy("knowledge", "Out of use"))],
                lambda found, _value: found,
                unset=pgettext_lazy("knowledge", "In use"),
            ),
            Filter(
                "who",
                gettext_lazy("Who finds it"),
                Visibility.choices,
                lambda found, value: found.filter(visibility=value),
            ),
        ],
        search=lambda found, text: found.filter(search__contains=text.lower()),
        sort="-kept",
        id="knowledge",
    )
    if listing.export:
        return listing.export_response("knowledge")
    context = {"listing": listing, "tab": "knowledge"}
    return render(request, "console/members/questions/knowledge.html", context)


@require_http_methods(["GET", "POST"])
@staff_required
def item(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    if request.method == "POST":
        _hold_to_role(request, row)
    form = KnowledgeForm(request.POST if request.method == "POST" else None, knowledge=row, user=request.user)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        try:
            knowledge_edit(by=request.user, knowledge=row, **form.cleaned_data)
        except StaleKnowledge:
            form.add_error(None, _("Somebody else has changed it meanwhile. Copy what you wrote, and open it again."))
            status = 409
        else:
            toast(request, _("Saved."))
            return redirect("members:knowledge")
    return _page(request, row, form, status)


def _page(request: StaffRequest, row: Knowledge, form: Any, status: int) -> HttpResponse:
    context = {"row": row, "form": form, "may_act": _may(request, row), "tab": "knowledge"}
    return render(request, "console/members/questions/knowledge_item.html", context, status=status)


@require_POST
@writer_required
def retire(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    _hold_to_role(request, row)
    if knowledge_retire(by=request.user, now=timezone.now(), knowledge=row):
        undo = reverse("members:knowledge_restore", args=[row.pk])
        toast(request, _("Nobody finds it any more: %(title)s") % {"title": row.title}, undo_url=undo)
    else:
        warn(request, _("It was out of use already."))
    return redirect(next_address(request, reverse("members:knowledge")))


@require_POST
@writer_required
def restore(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    _hold_to_role(request, row)
    if knowledge_restore(by=request.user, knowledge=row):
        toast(request, _("It is found again: %(title)s") % {"title": row.title})
    return redirect(next_address(request, reverse("members:knowledge")))


def _visible(request: StaffRequest, pk: int) -> Knowledge:
    rows = Knowledge.objects.visible_to(request.user).select_related("group__branch", "answer")
    return get_object_or_404(rows, pk=pk)


def _may(request: StaffRequest, row: Knowledge) -> bool:
    """What every group finds is headquarters' to change; what is of a group, whoever's who answers there."""
    if row.visibility == Visibility.ALL and not request.user.is_headquarters:
        return False
    return may(request.user, Permission.ANSWER, row.group)


def _hold_to_role(request: StaffRequest, row: Knowledge) -> None:
    if not _may(request, row):
        raise PermissionDenied
