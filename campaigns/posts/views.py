"""Posts in the console."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Any, BinaryIO, cast
from urllib.parse import quote

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Min, Prefetch, Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from accounts.models import User
from campaigns.deliveries.lists import delivery_listing
from campaigns.posts.audience import audience_words
from campaigns.posts.checking import check_of
from campaigns.posts.conflicts import Conflict, conflicts
from campaigns.posts.forms import RECIPIENTS, SOURCES, PostForm, ScheduleForm, held_by
from campaigns.posts.models import Post, PostState
from campaigns.posts.selectors import deliveries_visible_to
from campaigns.posts.services import (
    LONGEST_BODY,
    StalePost,
    filling_of,
    not_permitted,
    post_create,
    post_pause,
    post_resume,
    post_split,
    post_stop,
    post_update,
)
from campaigns.posts.words import schedule_words
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from delivery.models import Delivery, State
from delivery.services import NOT_BEGUN, picture_create
from groups.choices import groups_to_post_to
from groups.models import Group, Permission
from groups.roles.permissions import may

PREVIEWED = 5
PICKED = ("groups", "without")
# The fields of the form that services know under another name.
FIELDS = {"at": "clock", "start": "day", "rrule": "repeat", "timezone": "zone", "slots": "more"}
CONFLICTS_AHEAD = 7  # days

COLUMNS: list[Column[Any]] = [
    Column("title", gettext_lazy("Title"), order="title", value=lambda post: post.title),
    Column("state", gettext_lazy("State"), order="state", value=lambda post: post.get_state_display(), wide="sm"),
    Column("schedule", gettext_lazy("Schedule"), value=schedule_words, wide="md"),
    Column("next", gettext_lazy("Next time"), order="next_at", value=lambda post: post.next_at, nullable=True),
    Column(
        "groups",
        gettext_lazy("Groups"),
        order="groups_count",
        value=lambda post: post.groups_count,
        number=True,
        wide="sm",
    ),
    Column(
        "author",
        gettext_lazy("Written by"),
        order="created_by__username",
        value=lambda post: post.created_by or "",
        wide="lg",
        nullable=True,
    ),
    Column("created", gettext_lazy("Written"), order="created_at", value=lambda post: post.created_at, wide="lg"),
]


@require_GET
@staff_required
def post_list(request: StaffRequest) -> HttpResponseBase:
    now = timezone.now()
    coming = Q(occurrences__due_at__gt=now, state=PostState.ACTIVE)
    in_reach = Q() if request.user.is_headquarters else Q(groups__branch_id=request.user.branch_id)
    posts = Post.objects.visible_to(request.user).select_related("created_by")
    posts = posts.annotate(
        next_at=Min("occurrences__due_at", filter=coming), groups_count=Count("groups", filter=in_reach, distinct=True)
    )
    listing = Listing(
        request,
        posts,
        columns=COLUMNS,
        filters=_filters(),
        search=lambda found, text: found.matching(text),  # type: ignore[attr-defined]
        sort="-created",
        id="posts",
    )
    if listing.export:
        return listing.export_response("posts")
    return render(request, "console/campaigns/posts.html", {"listing": listing, "words": schedule_words})


def _saying(posts: QuerySet[Any], value: str) -> QuerySet[Any]:
    if value == "own":
        return posts.filter(piece=None, series=None)
    return posts.exclude(piece=None) if value == "piece" else posts.exclude(series=None)


def _filters() -> list[Filter[Any]]:
    return [
        Filter("state", gettext_lazy("State"), PostState.choices, lambda posts, value: posts.filter(state=value)),
        Filter(
            "repeats",
            gettext_lazy("How often"),
            [("once", gettext_lazy("Once")), ("again", gettext_lazy("Again and again"))],
            lambda posts, value: posts.filter(rrule="", scene="") if value == "once" else posts.filter(at=None),
        ),
        Filter(
            "says",
            gettext_lazy("What is said"),
            SOURCES,
            _saying,
        ),
        Filter(
            "to",
            gettext_lazy("Who gets it"),
            RECIPIENTS,
            lambda posts, value: posts.filter(audience__isnull=value == "groups"),
        ),
    ]


@require_http_methods(["GET", "POST"])
@writer_required
def post_new(request: StaffRequest) -> HttpResponse:
    """Plans a post, for the group it was asked from, or as a copy of another."""
    now = timezone.now()
    source = _asked(Post.objects.visible_to(request.user), request.GET.get("from", ""))
    group = _asked(Group.objects.visible_to(request.user), request.GET.get("group", ""))
    if group and not may(request.user, Permission.POST, group):
        warn(request, str(not_permitted([group.name]).message))
        return redirect("groups:detail", group.pk)
    # Other pages suggest what to say; nothing is planned before somebody sends the form.
    suggested = {name: request.GET[name][:LONGEST_BODY] for name in ("title", "body") if request.GET.get(name)}
    initial = _initial(now, source, group, request.user) | suggested
    data, upload_problem = _typed(request)
    form = PostForm(data, user=request.user, now=now, initial=initial)
    if upload_problem:
        form.add_error("picture", upload_problem)
    if form.is_valid() and form.schedule:
        recipients: dict[str, Any] = (
            {"audience": form.audience} if form.by_audience else {"groups": list(form.cleaned_data["groups"])}
        )
        try:
            post = post_create(by=request.user, now=now, **_values(form), **recipients)
        except ValidationError as error:
            _add_errors(form, error)
        else:
            toast(request, _("“%(title)s” is planned.") % {"title": post.title})
            return redirect("campaigns:post", post.pk)
    context = {"form": form, "group": group, "pickers": _pickers(form, request.user)}
    return render(request, "console/campaigns/post_form.html", context, status=422 if form.is_bound else 200)


def _typed(request: StaffRequest) -> tuple[QueryDict | None, ValidationError | None]:
    """What was typed, with a picture that came along taken in and named, so that it is not lost when the rest is not
    right yet; and why the picture cannot be taken."""
    if request.method != "POST":
        return None, None
    data = request.POST.copy()
    file = request.FILES.get("picture")
    if file is not None:
        try:
            taken = picture_create(file=cast(BinaryIO, file), branch_id=request.user.branch_id, now=timezone.now())
        except ValidationError as error:
            return data, error
        data["picture_token"] = taken.token
        data.pop("picture_remove", None)
    return data, None


def _values(form: PostForm) -> dict[str, Any]:
    """What a valid form says, as services take it."""
    data = form.cleaned_data
    assert form.schedule is not None
    values = {name: data[name] for name in ("title", "body", "missed", "late_minutes")}
    if "keeps_limits" in data:
        values["keeps_limits"] = data["keeps_limits"]
    return {**values, "schedule": form.schedule, "source": form.said()}


def _asked(rows: QuerySet[Any], pk: str) -> Any:
    return rows.filter(pk=int(pk)).first() if pk.isascii() and pk.isdigit() and len(pk) < 19 else None


def _initial(now: datetime, source: Post | None, group: Group | None, user: User) -> dict[str, Any]:
    # The next full hour: a time that is right as it stands, and easy to change.
    soon = timezone.localtime(now + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    initial: dict[str, Any] = {"day": soon.date(), "clock": soon.time()}
    if source:
        reached = source.groups.filter(pk__in=Group.objects.visible_to(user).postable().values("pk"))
        held = held_by(source)
        del held["version"]
        initial |= {**held, "groups": list(reached.values_list("pk", flat=True))}
    elif group:
        initial["groups"] = [group.pk]
    return initial


def _pickers(form: PostForm, user: User) -> dict[str, Any]:
    """The groups to choose from, by field. Exceptions are few, so they are looked for only when somebody asks."""
    pickers: dict[str, Any] = {}
    for name in PICKED:
        if name not in form.fields:
            continue
        chosen = form.chosen(name)
        picker = {"name": name, "chosen": chosen, "is_required": name == "groups"}
        if picker["is_required"]:
            picker["found"], picker["more"] = groups_to_post_to(user, "", {group.pk for group in chosen})
        pickers[name] = picker
    return pickers


@require_GET
@writer_required
def post_groups(request: StaffRequest) -> HttpResponse:
    """The groups that a search finds, without those that are ticked already."""
    text = request.GET.get("find", "").replace("\x00", "").strip()[:120]
    name = request.GET.get("for", "")
    name = name if name in PICKED else PICKED[0]
    taken = {int(pk) for pk in request.GET.getlist(name) if pk.isascii() and pk.isdigit() and len(pk) < 19}
    found, more = groups_to_post_to(request.user, text, taken)
    context = {"name": name, "found": found, "more": more, "text": text}
    return render(request, "console/campaigns/post_groups.html", context)


@require_GET
@writer_required
def post_times(request: StaffRequest) -> HttpResponse:
    """The next times of a schedule as it is being chosen."""
    now = timezone.now()
    post = _asked(Post.objects.visible_to(request.user), request.GET.get("post", ""))
    form = ScheduleForm(request.GET, now=now, user=request.user, post=post)
    times = list(islice(form.schedule.times(now), PREVIEWED)) if form.is_valid() and form.schedule else []
    problems = [message for messages in form.errors.values() for message in messages]
    return render(
        request, "console/campaigns/post_times.html", {"times": times, "problems": problems, "zone": form.zone_name}
    )


@require_POST
@writer_required
def post_check(request: StaffRequest) -> HttpResponse:
    """What a post would do as it is being written: to whom and when it goes, what it says then, what stands against it.
    Nothing is kept."""
    now = timezone.now()
    post = _asked(Post.objects.visible_to(request.user), request.POST.get("post", ""))
    form = PostForm(request.POST, user=request.user, now=now, post=post)
    form.is_valid()
    return render(request, "console/campaigns/post_check.html", check_of(form, user=request.user, now=now))


@require_GET
@staff_required
def post_detail(request: StaffRequest, pk: int) -> HttpResponseBase:
    post = _visible(request, pk)
    rows = deliveries_visible_to(request.user).filter(post_id=post.pk)
    counts = _counts(rows)
    # A post that has begun shows what left, latest first; a new one shows what is planned.
    has_begun = any(state != State.PLANNED for state, _label, _count in counts)
    if has_begun and not request.GET.get("state") and not request.GET.get("when"):
        rows = rows.exclude(state=State.PLANNED)
    listing = delivery_listing(request, rows, of_post=True, default_sort="-due" if has_begun else "due")
    if listing.export:
        return listing.export_response("deliveries")
    now = timezone.now()
    context = {
        "post": post,
        "words": schedule_words(post),
        "next_times": post.occurrences.coming(now).select_related("piece")[:PREVIEWED],
        "audience": audience_words(post.audience) if post.audience is not None else [],
        "conflicts": _conflicts_of(post, request.user, now) if post.state == PostState.ACTIVE else [],
        "may_change": post.is_open and post.may_be_changed_by(request.user),
        "out_of_reach": request.user.may_write and post.is_out_of_reach_of(request.user),
        "refused": post.refused_groups(request.user) if request.user.may_write else [],
        "listing": listing,
        "counts": counts,
        "filling": filling_of(post=post, now=now),
    }
    return render(request, "console/campaigns/post.html", context)


@require_GET
@staff_required
def post_planning(request: StaffRequest, pk: int) -> HttpResponse:
    """How far the planning of its deliveries has come: a part of its page."""
    post = _visible(request, pk)
    context = {"post": post, "filling": filling_of(post=post, now=timezone.now())}
    return render(request, "console/campaigns/post_planning.html", context)


def _conflicts_of(post: Post, user: User, now: datetime) -> list[Conflict]:
    found = conflicts(user=user, start=now, end=now + timedelta(days=CONFLICTS_AHEAD), now=now)
    return [conflict for conflict in found if post.pk in conflict.posts][:PREVIEWED]


def _counts(rows: QuerySet[Delivery]) -> list[tuple[str, Any, int]]:
    """(state, its name, how many), for the states that occur."""
    found = dict(rows.order_by().values_list("state").annotate(n=Count("pk")))
    return [(state.value, state.label, found[state.value]) for state in State if state.value in found]


@require_http_methods(["GET", "POST"])
@writer_required
def post_edit(request: StaffRequest, pk: int) -> HttpResponse:
    post = _changeable(request, pk)
    if not post.is_open:
        warn(request, _("This post is over and cannot be changed any more."))
        return redirect("campaigns:post", post.pk)
    now = timezone.now()
    following = _asked(post.occurrences.coming(now), request.GET.get("from", "")) if post.rrule else None
    data, upload_problem = _typed(request)
    initial = {}
    if following:
        initial = {"day": datetime.fromisoformat(following.local).date()}
    form = PostForm(data, user=request.user, now=now, post=post, initial=initial)
    if upload_problem:
        form.add_error("picture", upload_problem)
    status = 422 if form.is_bound else 200
    stands = None
    if form.is_valid() and form.schedule:
        changes = {**_values(form), "audience": form.audience, "version": form.cleaned_data["version"]}
        if not form.by_audience:
            changes["groups"] = list(form.cleaned_data["groups"]) if following else form.goes_to()
        try:
            if following:
                saved = post_split(by=request.user, now=now, occurrence=following, **changes)
            else:
                saved = post_update(by=request.user, now=now, post=post, **changes)
        except StalePost as stale:
            # What was typed stays. Sent again, it is meant: the form now knows the other change.
            stands, status = stale.post, 409
            assert data is not None
            data["version"] = str(stale.post.version)
        except ValidationError as error:
            _add_errors(form, error)
        else:
            toast(request, _("The post is saved. What is planned goes out as it says now."))
            return redirect("campaigns:post", saved.pk)
    context = {"form": form, "post": post, "following": following, "stands": stands}
    context["pickers"] = _pickers(form, request.user)
    return render(request, "console/campaigns/post_form.html", context, status=status)


@require_POST
@writer_required
def post_hold(request: StaffRequest, pk: int) -> HttpResponse:
    post = _changeable(request, pk)
    if post_pause(by=request.user, now=timezone.now(), post=post):
        text = _("“%(title)s” is paused: nothing of it goes out.") % {"title": post.title}
        undo_url = f"{reverse('campaigns:post_resume', args=[post.pk])}?next={quote(_back(request, post))}"
        toast(request, text, undo_url=undo_url)
    else:
        warn(request, _("This post is not running."))
    return redirect(_back(request, post))


@require_POST
@writer_required
def post_continue(request: StaffRequest, pk: int) -> HttpResponse:
    post = _changeable(request, pk)
    try:
        if post_resume(by=request.user, now=timezone.now(), post=post):
            toast(request, _("“%(title)s” runs again.") % {"title": post.title})
        else:
            warn(request, _("This post is not paused."))
    except ValidationError as error:
        warn(request, " ".join(error.messages))
    return redirect(_back(request, post))


@require_http_methods(["GET", "POST"])
@writer_required
def post_end(request: StaffRequest, pk: int) -> HttpResponse:
    """Shows what stopping would cancel; stops when it is sent."""
    post = _changeable(request, pk)
    if request.method == "POST":
        if post_stop(by=request.user, now=timezone.now(), post=post):
            toast(request, _("“%(title)s” is stopped.") % {"title": post.title})
        else:
            warn(request, _("This post is over already."))
        return redirect(_back(request, post))
    affected = deliveries_visible_to(request.user).filter(NOT_BEGUN, post_id=post.pk).order_by("due_at", "pk")
    names = dict(Group.objects.visible_to(request.user).filter(posts=post).values_list("pk", "name"))
    context = {
        "post": post,
        "count": affected.count(),
        "groups_count": len(names),
        "first": [(names.get(row.group_id, row.group_ref), row.due_at) for row in affected[:PREVIEWED]],
        "back": _back(request, post),
    }
    return render(request, "console/campaigns/post_stop.html", context)


def _back(request: StaffRequest, post: Post) -> str:
    """Where a person goes on after pausing or stopping: where they came from, else the page of the post."""
    return next_address(request, reverse("campaigns:post", args=[post.pk]))


def _visible(request: StaffRequest, pk: int) -> Post:
    in_reach = Group.objects.visible_to(request.user).order_by("name", "pk")
    posts = Post.objects.visible_to(request.user).select_related("created_by", "series", "follows", "message__picture")
    return get_object_or_404(posts.prefetch_related(Prefetch("groups", queryset=in_reach)), pk=pk)


def _changeable(request: StaffRequest, pk: int) -> Post:
    post = _visible(request, pk)
    if not post.may_be_changed_by(request.user):
        raise PermissionDenied
    return post


def _add_errors(form: PostForm, error: ValidationError) -> None:
    if hasattr(error, "error_dict"):
        error = ValidationError({FIELDS.get(name, name): found for name, found in error.error_dict.items()})
    add_errors(form, error)
