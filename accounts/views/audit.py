"""Who changed what: the whole trail for administrators, and the history of one thing for those who may see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, role_required, staff_required
from accounts.history import (
    action_words,
    changes_in_a_line,
    changes_of,
    known_actions,
    known_subjects,
    may_read_about,
    pages_of,
    subject_name,
    subject_words,
    way_in_words,
)
from accounts.models import AuditEntry, Role, User
from community_ops.lib.lists import Column, Filter, Listing

SYSTEM = "system"
HISTORY_SHOWN = 20
WAYS = [
    ("page", _("Console")),
    ("token", _("API")),
    ("command", _("Command")),
    ("task", _("Background work")),
]
PERIODS = [("1", _("Last 24 hours")), ("7", _("Last 7 days")), ("30", _("Last 30 days")), ("90", _("Last 90 days"))]


def who(entry: AuditEntry) -> str:
    """Who acted: the name as it is now, or as it was kept."""
    return str(entry.actor) if entry.actor else entry.actor_name


COLUMNS: list[Column[AuditEntry]] = [
    Column("at", pgettext_lazy("history", "When"), order="at", value=lambda entry: entry.at),
    Column("who", _("Who"), order="actor_name", value=who),
    Column("action", _("What was done"), order="action", value=lambda entry: action_words(entry.action)),
    Column("kind", _("Kind"), value=lambda entry: subject_words(entry.subject_type), shown=False),
    Column("subject", _("To what"), order="subject_name", value=subject_name),
    Column("changes", _("Before → after"), value=changes_in_a_line, wide="md"),
    Column("via", _("Way in"), value=lambda entry: way_in_words(entry.via), wide="lg"),
    Column("address", _("Address"), value=lambda entry: entry.address or "", shown=False),
]


def search(entries: QuerySet[AuditEntry], text: str) -> QuerySet[AuditEntry]:
    """Entries that name `text`, or whose act is called so in the reader's language."""
    acts = [action for action, words in known_actions().items() if text.lower() in str(words).lower()]
    return entries.filter(
        Q(pk__in=AuditEntry.objects.matching(text).values("pk"))
        | Q(action__in=acts)
        | Q(actor_id__in=User.objects.matching(text).values("pk"))
    )


def filters(user: User, now: datetime) -> list[Filter[AuditEntry]]:
    def by(entries: QuerySet[AuditEntry], value: str) -> QuerySet[AuditEntry]:
        return entries.filter(actor=None) if value == SYSTEM else entries.filter(actor_id=int(value))

    def since(entries: QuerySet[AuditEntry], value: str) -> QuerySet[AuditEntry]:
        return entries.filter(at__gt=now - timedelta(days=int(value)))

    people = [(str(person.pk), str(person)) for person in User.objects.visible_to(user).order_by("username")]
    return [
        Filter("by", _("Who"), [*people, (SYSTEM, _("the system"))], by),
        Filter(
            "kind",
            _("Kind"),
            [(kind, subject.label) for kind, subject in known_subjects().items()],
            lambda entries, value: entries.filter(subject_type=value),
        ),
        Filter(
            "action",
            _("What was done"),
            list(known_actions().items()),
            lambda entries, value: entries.filter(action=value),
        ),
        Filter("since", _("When"), PERIODS, since),
        Filter("via", _("Way in"), WAYS, lambda entries, value: entries.filter(via__startswith=value)),
    ]


@require_GET
@role_required(Role.ADMIN)
def audit(request: StaffRequest) -> HttpResponseBase:
    listing = Listing(
        request,
        AuditEntry.objects.visible_to(request.user).select_related("actor"),
        columns=COLUMNS,
        filters=filters(request.user, timezone.now()),
        search=search,
        sort="-at",
    )
    if listing.export:
        return listing.export_response("audit")
    return render(request, "console/accounts/audit.html", {"listing": listing, "lines": _lines(request, listing.rows)})


@require_GET
@staff_required
def history(request: StaffRequest) -> HttpResponse:
    """The latest changes of one thing, as `?subject=groups.group:12`: a part of its page."""
    kind, _colon, number = request.GET.get("subject", "").partition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise Http404
    if not may_read_about(request.user, kind, int(number)):
        raise Http404
    entries = AuditEntry.objects.about(kind, int(number)).select_related("actor")
    rows = list(entries[: HISTORY_SHOWN + 1])
    context = {"lines": _lines(request, rows[:HISTORY_SHOWN]), "more": len(rows) > HISTORY_SHOWN}
    return render(request, "console/accounts/history.html", context)


def _lines(request: StaffRequest, entries: Sequence[AuditEntry]) -> list[dict[str, object]]:
    """The entries with everything in words."""
    pages = pages_of(entries, request.user)
    return [
        {
            "entry": entry,
            "who": who(entry),
            "words": action_words(entry.action),
            "kind": subject_words(entry.subject_type),
            "name": subject_name(entry),
            "page": pages.get((entry.subject_type, entry.subject_id or 0), ""),
            "changes": changes_of(entry),
            "via": way_in_words(entry.via),
        }
        for entry in entries
    ]
