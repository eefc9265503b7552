"""The library in the console: pieces and the question bank."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from campaigns.content.forms import PieceForm
from campaigns.content.lengths import lengths
from campaigns.content.listing import TAGS_OFFERED, piece_listing
from campaigns.content.models import ContentTag, Level, Piece, PieceKind, PieceState
from campaigns.content.series_views import may_set_up_questions
from campaigns.content.services import StalePiece, piece_create, piece_set_state, piece_update
from campaigns.content.usage import deliveries_of, usage_of
from campaigns.content.variables import PERSONAL_VARIABLES, group_values, personal_values
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from community_ops.lib.variables import filled
from delivery.models import State
from delivery.services import Content, picture_create
from groups.bulk.lists import selectable
from groups.models import Group
from members.models import Member

# Fields of the form that services know by their numbers.
FIELDS = {"branch_id": "branch", "picture_id": "picture"}
GROUPS_OFFERED = 50
SHOWN_POSTS = 10

USE_COLUMNS: list[Column[Any]] = [
    Column("due", gettext_lazy("Time"), order="due_at", value=lambda row: row.settled_at or row.due_at),
    Column("group", gettext_lazy("Group"), order="group_name", value=lambda row: row.group_name),
    Column("title", gettext_lazy("Title"), value=lambda row: row.message.title, wide="md"),
    Column("state", gettext_lazy("State"), order="state", value=lambda row: row.get_state_display()),
]


@require_GET
@staff_required
def pieces(request: StaffRequest) -> HttpResponseBase:
    listing = piece_listing(request)
    if listing.export:
        return listing.export_response("content")
    return render(request, "console/campaigns/content/pieces.html", {"listing": listing, "tab": "pieces"})


@require_GET
@staff_required
def questions(request: StaffRequest) -> HttpResponseBase:
    """The question bank: how many of either level, and how many of them are fresh."""
    listing = piece_listing(request, questions=True)
    if listing.export:
        return listing.export_response("questions")
    ready = Piece.objects.visible_to(request.user).ready().filter(kind=PieceKind.QUESTION)
    levels = [(level, ready.filter(level=level).count()) for level in Level]
    context = {
        "listing": listing,
        "tab": "questions",
        "levels": levels,
        "may_set_up": may_set_up_questions(request.user),
    }
    return render(request, "console/campaigns/content/questions.html", context)


selectable("piece", "campaigns:pieces", piece_listing, "campaigns:piece")


@require_GET
@staff_required
def piece(request: StaffRequest, pk: int) -> HttpResponseBase:
    """A piece and where it was used."""
    found = _visible(request, pk)
    listing = Listing(
        request,
        deliveries_of(found, request.user),
        columns=USE_COLUMNS,
        sort="-due",
        filters=(Filter("state", gettext_lazy("State"), State.choices, lambda rows, value: rows.filter(state=value)),),
        id="uses",
        page_size=20,
    )
    if listing.export:
        return listing.export_response(f"content-{found.pk}")
    posts = found.posts.visible_to(request.user).order_by("-pk")
    context = {
        "piece": found,
        "listing": listing,
        "usage": usage_of(found, request.user),
        "may_change": found.may_be_changed_by(request.user),
        "posts": posts[:SHOWN_POSTS],
        "running": posts.open().count(),
        "series": [row.series for row in found.listed_in.select_related("series") if row.series.retired_at is None],
    }
    return render(request, "console/campaigns/content/piece.html", context)


@require_http_methods(["GET", "POST"])
@writer_required
def piece_new(request: StaffRequest) -> HttpResponse:
    kind = request.GET.get("kind", "")
    initial = {"kind": kind} if kind in PieceKind.values else {}
    source = _asked(request, request.GET.get("from", ""))
    if source:
        names = ("kind", "title", "text", "link", "link_title", "value", "level")
        initial = {name: getattr(source, name) for name in names}
        initial["tags"] = ", ".join(tag.name for tag in source.tags.all())
        initial["picture_token"] = source.picture.token if source.picture else ""
    return _form(request, None, initial)


@require_http_methods(["GET", "POST"])
@writer_required
def piece_edit(request: StaffRequest, pk: int) -> HttpResponse:
    return _form(request, _changeable(request, pk), {})


def _form(request: StaffRequest, found: Piece | None, initial: dict[str, Any]) -> HttpResponse:
    user = request.user
    context: dict[str, Any] = {"piece": found}
    status = 200
    if request.method == "POST":
        status = 422
        data = request.POST.copy()
        upload_problem = _take_upload(request, data)
        form = PieceForm(data, user=user, piece=found)
        if form.is_valid() and not upload_problem:
            try:
                saved = _save(request, form, found)
            except ValidationError as error:
                if hasattr(error, "error_dict"):
                    error = ValidationError({FIELDS.get(name, name): e for name, e in error.error_dict.items()})
                add_errors(form, error)
            except StalePiece as error:
                data["version"] = str(error.piece.version)
                form.data = data
                context["current"] = error.piece
                status = 409
            else:
                toast(request, _("“%(title)s” is saved.") % {"title": saved.title})
                return redirect("campaigns:piece", saved.pk)
        if upload_problem:
            form.add_error("picture", upload_problem)
    else:
        form = PieceForm(user=user, piece=found, initial=initial)
    names = ContentTag.objects.visible_to(user).values_list("name", flat=True)
    values = {name: str(form[name].value() or "") for name in ("title", "text", "link", "link_title")}
    context |= {
        "form": form,
        "variables": [(f"{{{name}}}", words) for name, words in PERSONAL_VARIABLES.items()],
        "known_tags": names.distinct()[:TAGS_OFFERED],
        "preview_groups": Group.objects.visible_to(user).postable().order_by("name", "pk")[:GROUPS_OFFERED],
        **_preview(request, values),
    }
    return render(request, "console/campaigns/content/piece_form.html", context, status=status)


def _take_upload(request: StaffRequest, data: QueryDict) -> ValidationError | None:
    """Takes in a picture that came along and names it in `data`; answers with why it cannot be taken."""
    file = request.FILES.get("picture")
    if file is None:
        return None
    try:
        taken = picture_create(file=cast(BinaryIO, file), branch_id=request.user.branch_id, now=timezone.now())
    except ValidationError as error:
        return error
    data["picture_token"] = taken.token
    data.pop("picture_remove", None)
    return None


def _save(request: StaffRequest, form: PieceForm, found: Piece | None) -> Piece:
    user, now = request.user, timezone.now()
    picture = None if form.cleaned_data["picture_remove"] else form.shown_picture
    branch = form.cleaned_data.get("branch")
    if found is None:
        return piece_create(by=user, now=now, picture=picture, tags=form.tag_names(), branch=branch, **form.values())
    changes = {**form.values(), "picture_id": picture.pk if picture else None}
    if "branch" in form.fields:
        changes["branch_id"] = branch.pk if branch else None
    return piece_update(
        by=user, now=now, piece=found, version=form.cleaned_data["version"] or 0, tags=form.tag_names(), **changes
    )


@require_POST
@writer_required
def piece_preview(request: StaffRequest) -> HttpResponse:
    """What is being written as a group or one of its members would read it, and its length: a part of the form."""
    names = ("title", "text", "link", "link_title")
    values = {name: request.POST.get(name, "").replace("\x00", "")[:5000] for name in names}
    return render(request, "console/campaigns/content/preview.html", _preview(request, values))


def _preview(request: StaffRequest, values: dict[str, str]) -> dict[str, Any]:
    user, now = request.user, timezone.now()
    asked = {name: request.POST.get(name, "").replace("\x00", "").strip()[:120] for name in ("as_group", "as_member")}
    groups = Group.objects.visible_to(user).postable().order_by("name", "pk")
    group = groups.matching(asked["as_group"]).first()
    member = None
    text = values["title"] + values["text"]
    meanings: dict[str, str] = {}
    if group:
        members = Member.objects.visible_to(user).filter(memberships__group=group, memberships__left_at=None)
        member = members.matching(asked["as_member"]).order_by("name", "pk").first() if "{name}" in text else None
        meanings = personal_values(member, group, now, text) if member else group_values(group, now, text)
    said = {name: filled(value.replace("\r\n", "\n"), meanings) for name, value in values.items()}
    return {
        "said": said,
        "as_group": group,
        "as_member": member,
        "to_one_person": "{name}" in text,
        "lengths": lengths(Content(said["title"], said["text"], said["link"], said["link_title"])),
    }


@require_POST
@writer_required
def piece_state(request: StaffRequest, pk: int, state: str) -> HttpResponse:
    """Retires a piece, or puts it back."""
    found = _changeable(request, pk)
    if piece_set_state(by=request.user, now=timezone.now(), piece=found, state=state):
        if state == PieceState.RETIRED:
            text = _("“%(title)s” is retired: no series draws it any more.") % {"title": found.title}
            toast(request, text, undo_url=reverse("campaigns:piece_restore", args=[found.pk]))
        else:
            toast(request, _("“%(title)s” can be used again.") % {"title": found.title})
    else:
        warn(request, _("Nothing was changed: it is so already."))
    return redirect("campaigns:piece", found.pk)


def _asked(request: StaffRequest, pk: str) -> Piece | None:
    known = pk.isascii() and pk.isdigit() and len(pk) < 19
    return Piece.objects.visible_to(request.user).filter(pk=int(pk)).first() if known else None


def _visible(request: StaffRequest, pk: int) -> Piece:
    rows = Piece.objects.visible_to(request.user).select_related("branch", "picture", "created_by")
    return get_object_or_404(rows.prefetch_related("tags"), pk=pk)


def _changeable(request: StaffRequest, pk: int) -> Piece:
    found = _visible(request, pk)
    if not found.may_be_changed_by(request.user):
        raise PermissionDenied
    return found
