"""Red envelopes in the console: planned with a preview, their results, and the end before their time."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Max, Min, Q, Sum
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import StaffRequest, staff_required, writer_required
from campaigns.envelopes.audience import members_meant
from campaigns.envelopes.forms import EnvelopeForm
from campaigns.envelopes.models import Envelope, EnvelopeRound, EnvelopeShare, RoundState
from campaigns.envelopes.services import Plan, envelope_plan, envelope_stop, month_available, month_of, plan_check
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.models import Group, GroupRole, Permission
from members.models import Segment, Tag

STATES = (
    ("live", pgettext_lazy("red envelope", "Open or to come")),
    ("over", pgettext_lazy("red envelope", "Over")),
)


@require_GET
@staff_required
def envelopes(request: StaffRequest) -> HttpResponseBase:
    claimed = Q(rounds__shares__member__isnull=False)
    rows = (
        Envelope.objects.visible_to(request.user)
        .select_related("budget", "created_by")
        .annotate(
            first=Min("rounds__opens_at"),
            last=Max("rounds__expires_at"),
            places=Count("rounds", distinct=True),
            taken=Count("rounds__shares", filter=claimed, distinct=True),
        )
    )
    columns: list[Column[Any]] = [
        Column("greeting", gettext_lazy("Red envelope"), order="greeting", value=lambda row: row.greeting),
        Column("first", gettext_lazy("Opens"), order="first", value=lambda row: row.first),
        Column("rounds", gettext_lazy("Rounds"), order="places", value=lambda row: row.places, number=True, wide="sm"),
        Column("amount", gettext_lazy("Points in a round"), order="amount", value=lambda row: row.amount, number=True),
        Column("taken", gettext_lazy("Claimed"), order="taken", value=lambda row: row.taken, number=True, wide="sm"),
        Column("budget", gettext_lazy("Budget"), order="budget__name", value=lambda row: row.budget.name, wide="lg"),
        Column("by", gettext_lazy("Planned by"), value=lambda row: row.created_by, wide="xl"),
    ]
    listing = Listing(
        request,
        rows,
        columns=columns,
        filters=[Filter("state", gettext_lazy("State"), STATES, _of_state)],
        search=lambda found, text: found.filter(pk__in=Envelope.objects.matching(text).values("pk")),
        sort="-first",
        id="envelopes",
    )
    if listing.export:
        return listing.export_response("envelopes")
    return render(request, "console/campaigns/envelopes/list.html", {"listing": listing})


def _of_state(found: Any, value: str) -> Any:
    live = EnvelopeRound.objects.live().values("envelope")
    return found.filter(pk__in=live) if value == "live" else found.exclude(pk__in=live)


@require_http_methods(["GET", "POST"])
@writer_required
def envelope_new(request: StaffRequest) -> HttpResponse:
    """The form; then what it would cost and whom it would reach; only then it is planned."""
    form = EnvelopeForm(request.POST or None, user=request.user)
    preview = None
    if form.is_valid():
        plan, now = form.plan(), timezone.now()
        try:
            if "confirm" in request.POST:
                made = envelope_plan(by=request.user, now=now, plan=plan)
                toast(request, _("The red envelope is planned."))
                return redirect("campaigns:envelope", made.pk)
            plan_check(by=request.user, now=now, plan=plan)
            preview = _preview(plan)
        except ValidationError as error:
            add_errors(form, error)
    context = {"form": form, "preview": preview}
    status = 422 if form.errors else 200
    return render(request, "console/campaigns/envelopes/form.html", context, status=status)


def _preview(plan: Plan) -> dict[str, Any]:
    now = timezone.now()
    envelope = Envelope(
        role=plan.role,
        tag_id=plan.tag.pk if plan.tag else None,
        segment_id=plan.segment.pk if plan.segment else None,
    )
    groups = [(group, members_meant(envelope=envelope, group=group, now=now).count()) for group in plan.groups]
    months = []
    for month in sorted({month_of(at) for at in plan.times}):
        needed = plan.amount * len(plan.groups) * sum(month_of(at) == month for at in plan.times)
        months.append((f"{month:%Y-%m}", needed, month_available(budget=plan.budget, month=month)))
    return {
        "plan": plan,
        "groups": groups,
        "months": months,
        "rounds": len(plan.times) * len(plan.groups),
        "is_covered": all(needed <= left for _month, needed, left in months),
    }


@require_GET
@staff_required
def envelope(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    rounds = row.rounds.visible_to(request.user).select_related("group", "post").with_results()
    found = list(rounds.order_by("opens_at", "group__name", "pk"))
    context = {
        "envelope": row,
        "rounds": found,
        "given": sum(one.given for one in found),
        "refunded": sum(one.refunded or 0 for one in found),
        "audience": _audience(row),
        "may_stop": _may_stop(request, row)
        and any(one.state in (RoundState.PLANNED, RoundState.OPEN) for one in found),
    }
    return render(request, "console/campaigns/envelopes/envelope.html", context)


@require_GET
@staff_required
def envelope_round(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Who got what in a round."""
    rounds = EnvelopeRound.objects.visible_to(request.user).select_related("envelope", "group")
    row = get_object_or_404(rounds, pk=pk)
    columns: list[Column[Any]] = [
        Column("member", gettext_lazy("Member"), order="member__name", value=lambda share: share.member.name),
        Column(
            "amount", pgettext_lazy("ledger", "Points"), order="amount", value=lambda share: share.amount, number=True
        ),
        Column("at", gettext_lazy("Claimed"), order="claimed_at", value=lambda share: share.claimed_at),
    ]
    listing = Listing(
        request,
        EnvelopeShare.objects.claimed().filter(round=row).select_related("member"),
        columns=columns,
        search=lambda found, text: found.filter(member__name__icontains=text),
        sort="at",
        id="shares",
    )
    if listing.export:
        return listing.export_response("shares")
    return render(request, "console/campaigns/envelopes/round.html", {"row": row, "listing": listing})


@require_http_methods(["GET", "POST"])
@writer_required
def envelope_end(request: StaffRequest, pk: int) -> HttpResponse:
    """What stopping would do, then it is done."""
    row = _visible(request, pk)
    if not _may_stop(request, row):
        raise PermissionDenied
    if request.method == "POST":
        live = row.rounds.live().exists()
        refunded = envelope_stop(by=request.user, now=timezone.now(), envelope=row)
        if live:
            toast(request, _("Stopped. %(points)s points went back to the budget.") % {"points": f"{refunded:,}"})
        else:
            warn(request, _("Nothing was left to stop."))
        return redirect("campaigns:envelope", row.pk)
    rounds = list(row.rounds.live().select_related("group"))
    free = EnvelopeShare.objects.free().filter(round__in=rounds).aggregate(n=Sum("amount"))["n"] or 0
    planned = sum(row.amount for one in rounds if one.opened_at is None)
    context = {"envelope": row, "rounds": rounds, "back": free + planned}
    return render(request, "console/campaigns/envelopes/stop.html", context)


def _visible(request: StaffRequest, pk: int) -> Envelope:
    rows = Envelope.objects.visible_to(request.user).select_related("budget", "created_by")
    return get_object_or_404(rows, pk=pk)


def _may_stop(request: StaffRequest, row: Envelope) -> bool:
    """Who may send envelopes in every group that it still reaches."""
    groups = Group.objects.filter(pk__in=row.rounds.live().values("group"))
    permitted = Group.objects.visible_to(request.user).permitted(request.user, Permission.ENVELOPES)
    return request.user.may_write and not groups.exclude(pk__in=permitted.values("pk")).exists()


def _audience(row: Envelope) -> list[tuple[str, str]]:
    """What narrows it down, in words; what was deleted reaches nobody."""
    gone = _("deleted: nobody can claim")
    found = []
    if row.role and row.role != GroupRole.MEMBER:
        found.append((_("Role in the group"), str(row.get_role_display())))
    if row.tag_id is not None:
        found.append((_("Tag"), str(Tag.objects.filter(pk=row.tag_id).first() or gone)))
    if row.segment_id is not None:
        found.append((_("Segment"), str(Segment.objects.filter(pk=row.segment_id).first() or gone)))
    return found
