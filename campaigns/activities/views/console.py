"""Activities in the console: the list, and one with the people, attendance and reviews."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from campaigns.activities.forms import CancelForm
from campaigns.activities.models import (
    Activity,
    ActivityKind,
    ActivityReview,
    ActivityState,
    Decided,
    SignUp,
    SignUpState,
)
from campaigns.activities.selectors import summary_of
from campaigns.activities.services import EARLY, activity_cancel, activity_open, activity_repeat
from campaigns.activities.texts import moment_words, when_words
from campaigns.activities.views.reach import activity_changeable, activity_visible
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.choices import group_choices
from groups.models import Group

TABS = ("people", "attendance", "review")
NAMES_SHOWN = 10


@require_GET
@staff_required
def activity_list(request: StaffRequest) -> HttpResponseBase:
    now, user = timezone.now(), request.user
    columns: list[Column[Any]] = [
        Column("title", pgettext_lazy("campaign", "Activity"), order="title", value=lambda row: row.title),
        Column("kind", gettext_lazy("Kind"), order="kind", value=lambda row: row.get_kind_display(), wide="lg"),
        Column(
            "starts",
            pgettext_lazy("activity", "Begins"),
            order="starts_at",
            value=lambda row: row.starts_at,
            nullable=True,
        ),
        Column("state", gettext_lazy("State"), value=lambda row: row.state_at(now, row.taken).label),
        Column("taken", gettext_lazy("Signed up"), order="taken", value=lambda row: row.taken, number=True),
        Column("capacity", gettext_lazy("Places"), value=lambda row: row.capacity, number=True, shown=False),
        Column(
            "waiting",
            gettext_lazy("Waiting"),
            order="waiting",
            value=lambda row: row.waiting,
            number=True,
            wide="lg",
        ),
        Column(
            "came", pgettext_lazy("activity", "Came"), order="came", value=lambda row: row.came, number=True, wide="md"
        ),
        Column("place", pgettext_lazy("activity", "Place"), value=lambda row: row.place, shown=False),
    ]
    listing = Listing(
        request,
        Activity.objects.visible_to(user).with_counts(),
        columns=columns,
        filters=[
            Filter(
                "state",
                gettext_lazy("State"),
                ActivityState.choices,
                lambda rows, value: rows.in_state(value, now),  # type: ignore[attr-defined]
            ),
            Filter("kind", gettext_lazy("Kind"), ActivityKind.choices, lambda rows, value: rows.filter(kind=value)),
            Filter(
                "group",
                gettext_lazy("Group"),
                group_choices(user, request.GET.get("group", "")),
                lambda rows, value: rows.of_groups(Group.objects.filter(pk=value)),  # type: ignore[attr-defined]
            ),
        ],
        search=lambda rows, text: rows.matching(text),  # type: ignore[attr-defined]
        sort="-starts",
        id="activities",
    )
    if listing.export:
        return listing.export_response("activities")
    rows = [(row, row.state_at(now, row.taken)) for row in listing.rows]
    return render(request, "console/campaigns/activities/list.html", {"listing": listing, "rows": rows})


@require_GET
@staff_required
def activity_detail(request: StaffRequest, pk: int) -> HttpResponseBase:
    activity, now, user = activity_visible(request, pk), timezone.now(), request.user
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else TABS[0]
    signups = SignUp.objects.visible_to(user).filter(activity=activity).select_related("member", "group")
    listing = _people(request, activity, signups) if tab != "review" else None
    if listing is not None and listing.export:
        return listing.export_response(f"activity-{activity.pk}")
    if listing is not None:
        for row in listing.rows:
            # One for each question, also where somebody was not asked it.
            row.shown = [*row.answers, *[""] * len(activity.questions)][: len(activity.questions)]  # type: ignore[attr-defined]
    state = activity.state_at(now, activity.taken)  # type: ignore[attr-defined]
    groups = list(Group.objects.visible_to(user).filter(activities=activity).order_by("name", "pk"))
    context = {
        "activity": activity,
        "state": state,
        "tab": tab,
        "listing": listing,
        "groups": groups,
        "more_groups": activity.groups.count() - len(groups),
        "summary": summary_of(activity, user=user),
        "when": when_words(activity),
        "opens": moment_words(activity.opens_at, activity) if activity.opens_at else "",
        "closes": moment_words(activity.signup_ends_at, activity) if activity.signup_ends_at else "",
        "reminders": list(activity.reminders.order_by("due_at")),
        "may_change": activity.may_be_changed_by(user),
        "is_door_open": activity.decided == Decided.OPEN and activity.starts_at and now >= activity.starts_at - EARLY,
        "is_ahead": activity.starts_at is not None and now < activity.starts_at,
        "next_week": Activity.objects.visible_to(user).filter(follows=activity).first(),
        "here": request.get_full_path(),
        "now": now,
    }
    if tab == "review":
        reviews = ActivityReview.objects.visible_to(user).filter(activity=activity)
        context["reviews"] = list(reviews.select_related("member").order_by("-created_at", "-pk")[:200])
    return render(request, "console/campaigns/activities/detail.html", context)


def _people(request: StaffRequest, activity: Activity, signups: QuerySet[SignUp]) -> Listing[SignUp]:
    def answer(number: int) -> Any:
        return lambda row: row.answers[number] if number < len(row.answers) else ""

    columns: list[Column[Any]] = [
        Column("member", gettext_lazy("Member"), order="member__name", value=lambda row: row.member.name),
        Column("group", gettext_lazy("Group"), order="group__name", value=lambda row: row.group or "", wide="md"),
        Column("state", gettext_lazy("State"), order="state", value=lambda row: row.get_state_display()),
        Column("signed", gettext_lazy("Signed up"), order="signed_at", value=lambda row: row.signed_at, wide="sm"),
        Column(
            "came",
            pgettext_lazy("sign-up", "Came"),
            order="attended_at",
            value=lambda row: row.attended_at,
            nullable=True,
            wide="lg",
        ),
        *(
            Column(f"answer_{number}", question, value=answer(number), wide="xl")
            for number, question in enumerate(activity.questions)
        ),
        Column("walk_in", gettext_lazy("Walk-in"), value=lambda row: _("yes") if row.is_walk_in else "", shown=False),
    ]
    return Listing(
        request,
        signups,
        columns=columns,
        filters=[
            Filter("state", gettext_lazy("State"), SignUpState.choices, lambda rows, value: rows.filter(state=value))
        ],
        search=lambda rows, text: rows.matching(text),  # type: ignore[attr-defined]
        sort="signed",
        id="people",
    )


@require_POST
@writer_required
def activity_publish(request: StaffRequest, pk: int) -> HttpResponse:
    activity = activity_changeable(request, pk)
    try:
        announce = request.POST.get("announce") == "1"
        told = activity_open(by=request.user, now=timezone.now(), activity=activity, announce=announce)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
    else:
        toast(
            request,
            _("It is open, and %(count)d groups are told.") % {"count": told}
            if told
            else _("It is open: members see it on the page of their group."),
        )
    return redirect("campaigns:activity", activity.pk)


@require_http_methods(["GET", "POST"])
@writer_required
def activity_call_off(request: StaffRequest, pk: int) -> HttpResponse:
    """Shows whom it concerns before it is called off."""
    activity = activity_changeable(request, pk)
    form = CancelForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        if activity_cancel(by=request.user, now=timezone.now(), activity=activity, reason=reason):
            toast(request, _("“%(title)s” is cancelled.") % {"title": activity.title})
        else:
            warn(request, _("It was cancelled before, or is over."))
        return redirect("campaigns:activity", activity.pk)
    standing = SignUp.objects.filter(activity=activity, state__in=[SignUpState.GOING, SignUpState.WAITING])
    groups = Group.objects.visible_to(request.user).filter(activities=activity).order_by("name", "pk")
    context = {
        "activity": activity,
        "form": form,
        "when": when_words(activity),
        "count": standing.count(),
        "people": list(standing.select_related("member").order_by("signed_at", "pk")[:NAMES_SHOWN]),
        "groups": list(groups),
        "is_draft": activity.decided == Decided.DRAFT,
    }
    status = 422 if form.is_bound else 200
    return render(request, "console/campaigns/activities/cancel.html", context, status=status)


@require_POST
@writer_required
def activity_again(request: StaffRequest, pk: int) -> HttpResponse:
    """The same again next week, with one press."""
    activity = activity_changeable(request, pk)
    try:
        copy, is_new = activity_repeat(by=request.user, now=timezone.now(), activity=activity)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
        return redirect("campaigns:activity", activity.pk)
    if is_new:
        toast(request, _("Planned again: %(when)s") % {"when": when_words(copy)})
    else:
        warn(request, _("It was planned again before: this is that one."))
    return redirect("campaigns:activity", copy.pk)


def tab_url(activity: Activity, tab: str) -> str:
    return f"{reverse('campaigns:activity', args=[activity.pk])}?tab={tab}"
