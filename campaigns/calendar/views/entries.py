"""One occurrence, as the panel of the calendar and as a page: what it says to whom, and what can be done with it."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.core import signing
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from accounts.models import User
from campaigns.calendar.days import By, View, Window, instant_from
from campaigns.calendar.forms import WordsForm
from campaigns.calendar.reading import as_read, groups_of
from campaigns.calendar.selectors import (
    COUNTS,
    Entry,
    conflicts_by_occurrence,
    conflicts_of_move,
    deliveries_of,
    entry_of,
    occurrences_visible_to,
)
from campaigns.models import Occurrence
from campaigns.posts.following import schedule_from_here, schedule_moved
from campaigns.posts.occurrences import (
    Standing,
    occurrence_cancel,
    occurrence_move,
    occurrence_put_back,
    occurrence_restore,
    occurrence_reword,
    occurrence_send_now,
    standing,
    words_of,
)
from campaigns.posts.recurrence import localize
from campaigns.posts.services import Schedule, Source, StalePost, post_split
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast, warn
from delivery.models import State

FOLLOWING = "following"
SALT = "campaigns.calendar.put_back"
# Whoever reloads a page a day later finds no Undo on it; the address of one is worth nothing then.
UNDO_FOR = 24 * 3600


@require_GET
@staff_required
def entry(request: StaffRequest, pk: int) -> HttpResponse:
    occurrence = _visible(request, pk)
    return _panel(request, occurrence)


def _panel(request: StaffRequest, occurrence: Occurrence, **more: Any) -> HttpResponse:
    counts = _counts(request.user, occurrence)
    may_change = occurrence.post.may_be_changed_by(request.user)
    groups = groups_of(request.user, occurrence)
    asked = request.GET.get("group", "")
    group = next((item for item in groups.shown if str(item.pk) == asked), groups.shown[0] if groups.shown else None)
    context = {
        "occurrence": occurrence,
        "post": occurrence.post,
        "entry": replace(_entry(occurrence, counts, may_change), conflicts=_conflicts(request.user, occurrence)),
        "zone": timezone.get_default_timezone_name(),
        "was": _by_schedule(occurrence),
        "states": _states(request.user, occurrence),
        "counts": counts,
        "groups": groups,
        "group": group,
        "message": as_read(occurrence, group),
        "may_change": may_change,
        "to_come": counts["total"] - counts["begun"],
        "back": _back(request, occurrence),
        **more,
    }
    part = "panel" if request.htmx else "entry"
    return render(request, f"console/campaigns/calendar/{part}.html", context)


@require_http_methods(["GET", "POST"])
@writer_required
def entry_move(request: StaffRequest, pk: int) -> HttpResponse:
    """Shows what another time would change; moves when it is sent."""
    occurrence = _changeable(request, pk)
    asked = request.POST if request.method == "POST" else request.GET
    at = instant_from(asked.get("to", "") or f"{asked.get('day', '')}T{asked.get('clock', '')}"[:16])
    if at is None:
        warn(request, _("Choose a day and a time."))
        return redirect(_back(request, occurrence))
    if request.method == "GET":
        context = {
            "occurrence": occurrence,
            "post": occurrence.post,
            "zone": timezone.get_default_timezone_name(),
            "entry": _entry(occurrence, _counts(request.user, occurrence), True),
            "to": timezone.localtime(at),
            "is_past": at <= timezone.now(),
            "may_follow": schedule_moved(occurrence, at) is not None,
            "conflicts": conflicts_of_move(user=request.user, occurrence=occurrence, at=at),
            "back": _back(request, occurrence),
        }
        part = "move_part" if request.htmx else "move"
        return render(request, f"console/campaigns/calendar/{part}.html", context)
    if asked.get("scope") == FOLLOWING:
        return _split(request, occurrence, schedule_moved(occurrence, at))
    before = standing(occurrence)
    try:
        moved = occurrence_move(
            by=request.user,
            now=timezone.now(),
            occurrence=occurrence,
            at=at,
            seen_at=_seen(asked.get("seen", "")) or occurrence.due_at,
        )
    except ValidationError as error:
        return _refused(request, occurrence, error)
    text = _("“%(title)s” goes out on %(time)s.") % {"title": words_of(moved).title, "time": local_words(at)}
    toast(request, text, undo_url=_undo_url(request, moved, before))
    return redirect(_back(request, moved))


@require_http_methods(["GET", "POST"])
@writer_required
def entry_edit(request: StaffRequest, pk: int) -> HttpResponse:
    """Other words for this one time."""
    occurrence = _changeable(request, pk)
    words = words_of(occurrence)
    form = WordsForm(
        request.POST or None,
        initial={
            "title": words.title,
            "text": words.text,
            "link": words.link,
            "link_title": words.link_title,
            "seen": words.pk,
        },
    )
    may_follow = schedule_from_here(occurrence) is not None and occurrence.post.series_id is None
    if form.is_valid() and may_follow and request.POST.get("scope") == FOLLOWING:
        data = form.cleaned_data
        said = {"title": data["title"], "body": data["text"], "source": _own_source(occurrence, data)}
        return _split(request, occurrence, schedule_from_here(occurrence), **said)
    if form.is_valid():
        before = standing(occurrence)
        data = form.cleaned_data
        try:
            reworded = occurrence_reword(
                by=request.user,
                now=timezone.now(),
                occurrence=occurrence,
                title=data["title"],
                text=data["text"],
                link=data["link"],
                link_title=data["link_title"],
                seen_message_id=data["seen"],
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(
                request,
                _("Saved for this one time; the others stay as they are."),
                undo_url=_undo_url(request, reworded, before),
            )
            return redirect(_back(request, reworded))
    context = {
        "form": form,
        "may_follow": may_follow,
        "occurrence": occurrence,
        "post": occurrence.post,
        "zone": timezone.get_default_timezone_name(),
        "back": _back(request, occurrence),
    }
    status = 422 if form.is_bound else 200
    return render(request, "console/campaigns/calendar/edit.html", context, status=status)


@require_http_methods(["GET", "POST"])
@writer_required
def entry_send(request: StaffRequest, pk: int) -> HttpResponse:
    """Shows to whom it would go at once; sends when it is confirmed."""
    occurrence = _changeable(request, pk)
    if request.method == "POST":
        try:
            occurrence_send_now(by=request.user, now=timezone.now(), occurrence=occurrence)
        except ValidationError as error:
            return _refused(request, occurrence, error)
        toast(request, _("It is on its way."))
        return redirect(_back(request, occurrence))
    counts = _counts(request.user, occurrence)
    context = {
        "occurrence": occurrence,
        "post": occurrence.post,
        "entry": _entry(occurrence, counts, True),
        "groups": groups_of(request.user, occurrence),
        "back": _back(request, occurrence),
    }
    part = "send_part" if request.htmx else "send"
    return render(request, f"console/campaigns/calendar/{part}.html", context)


@require_POST
@writer_required
def entry_call_off(request: StaffRequest, pk: int) -> HttpResponse:
    occurrence = _changeable(request, pk)
    try:
        occurrence_cancel(by=request.user, now=timezone.now(), occurrence=occurrence)
    except ValidationError as error:
        return _refused(request, occurrence, error)
    text = _("“%(title)s” on %(time)s is called off.") % {
        "title": words_of(occurrence).title,
        "time": local_words(occurrence.due_at),
    }
    undo_url = reverse("campaigns:calendar_restore", args=[pk]) + f"?next={quote(_back(request, occurrence))}"
    toast(request, text, undo_url=undo_url)
    return redirect(_back(request, occurrence))


@require_POST
@writer_required
def entry_restore(request: StaffRequest, pk: int) -> HttpResponse:
    occurrence = _changeable(request, pk)
    try:
        occurrence_restore(by=request.user, now=timezone.now(), occurrence=occurrence)
    except ValidationError as error:
        return _refused(request, occurrence, error)
    toast(request, _("“%(title)s” goes out after all.") % {"title": words_of(occurrence).title})
    return redirect(_back(request, occurrence))


@require_POST
@writer_required
def entry_put_back(request: StaffRequest, pk: int, token: str) -> HttpResponse:
    """Undo of a move or of other words. The token says how it stood, and only this product can have written it."""
    occurrence = _changeable(request, pk)
    try:
        told = signing.loads(token, salt=SALT, max_age=UNDO_FOR)
    except signing.BadSignature as error:
        raise Http404 from error
    if told["pk"] != pk:
        raise Http404
    try:
        occurrence_put_back(
            by=request.user,
            now=timezone.now(),
            occurrence=occurrence,
            before=_standing_from(told["before"]),
            after=_standing_from(told["after"]),
        )
    except ValidationError as error:
        return _refused(request, occurrence, error)
    toast(request, _("It stands as it did before."))
    return redirect(_back(request, occurrence))


def _conflicts(user: User, occurrence: Occurrence) -> tuple[str, ...]:
    day = timezone.localdate(occurrence.due_at)
    found = conflicts_by_occurrence(user=user, window=Window(View.DAY, By.HOURS, day, day, day), now=timezone.now())
    return found.get(occurrence.pk, ())


def _entry(occurrence: Occurrence, counts: dict[str, int], may_change: bool) -> Entry:
    return entry_of(occurrence, occurrence.message.title if occurrence.message else None, counts, may_change)


def _counts(user: User, occurrence: Occurrence) -> dict[str, int]:
    return deliveries_of(user, occurrence).aggregate(**COUNTS)


def _states(user: User, occurrence: Occurrence) -> list[tuple[Any, int]]:
    """How many of its deliveries are in which state."""
    rows = deliveries_of(user, occurrence).order_by().values_list("state").annotate(n=Count("pk"))
    found = dict(rows)
    return [(state.label, found[state.value]) for state in State if state.value in found]


def _by_schedule(occurrence: Occurrence) -> str:
    """When it would go out had nobody moved it."""
    local = datetime.fromisoformat(occurrence.local)
    return local_words(localize(local, ZoneInfo(occurrence.post.timezone)))


def local_words(at: datetime) -> str:
    """A time of the calendar in words: "Tue 3 Mar 2026 09:00"."""
    local = timezone.localtime(at)
    return f"{formats.date_format(local, pgettext('date format with weekday', 'D j M Y'))} {local:%H:%M}"


def _split(request: StaffRequest, occurrence: Occurrence, schedule: Schedule | None, **words: Any) -> HttpResponse:
    """Changes this one and all that follow: from here on another post takes over."""
    post = occurrence.post
    if schedule is None:
        warn(request, _("The rule of this post cannot be changed like that from one time on. Edit the post."))
        return redirect(_back(request, occurrence))
    changes = {"title": post.title, "body": post.body, "version": post.version, **words}
    try:
        made = post_split(
            by=request.user,
            now=timezone.now(),
            occurrence=occurrence,
            schedule=schedule,
            missed=post.missed,
            late_minutes=post.late_minutes,
            **changes,
        )
    except StalePost:
        warn(request, _("Somebody changed it meanwhile. Nothing was done: look at it as it is now."))
    except ValidationError as error:
        return _refused(request, occurrence, error)
    else:
        toast(request, _("“%(title)s” goes out as you chose from here on.") % {"title": made.title})
    return redirect(_back(request, occurrence, gone=True))


def _own_source(occurrence: Occurrence, data: dict[str, Any]) -> Source:
    words = words_of(occurrence)
    return Source(link=data["link"], link_title=data["link_title"], picture=words.picture, value=words.value)


def _undo_url(request: StaffRequest, occurrence: Occurrence, before: Standing) -> str:
    told = {"pk": occurrence.pk, "before": _told(before), "after": _told(standing(occurrence))}
    url = reverse("campaigns:calendar_put_back", args=[occurrence.pk, signing.dumps(told, salt=SALT, compress=True)])
    return f"{url}?next={quote(_back(request, occurrence))}"


def _told(stands: Standing) -> dict[str, Any]:
    return asdict(stands) | {"due_at": stands.due_at.isoformat()}


def _standing_from(told: dict[str, Any]) -> Standing:
    return Standing(datetime.fromisoformat(told["due_at"]), told["message_id"], told["by_hand"])


def _seen(text: str) -> datetime | None:
    try:
        seen = datetime.fromisoformat(text)
    except ValueError:
        return None
    return seen if seen.tzinfo else None


def _refused(request: StaffRequest, occurrence: Occurrence, error: ValidationError) -> HttpResponse:
    warn(request, " ".join(error.messages))
    return redirect(_back(request, occurrence))


def _back(request: StaffRequest, occurrence: Occurrence, *, gone: bool = False) -> str:
    """Where to go on: the calendar that the person came from, or the page of this occurrence unless it is gone."""
    here = request.htmx.current_url_abs_path if request.htmx else ""
    page = reverse("campaigns:calendar_entry", args=[occurrence.pk])
    if gone:
        page = f"{reverse('campaigns:calendar')}?day={timezone.localdate(occurrence.due_at)}"
    address = next_address(request, here or page)
    return page if gone and f"/calendar/{occurrence.pk}/" in address else address


def _visible(request: StaffRequest, pk: int) -> Occurrence:
    rows = occurrences_visible_to(request.user).select_related(
        "post__message__picture", "post__series", "message__picture", "piece"
    )
    return get_object_or_404(rows, pk=pk)


def _changeable(request: StaffRequest, pk: int) -> Occurrence:
    occurrence = _visible(request, pk)
    if not occurrence.post.may_be_changed_by(request.user):
        raise PermissionDenied
    return occurrence
