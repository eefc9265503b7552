"""Check-ins on a member's phone: one button, the days so far, what is still to be earned."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from campaigns.checkins.counting import check_in
from campaigns.checkins.forms import ProofForm
from campaigns.checkins.making_up import has_cards, make_up
from campaigns.checkins.models import CheckIn, CheckInProgramme
from campaigns.checkins.selectors import aim_of, board_of, month_of, own_of, programmes_of_group, stands
from campaigns.checkins.views.pictures import picture_response
from community_ops.lib.lists import day_of
from members.visitors.http import Visit, for_members


@require_GET
@for_members
def programmes(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The programmes of a group; where there is one only, that one."""
    now = timezone.now()
    found = list(programmes_of_group(visit.group, now))
    if len(found) == 1:
        return redirect("member:check_in", visit.group.page_token, found[0].pk)
    done = dict(
        CheckIn.objects.filter(programme__in=found, member=visit.member)
        .exclude(state="rejected")
        .order_by("day")
        .values_list("programme_id", "day")
    )
    rows = [(programme, state := stands(programme, now), done.get(programme.pk) == state.day) for programme in found]
    return render(request, "member/campaigns/check_ins.html", {"visit": visit, "group": visit.group, "rows": rows})


@require_http_methods(["GET", "POST"])
@for_members
def programme(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    """A programme: the button, and everything the member has reached. A POST checks in."""
    now = timezone.now()
    found = _programme(visit, pk, now)
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    form = ProofForm(*posted, programme=found)
    if form.is_valid():
        try:
            check_in(
                now=now,
                programme=found,
                member=visit.member,
                group=visit.group,
                text=form.cleaned_data.get("text", ""),
                picture=form.cleaned_data.get("picture"),
            )
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            return redirect(f"{reverse('member:check_in', args=[visit.group.page_token, pk])}?done=1")
    return _page(request, visit, found, now, form)


@require_POST
@for_members
def card_use(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    """Makes a missed day up."""
    now = timezone.now()
    found = _programme(visit, pk, now)
    day = day_of(request.POST.get("day", ""))
    if day is None:
        raise Http404
    try:
        make_up(now=now, programme=found, member=visit.member, group=visit.group, day=day)
    except ValidationError as error:
        return _page(request, visit, found, now, ProofForm(programme=found), problems=error.messages)
    return redirect(f"{reverse('member:check_in', args=[visit.group.page_token, pk])}?made_up=1")


@require_safe
@for_members
def picture(request: HttpRequest, visit: Visit, pk: int, check_in: int) -> HttpResponse:
    """The picture of the member's own proof."""
    return picture_response(get_object_or_404(CheckIn, pk=check_in, programme_id=pk, member=visit.member))


def _programme(visit: Visit, pk: int, now: datetime) -> CheckInProgramme:
    return get_object_or_404(programmes_of_group(visit.group, now), pk=pk)


def _page(
    request: HttpRequest,
    visit: Visit,
    programme: CheckInProgramme,
    now: datetime,
    form: ProofForm,
    problems: list[str] | None = None,
) -> HttpResponse:
    own = own_of(programme, visit.member, visit.group, now)
    today = programme.calendar.local_day(now)
    month = (day_of(f"{request.GET.get('month', '')[:7]}-01") or today).replace(day=1)
    before = (month - timedelta(days=1)).replace(day=1)
    after = (month + timedelta(days=32)).replace(day=1)
    context: dict[str, Any] = {
        "visit": visit,
        "group": visit.group,
        "programme": programme,
        "own": own,
        "form": form,
        "problems": problems or [],
        "today": today,
        "weekdays": [(WEEKDAYS_ABBR[number], WEEKDAYS[number]) for number in range(7)],
        "month": month,
        "weeks": month_of(programme, visit.member, month, now, own.to_make_up),
        "before": before if before >= _month_of(programme.first_day) else None,
        "after": after if after <= today else None,
        "aim": aim_of(programme, visit.group, now, own.now.day or today),
        "board": board_of(programme, visit.group, visit.member, now),
        "has_cards": has_cards(programme),
        "is_fresh": request.GET.get("done") == "1" and own.is_done,
        "is_made_up": request.GET.get("made_up") == "1",
    }
    status = 422 if problems or form.errors else 200
    return render(request, "member/campaigns/check_in.html", context, status=status)


def _month_of(day: date) -> date:
    return day.replace(day=1)
