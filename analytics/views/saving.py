"""Keeping the members behind a number of a report as a segment."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import StaffRequest, writer_required
from analytics.channels.views import asked_people as channel_people
from analytics.forms import is_number
from analytics.health.views import asked_people as branch_people
from analytics.pages.people import Behind
from analytics.views.console import REPORTS, asked_people
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast
from members.forms import NamedForm
from members.models import Member
from members.segments.services import MOST_LISTED, segment_of_members

LONGEST_NAME = 60


@require_http_methods(["GET", "POST"])
@writer_required
def people_save(request: StaffRequest) -> HttpResponse:
    """The address is that of the page of members, which says whom; the form gives them a name."""
    now, user = timezone.now(), request.user
    label, page, found, behind = _asked(request, now)
    # What was searched for on the page of members narrows what is kept.
    matching = Member.objects.current().matching(request.GET.get("q", "").strip())
    members = behind.filter(pk__in=matching.values("pk"))
    proposed = " · ".join([label, *found.words])[:LONGEST_NAME]
    form = NamedForm(request.POST or None, user=user, is_new=True, name=proposed)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            ids = members.order_by().values_list("pk", flat=True)[: MOST_LISTED + 1]
            name, branch = form.cleaned_data["name"], form.cleaned_data.get("branch")
            try:
                segment = segment_of_members(by=user, now=now, name=name, members=list(ids), branch=branch)
            except ValidationError as error:
                add_errors(form, error)
            else:
                toast(request, _("The segment %(name)s is saved.") % {"name": segment.name})
                return redirect("members:segment", segment.pk)
    context = {
        "form": form,
        "number": members.count(),
        "most": MOST_LISTED,
        "behind": found,
        "list_url": f"{page}?{request.GET.urlencode()}",
        "asked": request.GET.urlencode(),
    }
    return render(request, "console/analytics/people_save.html", context, status=status)


def _asked(request: StaffRequest, now: datetime) -> tuple[str, str, Behind, QuerySet[Member]]:
    """The report, the page of the members, and they themselves, at whom the address points. Raises Http404."""
    report = request.GET.get("report", "activity")
    if report == "channels":
        _span, found, members = channel_people(request)
        return _("Channels"), reverse("analytics:channel_people"), found, members
    if report == "branches":
        number = request.GET.get("number", "")
        if not is_number(number):
            raise Http404
        found, members = branch_people(request, int(number))
        return _("Compare branches"), reverse("analytics:branch_people", args=[int(number)]), found, members
    _form, found, members = asked_people(request, now, ZoneInfo(settings.TIME_ZONE))
    return str(REPORTS[report][1]), reverse("analytics:people"), found, members
