"""The feedback inbox of the console."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from accounts.models import User
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from members.feedback.forms import HeardForm, NeedForm, ReplyForm, WhoForm
from members.feedback.models import Need, NeedCategory, NeedMerge, NeedStatus
from members.feedback.selectors import alike, themes
from members.feedback.services import (
    StaleNeed,
    need_ask,
    need_change,
    need_reply,
    need_write,
    needs_merge,
    needs_part,
)

NOBODY = "nobody"
ASKS_SHOWN = 100
CANDIDATES = 20


@require_GET
@staff_required
def needs(request: StaffRequest) -> HttpResponseBase:
    rows = Need.objects.visible_to(request.user).standing().with_askers().select_related("category", "owner")
    columns: list[Column[Any]] = [
        Column("need", gettext_lazy("Need"), value=lambda row: row.text),
        Column(
            "category", gettext_lazy("Category"), order="category__name", nullable=True, wide="md",
            value=lambda row: str(row.category or ""),
        ),
        Column("asked", gettext_lazy("Asked by"), order="askers", value=lambda row: row.askers, number=True),
        Column("state", gettext_lazy("State"), order="is_new", value=lambda row: row.get_status_display()),
        Column(
            "owner", gettext_lazy("Who looks after it"), order="owner__username", nullable=True, wide="lg",
            value=lambda row: str(row.owner or ""),
        ),
        Column("last", gettext_lazy("Last asked"), order="asked_at", value=lambda row: row.asked_at, wide="sm"),
        Column("created", gettext_lazy("First asked"), order="created_at", value=lambda row: row.created_at, wide="xl"),
    ]  # fmt: skip
    listing = Listing(
        request,
        rows,
        columns=columns,
        filters=_filters(request),
        search=lambda found, text: found.filter(pk__in=Need.objects.matching(text).values("pk")),
        sort="state",
        id="needs",
    )
    if listing.export:
        return listing.export_response("feedback")
    return render(request, "console/members/feedback/list.html", {"listing": listing, "tab": "needs"})


def _filters(request: StaffRequest) -> list[Filter[Any]]:
    owned = Need.objects.visible_to(request.user).standing().exclude(owner=None).values("owner")
    owners = [(str(person.pk), str(person)) for person in User.objects.filter(pk__in=owned).order_by("username")]
    return [
        Filter("status", gettext_lazy("State"), NeedStatus.choices, lambda found, value: found.filter(status=value)),
        Filter(
            "category",
            gettext_lazy("Category"),
            [(NOBODY, pgettext_lazy("need", "None yet")), *NeedCategory.objects.values_list("pk", "name")],
            lambda found, value: found.filter(category=None if value == NOBODY else int(value)),
        ),
        Filter(
            "owner",
            gettext_lazy("Who looks after it"),
            [("mine", gettext_lazy("Mine")), (NOBODY, pgettext_lazy("owner of a need", "Nobody yet")), *owners],
            lambda found, value: found.filter(
                owner=request.user if value == "mine" else None if value == NOBODY else int(value)
            ),
        ),
    ]


@require_http_methods(["GET", "POST"])
@writer_required
def need_new(request: StaffRequest) -> HttpResponse:
    """What staff heard, and from whom."""
    asked = request.GET.get("group", "")
    initial = {"group": asked} if asked.isascii() and asked.isdigit() and len(asked) < 19 else {}
    form = HeardForm(request.POST or None, user=request.user, initial=initial)
    if form.is_valid() and form.member is not None:
        data = form.cleaned_data
        try:
            ask = need_write(
                now=timezone.now(),
                member=form.member,
                group=data["group"],
                text=data["text"],
                category=data["category"],
                heard_by=request.user,
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The need of %(name)s is noted.") % {"name": form.member})
            return redirect("members:need", ask.need_id)
    status = 422 if form.is_bound else 200
    return render(request, "console/members/feedback/heard.html", {"form": form}, status=status)


@require_http_methods(["GET", "POST"])
@staff_required
def need(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    if row.merged_into_id is not None:
        return redirect("members:need", row.merged_into_id)
    form = NeedForm(request.POST or None, need=row, user=request.user)
    if form.is_valid():
        data = form.cleaned_data
        try:
            need_change(
                by=request.user,
                need=row,
                version=data["version"],
                text=data["text"],
                category=data["category"],
                status=data["status"],
                owner=data["owner"],
            )
        except ValidationError as error:
            add_errors(form, error)
        except StaleNeed:
            form.add_error(None, _("Somebody else has changed it meanwhile. Copy what you wrote, and open it again."))
        else:
            toast(request, _("The need is saved."))
            return redirect("members:need", row.pk)
    return _page(request, row, form=form)


def _page(
    request: StaffRequest,
    row: Need,
    *,
    form: NeedForm | None = None,
    reply: ReplyForm | None = None,
    who: WhoForm | None = None,
) -> HttpResponse:
    asks = list(row.asks.select_related("member", "group", "heard_by").order_by("-at", "-pk")[: ASKS_SHOWN + 1])
    seen = Count("receipts", filter=Q(receipts__seen_at__isnull=False))
    context = {
        "row": row,
        "form": form or NeedForm(need=row, user=request.user),
        "reply": reply or ReplyForm(initial={"key": uuid4().hex}),
        "who": who or WhoForm(user=request.user, branch_id=row.branch_id),
        "asks": asks[:ASKS_SHOWN],
        "has_more": len(asks) > ASKS_SHOWN,
        "replies": list(row.replies.annotate(sent=Count("receipts"), seen=seen).select_related("by").order_by("-at")),
        "merges": list(row.merges_won.filter(undone_at=None).select_related("loser", "by")[:10]),
        "tab": "needs",
    }
    bound = any(each is not None and each.is_bound for each in (form, reply, who))
    return render(request, "console/members/feedback/need.html", context, status=422 if bound else 200)


@require_POST
@writer_required
def need_heard(request: StaffRequest, pk: int) -> HttpResponse:
    """One more member asked for it."""
    row = _visible(request, pk)
    who = WhoForm(request.POST, user=request.user, branch_id=row.branch_id)
    if not who.is_valid() or who.member is None:
        return _page(request, row, who=who)
    data = who.cleaned_data
    ask = need_ask(
        by=request.user, now=timezone.now(), need=row, member=who.member, group=data["group"], text=data["text"]
    )
    toast(request, _("%(name)s is among those who asked.") % {"name": who.member})
    return redirect("members:need", ask.need_id)


@require_POST
@writer_required
def reply_all(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    form = ReplyForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            made, count = need_reply(by=request.user, now=timezone.now(), need=row, text=data["text"], key=data["key"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            words = ngettext(
                "The reply is on the page of %(number)d member.",
                "The reply is on the pages of %(number)d members.",
                count,
            )
            toast(request, words % {"number": count})
            return redirect("members:need", made.need_id)
    return _page(request, row, reply=form)


@require_http_methods(["GET", "POST"])
@writer_required
def merge(request: StaffRequest, pk: int) -> HttpResponse:
    """Chooses the need that this one becomes part of, shows what would move, and does it."""
    row = _visible(request, pk)
    asked = request.POST.get("with", "") or request.GET.get("with", "")
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    others = alike(row, request.user)
    other = get_object_or_404(others, pk=int(asked)) if known else None
    if request.method == "POST" and other is not None:
        try:
            made = needs_merge(by=request.user, now=timezone.now(), winner=other, loser=row)
        except ValidationError as error:
            warn(request, " ".join(error.messages))
        except StaleNeed:
            warn(request, _("One of the two was merged meanwhile."))
        else:
            undo = reverse("members:need_part", args=[made.pk])
            toast(request, _("The two are one need now."), undo_url=undo)
            return redirect("members:need", other.pk)
    text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    context = {
        "row": row,
        "other": other,
        "text": text,
        "moving": list(row.asks.select_related("member").order_by("at", "pk")[:CANDIDATES]),
        "candidates": [] if other else list(alike(row, request.user, text)[:CANDIDATES]),
    }
    return render(request, "console/members/feedback/merge.html", context)


@require_POST
@writer_required
def part(request: StaffRequest, pk: int) -> HttpResponse:
    """Takes a merge back."""
    seen = Need.objects.visible_to(request.user).values("pk")
    made = get_object_or_404(NeedMerge.objects.filter(winner__in=seen), pk=pk)
    if needs_part(by=request.user, now=timezone.now(), merge=made):
        toast(request, _("The two needs stand apart again."))
        return redirect("members:need", made.loser_id)
    warn(request, _("This merge was taken back before, or another one followed it."))
    return redirect("members:need", made.winner_id)


@require_GET
@staff_required
def need_themes(request: StaffRequest) -> HttpResponse:
    months, rows = themes(user=request.user, now=timezone.now())
    sums = [sum(column) for column in zip(*(row.counts for row in rows), strict=True)]
    most = max((count for row in rows for count in row.counts), default=0)
    context = {"months": months, "rows": rows, "sums": sums, "total": sum(sums), "most": most, "tab": "themes"}
    return render(request, "console/members/feedback/themes.html", context)


def _visible(request: StaffRequest, pk: int) -> Need:
    rows = Need.objects.visible_to(request.user).with_askers().select_related("category", "owner", "branch")
    return get_object_or_404(rows, pk=pk)
