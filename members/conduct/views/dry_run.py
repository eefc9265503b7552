"""Dry runs in the console."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, writer_required
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast
from groups.models import Action, Group, RuleSet, RuleSetVersion
from members.conduct.forms import DryRunForm
from members.conduct.models import Compared, DryRun, DryRunHit, DryRunState
from members.conduct.tasks import enqueue_dry_run
from members.conduct.trial import LISTED, dry_run_start, dry_run_upload, exceptions_proposed, hits_mark
from members.conduct.words import marked

DOUBTS = {
    "old_hand": gettext_lazy("an old hand with no other hit"),
    "common": gettext_lazy("a word that many innocent members use"),
}
HIT_COLUMNS: list[Column[DryRunHit]] = [
    Column("member", gettext_lazy("Member"), order="member_name", value=lambda hit: hit.member_name),
    Column("group", gettext_lazy("Group"), value=lambda hit: hit.group_name, wide="lg"),
    Column("rule", gettext_lazy("Rule"), value=lambda hit: hit.rule, shown=False),
    Column("text", gettext_lazy("Evidence"), value=lambda hit: hit.text),
    Column("at", gettext_lazy("Time"), order="at", value=lambda hit: hit.at, wide="md"),
    Column("action", gettext_lazy("Would follow"), value=lambda hit: hit.get_action_display(), wide="lg"),
    Column(
        "compared", gettext_lazy("Compared"), order="compared", value=lambda hit: hit.get_compared_display(), wide="sm"
    ),
    Column("doubts", gettext_lazy("False alarm?"), value=lambda hit: ", ".join(hit.doubts), shown=False),
    Column("false", gettext_lazy("Marked as false alarm"), value=lambda hit: int(hit.is_false_alarm), shown=False),
]


@require_http_methods(["GET", "POST"])
@writer_required
def rules_dry_run(request: StaffRequest, pk: int) -> HttpResponse:
    """Begins a dry run of a version, and lists those made before."""
    version = get_object_or_404(
        RuleSetVersion.objects.filter(rule_set__in=RuleSet.objects.visible_to(request.user)).select_related("rule_set"),
        pk=pk,
    )
    groups = Group.objects.visible_to(request.user).filter(keeps_messages=True).order_by("name")
    following = list(groups.filter(rule_set=version.rule_set_id).values_list("pk", flat=True))
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = DryRunForm(*sent, groups=groups, initial={"groups": following})
    if form.is_valid():
        now = timezone.now()
        file = form.cleaned_data["file"]
        try:
            with transaction.atomic():
                if file:
                    run = dry_run_upload(by=request.user, now=now, version=version, file=file)
                else:
                    chosen = list(form.cleaned_data["groups"])
                    run = dry_run_start(by=request.user, now=now, version=version, groups=chosen)
                transaction.on_commit(lambda: enqueue_dry_run(run.pk))
        except ValidationError as error:
            add_errors(form, error)
        else:
            return redirect("members:dry_run", run.pk)
    runs = DryRun.objects.visible_to(request.user).filter(version=version).select_related("started_by")
    context = {"version": version, "form": form, "runs": runs[:10], "has_groups": groups.exists()}
    return render(request, "console/members/conduct_dry_run_new.html", context, status=422 if form.is_bound else 200)


@require_GET
@writer_required
def dry_run_detail(request: StaffRequest, pk: int) -> HttpResponseBase:
    run = _visible(request, pk)
    if run.state != DryRunState.DONE:
        return render(request, "console/members/conduct_dry_run.html", {"run": run})
    listing = _listing(request, run)
    if listing.export:
        return listing.export_response(f"dry-run-{run.pk}")
    rules = {rule["code"]: rule["text"] for rule in run.result["rules"]}
    context = {
        "run": run,
        "listing": listing,
        "rows": [
            {
                "hit": hit,
                "pieces": marked(hit.text[:300], [one for one in hit.hits if one["end"] <= 300]),
                "rule": rules.get(hit.rule, hit.rule),
                "doubts": [DOUBTS[doubt] for doubt in hit.doubts],
            }
            for hit in listing.rows
        ],
        "affected": [{**one, "label": Action(one["action"]).label} for one in run.result["affected"] if one["action"]],
        "actions": [
            (Action(action).label, run.result["actions"][action])
            for action in reversed(Action.values)
            if action in run.result["actions"]
        ],
        "exceptions": exceptions_proposed(run),
        "marked_count": run.hits.filter(is_false_alarm=True).count(),
        "is_cut": run.result["hits"] + run.result["lost"] > LISTED,
        "is_outdated": run.version.revision != run.revision,
    }
    return render(request, "console/members/conduct_dry_run.html", context)


def _listing(request: StaffRequest, run: DryRun) -> Listing[DryRunHit]:
    def kind(rows: QuerySet[DryRunHit], value: str) -> QuerySet[DryRunHit]:
        if value == "doubtful":
            return rows.filter(is_doubtful=True)
        return rows.filter(is_false_alarm=True) if value == "marked" else rows.filter(compared=value)

    return Listing(
        request,
        run.hits.all(),
        columns=HIT_COLUMNS,
        filters=[
            Filter(
                "rule",
                gettext_lazy("Rule"),
                [(rule["code"], rule["text"]) for rule in run.result["rules"]],
                lambda rows, value: rows.filter(rule=value),
            ),
            Filter(
                "kind",
                gettext_lazy("Every hit"),
                [
                    ("doubtful", gettext_lazy("May be a false alarm")),
                    ("marked", gettext_lazy("Marked as false alarm")),
                    *Compared.choices,
                ],
                kind,
            ),
        ],
        search=lambda rows, text: rows.filter(text__icontains=text),
        sort="at",
        page_size=25,
    )


@require_GET
@writer_required
def dry_run_state(request: StaffRequest, pk: int) -> HttpResponse:
    """How far a run has come: asked again until it is done, when the whole page is loaded anew."""
    run = _visible(request, pk)
    response = render(request, "console/members/conduct_dry_run_state.html", {"run": run})
    if run.state in (DryRunState.DONE, DryRunState.FAILED):
        response["HX-Refresh"] = "true"
    return response


@require_POST
@writer_required
def dry_run_mark(request: StaffRequest, pk: int) -> HttpResponse:
    run = _visible(request, pk)
    chosen = [int(text) for text in request.POST.getlist("hit") if text.isdecimal() and len(text) < 19]
    is_false = request.POST.get("mark") != "right"
    changed = hits_mark(by=request.user, run=run, hits=chosen[:500], is_false_alarm=is_false)
    toast(
        request,
        ngettext("%(count)d hit marked.", "%(count)d hits marked.", changed) % {"count": changed}
        if changed
        else _("Nothing was marked."),
    )
    return redirect(next_address(request, reverse("members:dry_run", args=[run.pk])))


def _visible(request: StaffRequest, pk: int) -> DryRun:
    runs = DryRun.objects.visible_to(request.user).select_related("version__rule_set", "started_by")
    return get_object_or_404(runs, pk=pk)
