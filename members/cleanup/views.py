"""Clean-ups in the console."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.models import Group, Permission
from groups.roles.permissions import may
from members.cleanup.conditions import (
    SPARED,
    Conditions,
    cleanup_groups,
    cleanup_listed,
    condition_words,
    why,
    why_words,
)
from members.cleanup.forms import ConditionsForm, ExemptionForm, StartForm
from members.cleanup.models import CleanupExemption, CleanupItem, CleanupRule, CleanupRun, ItemState
from members.cleanup.services import (
    cleanup_advance,
    cleanup_item_undo,
    cleanup_rule_delete,
    cleanup_rule_save,
    cleanup_start,
    cleanup_undo,
    exemption_end,
    exemption_grant,
)
from members.cleanup.tasks import enqueue_cleanup
from members.models import Member, Membership

SUGGESTED = Conditions(silent_days=60)
RUNS_SHOWN = 10

LISTED_COLUMNS: list[Column[Membership]] = [
    Column("name", gettext_lazy("Name"), order="member__name", value=lambda row: row.member.name),
    Column("external_id", gettext_lazy("Id in other systems"), value=lambda row: row.member.external_id, shown=False),
    Column("group", gettext_lazy("Group"), order="group__name", value=lambda row: row.group.name, wide="md"),
    Column("why", gettext_lazy("Why")),
    Column("last", gettext_lazy("Last seen here"), order="last_seen_at", value=lambda row: row.last_seen_at, wide="lg"),
    Column("joined", gettext_lazy("Joined"), order="joined_at", value=lambda row: row.joined_at, wide="xl"),
    Column("spared", gettext_lazy("Spared"), value=lambda row: SPARED.get(getattr(row, "spared", ""), "")),
]
ITEM_COLUMNS: list[Column[CleanupItem]] = [
    Column(
        "name",
        gettext_lazy("Name"),
        order="membership__member__name",
        value=lambda item: item.membership.member.name,
    ),
    Column(
        "group",
        gettext_lazy("Group"),
        order="membership__group__name",
        value=lambda item: item.membership.group.name,
        wide="md",
    ),
    Column("why", gettext_lazy("Why"), value=lambda item: ", ".join(why_words(item.why)), wide="lg"),
    Column("state", gettext_lazy("State"), order="state", value=lambda item: item.get_state_display()),
    Column(
        "when",
        gettext_lazy("Decided"),
        order="settled_at",
        value=lambda item: item.settled_at,
        nullable=True,
        wide="sm",
    ),
    Column("by", gettext_lazy("By"), value=lambda item: item.settled_by or "", wide="sm"),
    Column("reason", gettext_lazy("Reason"), value=lambda item: item.run.reason, shown=False),
    Column("note", gettext_lazy("Note"), value=lambda item: item.note, shown=False),
]


def _query(conditions: Conditions) -> str:
    """The conditions as they stand in an address."""
    kept = ConditionsForm.initial_of(conditions)
    return urlencode({"asked": "1", **{name: 1 if value is True else value for name, value in kept.items() if value}})


def _asked(request: StaffRequest) -> ConditionsForm:
    """The conditions of the address; without any, those that are suggested."""
    if "asked" in request.GET:
        return ConditionsForm(request.GET, user=request.user, initial={})
    initial = ConditionsForm.initial_of(SUGGESTED) | {"group": request.GET.get("group")}
    return ConditionsForm({name: value for name, value in initial.items() if value}, user=request.user, initial={})


@require_GET
@staff_required
def cleanup(request: StaffRequest) -> HttpResponseBase:
    """Who would be listed, and why; nothing happens before a clean-up is started."""
    return _preview(request, _asked(request), StartForm(initial={"at_once": ""}))


def _preview(request: StaffRequest, form: ConditionsForm, start: StartForm, status: int = 200) -> HttpResponseBase:
    now = timezone.now()
    conditions: Conditions | None = None
    if form.is_valid():
        conditions = form.conditions()
        try:
            conditions.check()
        except ValidationError as error:
            add_errors(form, error)
            conditions = None
    context: dict[str, Any] = {
        "form": form,
        "start": start,
        "rules": [
            (rule, condition_words(Conditions.read(rule.conditions)), _query(Conditions.read(rule.conditions)))
            for rule in CleanupRule.objects.visible_to(request.user)
        ],
        "runs": _runs(request),
        "asked_rule": request.GET.get("rule", ""),
    }
    if conditions:
        groups = cleanup_groups(conditions, user=request.user)
        found = cleanup_listed(conditions, groups=groups, now=now).select_related("member", "group")
        listing = Listing(
            request,
            found,
            columns=LISTED_COLUMNS,
            filters=[Filter("spared", gettext_lazy("Spared"), _spared_choices(), _with_spared)],
            search=lambda rows, text: rows.filter(member__in=Member.objects.matching(text).values("pk")),
            sort="last",
        )
        if listing.export:
            return listing.export_response("clean-up")
        counts = dict(found.order_by().values_list("spared").annotate(number=Count("pk")))
        context |= {
            "listing": listing,
            "rows": [
                (row, why_words(why(conditions, row, now=now)), SPARED.get(getattr(row, "spared", ""), ""))
                for row in listing.rows
            ],
            "going": counts.pop("", 0),
            "spared": [(SPARED[code], number) for code, number in counts.items()],
            "spared_total": sum(counts.values()),
            "query": _query(conditions),
            "words": condition_words(conditions),
        }
    return render(request, "console/members/cleanup.html", context, status=status)


def _spared_choices() -> list[tuple[str, str | Promise]]:
    return [("no", gettext_lazy("Goes on the list")), ("yes", gettext_lazy("Is spared")), *SPARED.items()]


def _with_spared(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    if value == "yes":
        return rows.exclude(spared="")
    return rows.filter(spared="" if value == "no" else value)


def _runs(request: StaffRequest) -> QuerySet[CleanupRun]:
    runs = CleanupRun.objects.visible_to(request.user).select_related("started_by")
    counted = runs.annotate(
        people=Count("items"),
        removed=Count("items", filter=Q(items__state=ItemState.REMOVED)),
        still_open=Count("items", filter=Q(items__state=ItemState.OPEN)),
    )
    return counted.order_by("-started_at", "-pk")[:RUNS_SHOWN]


@require_POST
@writer_required
def cleanup_begin(request: StaffRequest) -> HttpResponseBase:
    """Starts the clean-up that the preview showed."""
    form = _asked(request)
    start = StartForm(request.POST)
    if not (form.is_valid() and start.is_valid()):
        return _preview(request, form, start, 422)
    conditions = form.conditions()
    if not cleanup_groups(conditions, user=request.user).exists():
        raise PermissionDenied
    now = timezone.now()
    rule = CleanupRule.objects.visible_to(request.user).filter(pk=_number(request.GET.get("rule", ""))).first()
    try:
        run = cleanup_start(
            by=request.user,
            now=now,
            conditions=conditions,
            reason=start.cleaned_data["reason"],
            at_once=bool(start.cleaned_data["at_once"]),
            rule=rule,
        )
    except ValidationError as error:
        add_errors(start, error)
        return _preview(request, form, start, 422)
    _go(run, request)
    return redirect("members:cleanup_run", run.pk)


def _go(run: CleanupRun, request: StaffRequest) -> None:
    """Small runs are over by the time the page is there; the workers see to the rest of a large one."""
    if cleanup_advance(run_id=run.pk, now=timezone.now()):
        enqueue_cleanup(run.pk)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0


@require_GET
@staff_required
def cleanup_run(request: StaffRequest, pk: int) -> HttpResponseBase:
    run = _visible_run(request, pk)
    items = run.items.select_related("membership__member", "membership__group", "settled_by", "run")
    listing = _items(request, items)
    if listing.export:
        return listing.export_response(f"clean-up-{run.pk}")
    return render(
        request,
        "console/members/cleanup_run.html",
        {
            "run": run,
            "listing": listing,
            "rows": _with_words(listing),
            "words": condition_words(Conditions.read(run.conditions)),
            **_progress(run),
        },
    )


def _items(request: StaffRequest, items: QuerySet[CleanupItem]) -> Listing[CleanupItem]:
    def search(rows: QuerySet[CleanupItem], text: str) -> QuerySet[CleanupItem]:
        return rows.filter(membership__member__in=Member.objects.matching(text).values("pk"))

    return Listing(
        request,
        items,
        columns=ITEM_COLUMNS,
        filters=[
            Filter(
                "state",
                gettext_lazy("State"),
                ItemState.choices,
                lambda rows, value: rows.filter(state=value),
            )
        ],
        search=search,
        sort="name" if request.resolver_match and request.resolver_match.url_name == "cleanup_run" else "-when",
    )


def _with_words(listing: Listing[CleanupItem]) -> list[tuple[CleanupItem, list[str]]]:
    return [(item, why_words(item.why)) for item in listing.rows]


def _progress(run: CleanupRun) -> dict[str, Any]:
    counts = dict(run.items.order_by().values_list("state").annotate(number=Count("pk")))
    people = sum(counts.values())
    taken_back = counts.get(ItemState.UNDONE, 0)
    dealt_with, of = (taken_back, people) if run.state == "undoing" else (people, run.expected)
    return {
        "people": people,
        "open": counts.get(ItemState.OPEN, 0),
        "removed": counts.get(ItemState.REMOVED, 0),
        "kept": counts.get(ItemState.KEPT, 0),
        "undone": taken_back,
        "percent": min(100, 100 * dealt_with // of) if of else 100,
    }


@require_GET
@staff_required
def cleanup_progress(request: StaffRequest, pk: int) -> HttpResponse:
    """How a run stands: a part of its page, asked for again while the workers are at it."""
    run = _visible_run(request, pk)
    response = render(request, "console/members/cleanup_state.html", {"run": run, **_progress(run)})
    if not run.is_at_work:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@writer_required
def cleanup_undo_run(request: StaffRequest, pk: int) -> HttpResponse:
    run = _visible_run(request, pk)
    if not run.items.exists() or _may_all(request, run):
        if cleanup_undo(by=request.user, now=timezone.now(), run=run):
            _go(run, request)
            toast(request, _("The clean-up is taken back."))
        else:
            warn(request, _("This clean-up is taken back already."))
        return redirect("members:cleanup_run", run.pk)
    raise PermissionDenied


def _may_all(request: StaffRequest, run: CleanupRun) -> bool:
    """Whether the person may review members in every group of the run."""
    groups = Group.objects.filter(pk__in=run.items.order_by().values("membership__group"))
    permitted = groups.visible_to(request.user).permitted(request.user, Permission.REVIEW)
    return permitted.count() == groups.count()


@require_POST
@writer_required
def cleanup_undo_item(request: StaffRequest, pk: int) -> HttpResponse:
    items = CleanupItem.objects.visible_to(request.user).select_related("membership__member", "membership__group")
    item = get_object_or_404(items, pk=pk)
    if not may(request.user, Permission.REVIEW, item.membership.group):
        raise PermissionDenied
    if cleanup_item_undo(by=request.user, now=timezone.now(), item=item):
        toast(request, _("%(name)s is taken back.") % {"name": item.membership.member.name})
    else:
        warn(request, _("There is nothing to take back."))
    return redirect("members:cleanup_run", item.run_id)


@require_GET
@staff_required
def cleanup_record(request: StaffRequest) -> HttpResponseBase:
    """Who was removed, by whom, why and when, over all clean-ups."""
    items = CleanupItem.objects.visible_to(request.user)
    listing = _items(request, items.select_related("membership__member", "membership__group", "settled_by", "run"))
    if listing.export:
        return listing.export_response("clean-up-record")
    return render(request, "console/members/cleanup_record.html", {"listing": listing, "rows": _with_words(listing)})


@require_POST
@writer_required
def cleanup_rule_keep(request: StaffRequest) -> HttpResponseBase:
    """Keeps the conditions of the address under a name."""
    form = _asked(request)
    name = (request.POST.get("name") or request.GET.get("name", "")).strip()
    if form.is_valid() and name:
        try:
            rule = cleanup_rule_save(by=request.user, now=timezone.now(), name=name, conditions=form.conditions())
        except ValidationError as error:
            warn(request, error.messages[0])
        else:
            toast(request, _("Kept as “%(name)s”.") % {"name": rule.name})
            return redirect(f"{reverse('members:cleanup')}?{_query(form.conditions())}&rule={rule.pk}")
    else:
        warn(request, _("Give the rule a name."))
    return redirect(f"{reverse('members:cleanup')}?{request.GET.urlencode()}")


@require_POST
@writer_required
def cleanup_rule_forget(request: StaffRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(CleanupRule.objects.visible_to(request.user), pk=pk)
    is_own = rule.branch_id == request.user.branch_id
    if not (is_own or request.user.is_headquarters):
        raise PermissionDenied
    name, query = rule.name, _query(Conditions.read(rule.conditions))
    cleanup_rule_delete(by=request.user, rule=rule)
    # Kept again, it would be one's own: that undoes nothing for a rule of somebody else.
    undo = f"{reverse('members:cleanup_rule_keep')}?{query}&{urlencode({'name': name})}" if is_own else ""
    toast(request, _("The rule “%(name)s” is deleted.") % {"name": name}, undo_url=undo)
    return redirect("members:cleanup")


@require_GET
@staff_required
def exemptions(request: StaffRequest) -> HttpResponseBase:
    """Whom clean-ups spare, why, and until when."""
    visible = CleanupExemption.objects.visible_to(request.user).in_force(timezone.now())
    listing = Listing(
        request,
        visible.select_related("membership__member", "membership__group", "granted_by"),
        columns=[
            Column(
                "name",
                gettext_lazy("Name"),
                order="membership__member__name",
                value=lambda row: row.membership.member.name,
            ),
            Column(
                "group",
                gettext_lazy("Group"),
                order="membership__group__name",
                value=lambda row: row.membership.group.name,
                wide="md",
            ),
            Column("reason", gettext_lazy("Reason"), value=lambda row: row.reason),
            Column("until", gettext_lazy("Until"), order="until", value=lambda row: row.until, nullable=True),
            Column("by", gettext_lazy("By"), value=lambda row: row.granted_by or "", wide="lg"),
        ],
        search=lambda rows, text: rows.filter(membership__member__in=Member.objects.matching(text).values("pk")),
        sort="name",
    )
    if listing.export:
        return listing.export_response("exemptions")
    return render(request, "console/members/cleanup_exemptions.html", {"listing": listing})


@require_http_methods(["GET", "POST"])
@writer_required
def exempt(request: StaffRequest, pk: int) -> HttpResponse:
    """Spares somebody in a group."""
    visible = Membership.objects.filter(group__in=Group.objects.visible_to(request.user))
    membership = get_object_or_404(visible.select_related("member", "group"), pk=pk)
    if not may(request.user, Permission.REVIEW, membership.group):
        raise PermissionDenied
    form = ExemptionForm(request.POST or None)
    if form.is_valid():
        try:
            exemption_grant(
                by=request.user,
                now=timezone.now(),
                membership=membership,
                reason=form.cleaned_data["reason"],
                until=form.until_instant(),
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("Clean-ups spare %(name)s.") % {"name": membership.member.name})
            return redirect("members:cleanup_exemptions")
    context = {"form": form, "membership": membership}
    return render(request, "console/members/cleanup_exempt.html", context, status=422 if form.is_bound else 200)


@require_POST
@writer_required
def unexempt(request: StaffRequest, pk: int) -> HttpResponse:
    visible = CleanupExemption.objects.visible_to(request.user)
    found = get_object_or_404(visible.select_related("membership__member", "membership__group"), pk=pk)
    if not may(request.user, Permission.REVIEW, found.membership.group):
        raise PermissionDenied
    exemption_end(by=request.user, exemption=found)
    toast(request, _("Clean-ups list %(name)s again.") % {"name": found.membership.member.name})
    return redirect("members:cleanup_exemptions")


def _visible_run(request: StaffRequest, pk: int) -> CleanupRun:
    runs = CleanupRun.objects.visible_to(request.user).select_related("started_by", "undone_by")
    return get_object_or_404(runs, pk=pk)
