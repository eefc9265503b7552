"""Activities on a member's phone: what comes, one's place, and what one thought of it. Without a script."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns.activities.calendar_file import calendar_file
from campaigns.activities.codes import activity_of_code, activity_of_ticket, ticket_for
from campaigns.activities.models import Activity, ActivityReview, Decided, SignUp, SignUpState
from campaigns.activities.selectors import PAST_SHOWN, is_open_to_reviews, notices_of, seen_by
from campaigns.activities.services import attended_mark, review_write, signup_cancel, signup_make
from campaigns.activities.services.reviewing import review_until
from campaigns.activities.texts import moment_words, page_of, when_words
from community_ops.lib.unlisted import unlisted
from members.consent.asking import asked_first
from members.consent.services import has_agreed
from members.models import Member
from members.visitors.http import Visit, for_members, for_visitors

STARS_SHOWN = (5, 4, 3, 2, 1)


@require_GET
@for_members
def activities(request: HttpRequest, visit: Visit) -> HttpResponse:
    now = timezone.now()
    shown = Activity.objects.filter(groups=visit.group).announced().with_counts()
    coming = shown.filter(ends_at__gt=now).order_by("starts_at", "pk")
    past = shown.filter(ends_at__lte=now, decided=Decided.OPEN).order_by("-ends_at", "pk")[:PAST_SHOWN]
    seen = seen_by([*coming, *past], member=visit.member, now=now)
    context = {
        "visit": visit,
        "group": visit.group,
        "notices": notices_of(member=visit.member, now=now, group_id=visit.group.pk),
        "coming": [(one, when_words(one.activity)) for one in seen if one.state != "over"],
        "past": [(one, when_words(one.activity)) for one in seen if one.state == "over"],
    }
    return render(request, "member/campaigns/activities.html", context)


@require_GET
@for_members
def activity(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    return _page(request, visit, _shown(visit, pk))


@require_POST
@for_members
def sign_up(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    row = _shown(visit, pk)
    answers = [request.POST.get(f"answer_{number}", "") for number, _question in enumerate(row.questions)]
    try:
        signup_make(now=timezone.now(), activity=row, member=visit.member, group=visit.group, answers=answers)
    except ValidationError as error:
        return _page(request, visit, row, 422, problem=error.messages[0], answers=answers)
    return redirect("member:activity", visit.group.page_token, row.pk)


@require_POST
@for_members
def give_back(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    row = _shown(visit, pk)
    signup = get_object_or_404(SignUp, activity=row, member=visit.member)
    try:
        signup_cancel(now=timezone.now(), signup=signup)
    except ValidationError as error:
        return _page(request, visit, row, 422, problem=error.messages[0])
    return redirect("member:activity", visit.group.page_token, row.pk)


@require_POST
@for_members
def review(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    row = _shown(visit, pk)
    asked, text = request.POST.get("stars", ""), request.POST.get("text", "")
    stars = int(asked) if asked.isascii() and asked.isdigit() and len(asked) == 1 else 0
    try:
        review_write(now=timezone.now(), activity=row, member=visit.member, stars=stars, text=text)
    except ValidationError as error:
        typed = {"stars": stars, "text": text}
        return _page(request, visit, row, 422, review_problem=error.messages[0], typed=typed)
    return redirect(f"{request.path.removesuffix('review/')}#review")


@require_GET
@for_members
def calendar(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    """The activity for the calendar of the phone."""
    row = _shown(visit, pk)
    text = calendar_file(row, address=page_of(row, visit.group), now=timezone.now())
    response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="activity-{row.pk}.ics"'
    return response


def _shown(visit: Visit, pk: int) -> Activity:
    """An activity of the visitor's group that members know of."""
    known = Activity.objects.filter(groups=visit.group).announced().exclude(starts_at=None).with_counts()
    return get_object_or_404(known.select_related("picture"), pk=pk)


def _page(request: HttpRequest, visit: Visit, row: Activity, status: int = 200, **more: Any) -> HttpResponse:
    now = timezone.now()
    if status != 200:
        # What was refused may have been decided by somebody else meanwhile.
        row = _shown(visit, row.pk)
    seen = seen_by([row], member=visit.member, now=now)[0]
    written = ActivityReview.objects.filter(activity=row, member=visit.member).first()
    until = review_until(activity=row, review=written)
    given = more.pop("answers", [])
    context = {
        "visit": visit,
        "group": visit.group,
        "activity": row,
        "seen": seen,
        "when": when_words(row),
        "opens": moment_words(row.opens_at, row) if row.opens_at and now < row.opens_at else "",
        "closes": moment_words(row.signup_ends_at, row) if row.signup_ends_at else "",
        "takes_signups": row.takes_signups(now),
        "may_give_back": seen.mine in (SignUpState.GOING, SignUpState.WAITING) and _is_ahead(row),
        "notices": notices_of(member=visit.member, now=now, activity=row),
        "questions": [
            (text, given[number] if number < len(given) else "") for number, text in enumerate(row.questions)
        ],
        "answered": list(zip(row.questions, seen.signup.answers, strict=False)) if seen.signup and seen.mine else [],
        "review": written,
        "may_review": is_open_to_reviews(seen, now) and until is not None and now < until,
        "stars_shown": STARS_SHOWN,
        "typed": {"stars": written.stars, "text": written.text} if written else {"stars": 0, "text": ""},
        **more,
    }
    return render(request, "member/campaigns/activity.html", context, status=status)


def _is_ahead(row: Activity) -> bool:
    return row.decided == Decided.OPEN and row.starts_at is not None and timezone.now() < row.starts_at


@require_http_methods(["GET", "POST"])
@for_visitors
def attend(request: HttpRequest, member: Member, code: str) -> HttpResponse:
    """Where the code at the door leads: one button, and one is marked. A code that was passed on is old by then."""
    now = timezone.now()
    if not has_agreed(member):
        return asked_first(request)
    pk = activity_of_code(code, now)
    if pk is None and request.method == "POST":
        pk = activity_of_ticket(request.POST.get("ticket", ""), member.pk, now)
    row = Activity.objects.filter(pk=pk, decided=Decided.OPEN).first() if pk else None
    if row is None:
        head = _("This code is not good any more")
        return _at_the_door(request, 404, head=head, text=_("It changes every minute. Scan the one that is shown now."))
    group = row.groups.filter(memberships__in=member.memberships.present()).order_by("pk").first()
    if group is None:
        text = _("It is for members of its groups. Ask the staff at the door.")
        return _at_the_door(request, 403, activity=row, head=_("You are not in a group of this activity"), text=text)
    if request.method == "GET":
        marked = SignUp.objects.filter(activity=row, member=member, state=SignUpState.ATTENDED).exists()
        ticket = "" if marked else ticket_for(row.pk, member.pk, now)
        return _at_the_door(request, 200, activity=row, group=group, ticket=ticket, is_marked=marked)
    try:
        attended_mark(now=now, activity=row, member=member)
    except ValidationError as error:
        text = _("Ask the staff at the door.")
        return _at_the_door(request, 409, activity=row, group=group, head=error.messages[0], text=text)
    return _at_the_door(request, 200, activity=row, group=group, is_marked=True)


def _at_the_door(request: HttpRequest, status: int, **context: Any) -> HttpResponse:
    return unlisted(render(request, "member/campaigns/attend.html", context, status=status))
