"""The board of seed users, the list beside it, and one seed user with what can be done."""

from __future__ import annotations

from copy import copy
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from accounts.models import Branch, User
from accounts.policies import policy_get
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from members.models import Member, SeedMove, SeedProfile, SeedStage, SeedUser
from members.seeds.criteria import SeedPolicy, explain
from members.seeds.forms import SeedForm
from members.seeds.invitation import invitation_words
from members.seeds.querysets import SeedUserQuerySet
from members.seeds.selectors import board_columns, cards_of, column_cards
from members.seeds.services import (
    MOVES,
    MovedMeanwhile,
    StaleSeed,
    seed_move,
    seed_move_undo,
    seed_update,
    seed_version,
)
from members.seeds.services.pipeline import INVITE_TASK
from members.work.models import StaffTask

COMMUNITY = "community"
MINE, NOBODYS = "me", "none"


def programmes(user: User) -> list[tuple[str, Any]]:
    """The programmes that headquarters may choose between; a branch has its own only."""
    if not user.is_headquarters:
        return []
    branches = [(str(pk), name) for pk, name in Branch.objects.values_list("pk", "name")]
    return [(COMMUNITY, gettext_lazy("Whole community")), *branches]


def filters_of(user: User) -> list[Filter[SeedUser]]:
    def of_programme(seeds: QuerySet[SeedUser], value: str) -> QuerySet[SeedUser]:
        return seeds.filter(branch=None) if value == COMMUNITY else seeds.filter(branch_id=value)

    def of_owner(seeds: QuerySet[SeedUser], value: str) -> QuerySet[SeedUser]:
        return seeds.filter(owner=user if value == MINE else None)

    filters: list[Filter[SeedUser]] = [
        Filter(
            "owner",
            pgettext_lazy("seed user", "Looked after by"),
            [(MINE, gettext_lazy("Me")), (NOBODYS, gettext_lazy("Nobody yet"))],
            of_owner,
        )
    ]
    if choices := programmes(user):
        filters.insert(0, Filter("programme", gettext_lazy("Programme"), choices, of_programme))
    return filters


COLUMNS: list[Column[SeedUser]] = [
    Column("name", gettext_lazy("Name"), order="member__name", value=lambda seed: seed.member.name),
    Column("external_id", gettext_lazy("Id in other systems"), value=lambda seed: seed.member.external_id, shown=False),
    Column("stage", gettext_lazy("Stage"), order="stage", value=lambda seed: seed.get_stage_display()),
    Column("since", gettext_lazy("Since"), order="stage_since", value=lambda seed: seed.stage_since, wide="md"),
    Column(
        "score",
        gettext_lazy("Score"),
        order="member__seed_profile__score",
        value=lambda seed: seed.member.seed_profile.score if hasattr(seed.member, "seed_profile") else None,
        number=True,
        nullable=True,
    ),
    Column(
        "group", gettext_lazy("Acts in"), order="group__name", value=lambda seed: seed.group, nullable=True, wide="lg"
    ),
    Column(
        "owner",
        pgettext_lazy("seed user", "Looked after by"),
        order="owner__username",
        value=lambda seed: seed.owner,
        nullable=True,
        wide="md",
    ),
    Column("next", gettext_lazy("Next step"), value=lambda seed: seed.next_step, wide="xl"),
]


def _board(request: StaffRequest, status: int = 200) -> HttpResponse:
    policy = policy_get(SeedPolicy)
    seeds, listing = _filtered(request)
    columns = board_columns(seeds=seeds, policy=policy, now=timezone.now())
    context = {"columns": columns, "listing": listing, "tab": "board", "empty": not any(item.count for item in columns)}
    return render(request, "console/members/seeds/board.html", context, status=status)


def _filtered(request: StaffRequest) -> tuple[SeedUserQuerySet, Listing[SeedUser]]:
    """The seed users of the board, narrowed by the same search and filters as the list."""
    listing = Listing(
        request,
        SeedUser.objects.visible_to(request.user),
        columns=COLUMNS,
        filters=filters_of(request.user),
        search=lambda seeds, text: seeds.filter(member__in=Member.objects.matching(text).values("pk")),
        sort="-since",
        id="board",
    )
    seeds = listing.queryset
    assert isinstance(seeds, SeedUserQuerySet)
    return seeds, listing


@require_GET
@staff_required
def board(request: StaffRequest) -> HttpResponse:
    return _board(request)


@require_GET
@staff_required
def column(request: StaffRequest, stage: str) -> HttpResponse:
    """More cards of one stage: a part of the board."""
    if stage not in SeedStage.values:
        raise Http404
    asked = request.GET.get("page", "")
    page = int(asked) if asked.isdecimal() and len(asked) < 6 and int(asked) else 1
    seeds, _listing = _filtered(request)
    cards, more = column_cards(seeds=seeds, stage=stage, policy=policy_get(SeedPolicy), page=page)
    context = {"stage": stage, "cards": cards, "more": more, "next_page": page + 1}
    return render(request, "console/members/seeds/cards.html", context)


@require_GET
@staff_required
def seed_list(request: StaffRequest) -> HttpResponseBase:
    listing = Listing(
        request,
        SeedUser.objects.visible_to(request.user).on_board(),
        columns=COLUMNS,
        filters=[
            *filters_of(request.user),
            Filter("stage", gettext_lazy("Stage"), SeedStage.choices, lambda seeds, value: seeds.filter(stage=value)),
        ],
        search=lambda seeds, text: seeds.filter(member__in=Member.objects.matching(text).values("pk")),
        sort="-since",
    )
    if listing.export:
        return listing.export_response("seed-users")
    return render(request, "console/members/seeds/list.html", {"listing": listing, "tab": "list"})


def visible(request: StaffRequest, pk: int) -> SeedUser:
    return get_object_or_404(SeedUser.objects.visible_to(request.user).on_board(), pk=pk)


def _detail(request: StaffRequest, seed: SeedUser, *, status: int = 200, **more: Any) -> HttpResponse:
    policy = policy_get(SeedPolicy)
    profile = SeedProfile.objects.filter(member=seed.member_id).select_related("reported_by").first()
    moves = list(seed.moves.select_related("by")[:100])
    context = {
        "seed": seed,
        "profile": profile,
        "policy": policy,
        "explanation": explain(profile, policy) if profile else None,
        "ways": [(way.value, way.label) for way in MOVES[seed.stage]],
        "words": invitation_words(seed, policy),
        "moves": [(SeedStage(move.from_stage).label if move.from_stage else "", move) for move in moves],
        "task": StaffTask.objects.open().filter(kind=INVITE_TASK, subject_id=seed.pk).first(),
        "form": SeedForm(user=request.user, seed=seed),
        "tab": "",
        **more,
    }
    return render(request, "console/members/seeds/detail.html", context, status=status)


@require_GET
@staff_required
def detail(request: StaffRequest, pk: int) -> HttpResponse:
    return _detail(request, visible(request, pk))


@require_POST
@writer_required
def move(request: StaffRequest, pk: int) -> HttpResponse:
    """Moves a card. Where that cannot be, the page it came from is shown again and says why."""
    seed = visible(request, pk)
    note = request.POST.get("note", "")
    from_board = request.POST.get("from") == "board"

    def again(status: int, **more: Any) -> HttpResponse:
        if from_board:
            return _board(_as_asked(request), status)
        return _detail(request, visible(request, pk), status=status, **more)

    try:
        made = seed_move(
            by=request.user,
            now=timezone.now(),
            seed=seed,
            to=request.POST.get("to", ""),
            expected=request.POST.get("stage", ""),
            note=note[:500],
        )
    except MovedMeanwhile as conflict:
        warn(request, _moved_words(conflict))
        return again(409, note=note)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
        return again(422, note=note)
    toast(
        request,
        _("%(name)s: %(stage)s.") % {"name": seed.member, "stage": seed.get_stage_display()},
        undo_url=reverse("members:seed_undo", args=[seed.pk, made.pk]),
    )
    return redirect(next_address(request, reverse("members:seed", args=[seed.pk])))


def _as_asked(request: StaffRequest) -> StaffRequest:
    """The request for the board from which a card was moved, with its search and filters."""
    shown = copy(request)
    shown.path = reverse("members:seeds")
    shown.GET = QueryDict(urlsplit(next_address(request, "")).query)
    return shown


def _moved_words(conflict: MovedMeanwhile) -> str:
    """Where the card is now, and who put it there."""
    last = conflict.last_move
    words = {"name": conflict.seed.member, "stage": conflict.seed.get_stage_display()}
    if last is None or last.by is None:
        return _("%(name)s was moved meanwhile and is now: %(stage)s. Nothing was changed.") % words
    words["person"] = last.by
    return _("%(person)s moved %(name)s meanwhile; now: %(stage)s. Nothing was changed.") % words


@require_POST
@writer_required
def undo(request: StaffRequest, pk: int, move_pk: int) -> HttpResponse:
    seed = visible(request, pk)
    made = get_object_or_404(SeedMove.objects.filter(seed=seed), pk=move_pk)
    try:
        seed_move_undo(by=request.user, now=timezone.now(), seed=seed, move=made)
    except MovedMeanwhile as conflict:
        warn(request, _moved_words(conflict))
        return _detail(request, visible(request, pk), status=409)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
        return _detail(request, visible(request, pk), status=422)
    toast(request, _("%(name)s is back: %(stage)s.") % {"name": seed.member, "stage": seed.get_stage_display()})
    return redirect("members:seeds")


@require_POST
@writer_required
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    seed = visible(request, pk)
    form = SeedForm(request.POST, user=request.user, seed=seed)
    if not form.is_valid():
        return _detail(request, seed, status=422, form=form)
    try:
        seed_update(
            by=request.user, now=timezone.now(), seed=seed, changes=form.values(), version=form.cleaned_data["version"]
        )
    except StaleSeed as conflict:
        # What was typed stays. Sent again, it is meant: the form now knows the other change.
        data = request.POST.copy()
        data["version"] = seed_version(conflict.seed)
        form.data = data
        warn(request, _("Somebody changed this meanwhile. What you typed is still here; save again to keep it."))
        return _detail(request, visible(request, pk), status=409, form=form, stale=conflict.seed)
    except ValidationError as error:
        for message in error.messages:
            form.add_error("group", message)
        return _detail(request, visible(request, pk), status=422, form=form)
    toast(request, _("%(name)s is saved.") % {"name": seed.member})
    return redirect("members:seed", seed.pk)


@require_GET
@staff_required
def of_member(request: StaffRequest, pk: int) -> HttpResponse:
    """What the member's page says of them as a seed user."""
    member = get_object_or_404(Member.objects.visible_to(request.user), pk=pk)
    policy = policy_get(SeedPolicy)
    profile = SeedProfile.objects.filter(member=member).first()
    seeds = SeedUser.objects.visible_to(request.user).filter(member=member).on_board().order_by("-created_at")
    context = {
        "member": member,
        "profile": profile,
        "explanation": explain(profile, policy) if profile else None,
        "cards": cards_of(list(seeds), policy),
        "placed": any(seed.ended_at is None for seed in seeds),
        "brought": Member.objects.filter(invited_by=member).count(),
    }
    return render(request, "console/members/seeds/of_member.html", context)
