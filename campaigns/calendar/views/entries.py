"""One occurrence, as the panel of the calendar and as a page: what it says to whom, and what can be done with it."""

from __future__ import annotations

from dataclasses import asdict
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
from campaigns.calendar.days import instant_from
from campaigns.calendar.forms import WordsForm
from campaigns.calendar.reading import as_read, groups_of
from campaigns.calendar.selectors import COUNTS, deliveries_of, entry_of, occurrences_visible_to
from campaigns.models import Occurrence
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
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast, warn
from delivery.models import State

SALT = "campaigns.calendar.put_back"
# Whoever reloads a page a day later finds no Undo on it; the address of one is worth nothing then.
UNDO_FOR = 24 * 3600


@require_GET
@staff_required
def entry(request: StaffRequest, pk: int) -> HttpResponse:
    occurrence = _visible(request, pk)
    return _panel(request, occurrence)


def _panel(request: StaffRequest, occurrence: Occurrence, **more: Any) -> HttpResponse:
    counts = deliveries_of(request.user, occurrence).aggregate(**COUNTS)
    may_change = occurrence.post.may_be_changed_by(request.user)
    groups = groups_of(request.user, occurrence)
    asked = request.GET.get("group", "")
    group = next((item for item in groups.shown if str(item.pk) == asked), groups.shown[0] if groups.shown else None)
    context = {
        "occurrence": occurrence,
        "post": occurrence.post,
        "entry": entry_of(occurrence, counts, may_change),
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
            "entry": entry_of(occurrence, deliveries_of(request.user, occurrence).aggregate(**COUNTS), True),
            "to": timezone.localtime(at),
            "is_past": at <= timezone.now(),
            "back": _back(request, occurrence),
        }
        part = "move_part" if request.htmx else "move"
        return render(request, f"console/campaigns/calendar/{part}.html", context)
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
    counts = deliveries_of(request.user, occurrence).aggregate(**COUNTS)
    context = {
        "occurrence": occurrence,
        "post": occurrence.post,
        "entry": entry_of(occurrence, counts, True),
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


def _back(request: StaffRequest, occurrence: Occurrence) -> str:
    """Where to go on: the calendar that the person came from, or the page of this occurrence."""
    here = request.htmx.current_url_abs_path if request.htmx else ""
    return next_address(request, here or reverse("campaigns:calendar_entry", args=[occurrence.pk]))


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
