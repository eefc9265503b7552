"""Finding seed users: proposals, members' answers, criteria. And what they bring: results."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, role_required, staff_required, writer_required
from accounts.models import Branch, Role
from accounts.policies import StalePolicy, policy_get, policy_save
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Listing
from community_ops.lib.toasts import toast, warn
from members.models import Member, Membership, SeedExclusion, SeedProfile, SeedScoring, SeedUser
from members.seeds.criteria import SeedPolicy, explain
from members.seeds.forms import AnswersForm, CriteriaForm
from members.seeds.results import before_and_after, likenesses, with_results
from members.seeds.selectors import ranking_preview
from members.seeds.services import scoring_request, seed_exclude, seed_report, seed_unexclude, seeds_add
from members.seeds.tasks import enqueue_scoring
from members.seeds.views.board import COMMUNITY, filters_of, programmes

EXCLUDED_SHOWN = 50

PROPOSAL_COLUMNS: list[Column[SeedProfile]] = [
    Column("name", gettext_lazy("Name"), order="member__name", value=lambda profile: profile.member.name),
    Column(
        "external_id",
        gettext_lazy("Id in other systems"),
        value=lambda profile: profile.member.external_id,
        shown=False,
    ),
    Column("score", gettext_lazy("Score"), order="score", value=lambda profile: profile.score, number=True),
    Column(
        "certainty",
        gettext_lazy("Certainty"),
        order="certainty",
        value=lambda profile: profile.certainty,
        number=True,
        wide="sm",
    ),
    Column("reasons", gettext_lazy("What speaks for them"), wide="md"),
    Column("act", gettext_lazy("Actions")),
]


def _programme(request: StaffRequest, asked: str) -> Branch | None:
    """The programme that an address or a form names; a branch has its own only."""
    if not request.user.is_headquarters:
        return request.user.branch
    return get_object_or_404(Branch, pk=asked) if asked.isdecimal() and len(asked) < 19 else None


@require_GET
@staff_required
def proposals(request: StaffRequest) -> HttpResponseBase:
    branch = _programme(request, request.GET.get("programme", ""))
    policy = policy_get(SeedPolicy)
    listing = Listing(
        request,
        SeedProfile.objects.visible_to(request.user).to_propose(branch).select_related("member"),
        columns=PROPOSAL_COLUMNS,
        search=lambda rows, text: rows.filter(member__in=Member.objects.matching(text).values("pk")),
        sort="-score",
    )
    if listing.export:
        return listing.export_response("seed-proposals")
    excluded = SeedExclusion.objects.filter(branch=branch).select_related("member", "by").order_by("-at", "-pk")
    context = {
        "listing": listing,
        "rows": [(profile, explain(profile, policy)) for profile in listing.rows],
        "excluded": excluded[:EXCLUDED_SHOWN],
        "programme": str(branch.pk) if branch else COMMUNITY,
        "branch": branch,
        "programmes": programmes(request.user),
        "scoring": SeedScoring.objects.first(),
        "tab": "proposals",
    }
    return render(request, "console/members/seeds/proposals.html", context)


@require_POST
@writer_required
def add(request: StaffRequest) -> HttpResponse:
    """Puts the chosen members onto the board."""
    branch = _programme(request, request.POST.get("programme", ""))
    numbers = [number for number in request.POST.getlist("member") if number.isdecimal() and len(number) < 19]
    members = Member.objects.visible_to(request.user).filter(pk__in=numbers[:500], merged_into=None, erased_at=None)
    if branch:
        # A programme of a branch shows its staff only whom they may see.
        members = members.filter(pk__in=Membership.objects.filter(group__branch=branch).values("member"))
    found = list(members)
    if not found:
        warn(request, _("Choose at least one member."))
    else:
        added = seeds_add(by=request.user, now=timezone.now(), members=found, branch=branch, owner=request.user)
        if added:
            words = ngettext(
                "%(number)d candidate is on the board.", "%(number)d candidates are on the board.", len(added)
            )
            toast(request, words % {"number": len(added)})
        else:
            warn(request, _("They are on the board already."))
    return redirect(next_address(request, reverse("members:seeds")))


@require_POST
@writer_required
def exclude(request: StaffRequest) -> HttpResponse:
    """Keeps a member from being proposed; asks why."""
    branch = _programme(request, request.POST.get("programme", ""))
    asked = request.POST.get("member", "")
    members = Member.objects.visible_to(request.user)
    member = get_object_or_404(members, pk=int(asked) if asked.isdecimal() and len(asked) < 19 else 0)
    back = next_address(request, reverse("members:seed_proposals"))
    try:
        exclusion = seed_exclude(
            by=request.user, now=timezone.now(), member=member, branch=branch, reason=request.POST.get("reason", "")
        )
    except ValidationError as error:
        warn(request, " ".join(error.messages))
    else:
        toast(
            request,
            _("%(name)s is not proposed any more.") % {"name": member},
            undo_url=reverse("members:seed_unexclude", args=[exclusion.pk]),
        )
    return redirect(back)


@require_POST
@writer_required
def unexclude(request: StaffRequest, pk: int) -> HttpResponse:
    exclusions = SeedExclusion.objects.select_related("member")
    if not request.user.is_headquarters:
        exclusions = exclusions.filter(branch=request.user.branch)
    exclusion = get_object_or_404(exclusions, pk=pk)
    if seed_unexclude(by=request.user, exclusion=exclusion):
        toast(request, _("%(name)s may be proposed again.") % {"name": exclusion.member})
    address = reverse("members:seed_proposals")
    return redirect(f"{address}?programme={exclusion.branch_id}" if exclusion.branch_id else address)


@require_http_methods(["GET", "POST"])
@writer_required
def answers(request: StaffRequest, pk: int) -> HttpResponse:
    """What a member says of themselves, noted by staff."""
    member = get_object_or_404(Member.objects.visible_to(request.user), pk=pk)
    profile = SeedProfile.objects.filter(member=member).first()
    form = AnswersForm(request.POST or None, profile=profile)
    back = request.POST.get("next") or request.GET.get("next", "")
    if form.is_valid():
        try:
            seed_report(by=request.user, now=timezone.now(), member=member, answers=form.answers())
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The answers of %(name)s are noted.") % {"name": member})
            return redirect(next_address(request, reverse("members:detail", args=[member.pk])))
    context = {"member": member, "form": form, "next": back}
    return render(request, "console/members/seeds/answers.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def criteria(request: StaffRequest) -> HttpResponse:
    """The criteria for the whole community, which headquarters decides. `act` preview shows what would change."""
    policy = policy_get(SeedPolicy)
    form = CriteriaForm(request.POST or None, policy=policy)
    context: dict[str, Any] = {"form": form, "tab": "criteria", "may_save": request.user.is_headquarters}
    if form.is_bound and not request.user.is_headquarters:
        raise PermissionDenied
    if form.is_valid():
        chosen = form.policy()
        if request.POST.get("act") == "preview":
            return _criteria(request, context | {"preview": ranking_preview(policy=chosen)})
        try:
            policy_save(by=request.user, now=timezone.now(), values=chosen, version=form.cleaned_data["version"])
        except StalePolicy as conflict:
            # What was typed stays. Sent again, it is meant: the form now knows the other change.
            data = request.POST.copy()
            data["version"] = str(conflict.version)
            form.data = data
            return _criteria(request, context | {"stands": policy_get(SeedPolicy)}, status=409)
        enqueue_scoring(scoring_request(now=timezone.now()).pk)
        toast(request, _("The criteria are saved. All scores are being computed anew."))
        return redirect("members:seed_criteria")
    return _criteria(request, context, status=422 if form.is_bound else 200)


def _criteria(request: StaffRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    context |= {"scoring": SeedScoring.objects.first(), "total": sum(_weights(context["form"]))}
    return render(request, "console/members/seeds/criteria.html", context, status=status)


def _weights(form: CriteriaForm) -> list[int]:
    typed = [str(weight.value()) for _criterion, weight, _full in form.rows()]
    return [int(weight) for weight in typed if weight.isdecimal() and len(weight) < 9]


@require_GET
@staff_required
def scoring(request: StaffRequest) -> HttpResponse:
    """How far the computation of the scores is: a part of a page."""
    return render(request, "console/members/seeds/scoring.html", {"scoring": SeedScoring.objects.first()})


def _brought(name: str) -> Any:
    return lambda seed: getattr(seed, name)


RESULT_COLUMNS: list[Column[SeedUser]] = [
    Column("name", gettext_lazy("Name"), order="member__name", value=lambda seed: seed.member.name),
    Column("external_id", gettext_lazy("Id in other systems"), value=lambda seed: seed.member.external_id, shown=False),
    Column("stage", gettext_lazy("Stage"), order="stage", value=lambda seed: seed.get_stage_display(), wide="md"),
    Column(
        "accepted", gettext_lazy("Accepted on"), order="accepted_at", value=lambda seed: seed.accepted_at, wide="md"
    ),
    Column("brought", gettext_lazy("Members invited"), order="brought", value=_brought("brought"), number=True),
    Column("due", gettext_lazy("Joined 30 days ago or more"), value=_brought("due"), shown=False),
    Column("stayed", gettext_lazy("Stayed 30 days"), order="stayed", value=_brought("stayed"), number=True),
    Column("wrote", gettext_lazy("Messages"), order="wrote", value=_brought("wrote"), number=True, wide="sm"),
    Column("answered", gettext_lazy("Answers"), order="answered", value=_brought("answered"), number=True, wide="sm"),
    Column(
        "bought", gettext_lazy("Orders of invited"), order="bought", value=_brought("bought"), number=True, wide="lg"
    ),
    Column("worth", pgettext_lazy("money", "Value"), order="worth", value=_brought("worth"), number=True, wide="lg"),
]


@require_GET
@staff_required
def results(request: StaffRequest) -> HttpResponseBase:
    now = timezone.now()
    listing = Listing(
        request,
        with_results(SeedUser.objects.visible_to(request.user).select_related("member"), now=now),
        columns=RESULT_COLUMNS,
        filters=filters_of(request.user),
        search=lambda seeds, text: seeds.filter(member__in=Member.objects.matching(text).values("pk")),
        sort="-brought",
    )
    if listing.export:
        return listing.export_response("seed-results")
    for seed in listing.rows:
        seed.worth = round(seed.worth)  # type: ignore[attr-defined]
    context = {
        "listing": listing,
        "likenesses": likenesses(user=request.user),
        "spans": before_and_after(user=request.user, now=now),
        "tab": "results",
    }
    return render(request, "console/members/seeds/results.html", context)
