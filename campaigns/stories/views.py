"""Benchmarks in the console: their stories, what members did after them, and the groups that have none."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from campaigns.stories.forms import StoryForm, WhenForm
from campaigns.stories.models import Benchmark, BenchmarkState
from campaigns.stories.querysets import groups_without
from campaigns.stories.selectors import candidates
from campaigns.stories.services import (
    StaleBenchmark,
    benchmark_nominate,
    benchmark_restore,
    benchmark_schedule,
    benchmark_withdraw,
    benchmark_write,
)
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from delivery.models import Picture
from delivery.services.pictures import picture_create
from groups.models import Group, Permission
from groups.roles.permissions import may, rights_in
from members.models import Member

# A benchmark is set up 7 to 14 days after the opening of a group.
FROM_DAY, BY_DAY = 7, 14
USUAL_CLOCK = "20:00"


@require_GET
@staff_required
def stories(request: StaffRequest) -> HttpResponseBase:
    rows = Benchmark.objects.visible_to(request.user).select_related("member", "group", "post").with_reactions()
    columns: list[Column[Any]] = [
        Column("member", gettext_lazy("Member"), order="member__name", value=lambda row: row.member.name),
        Column("group", gettext_lazy("Group"), order="group__name", value=lambda row: row.group.name, wide="sm"),
        Column("title", gettext_lazy("Story"), value=lambda row: row.title, wide="lg"),
        Column("state", gettext_lazy("State"), order="state", value=lambda row: row.get_state_display()),
        Column("sent", gettext_lazy("Told"), order="sent_at", value=lambda row: row.sent_at, nullable=True, wide="md"),
        Column(
            "after",
            gettext_lazy("Active in the day after"),
            order="after",
            value=lambda row: row.after if row.sent_at else None,
            number=True,
        ),
        Column(
            "before",
            gettext_lazy("In the day before"),
            value=lambda row: row.before if row.sent_at else None,
            number=True,
            wide="md",
        ),
        Column(
            "nominated", gettext_lazy("Nominated"), order="nominated_at", value=lambda row: row.nominated_at, wide="xl"
        ),
    ]
    listing = Listing(
        request,
        rows if request.GET.get("state") else rows.standing(),
        columns=columns,
        filters=[
            Filter(
                "state",
                gettext_lazy("State"),
                BenchmarkState.choices,
                lambda found, value: found.filter(state=value),
                unset=pgettext_lazy("benchmarks", "Standing"),
            )
        ],
        search=lambda found, text: found.filter(pk__in=Benchmark.objects.matching(text).values("pk")),
        sort="-nominated",
        id="stories",
    )
    if listing.export:
        return listing.export_response("benchmarks")
    return render(request, "console/campaigns/stories/list.html", {"listing": listing, "tab": "stories"})


@require_GET
@staff_required
def stories_missing(request: StaffRequest) -> HttpResponseBase:
    """Active groups without a benchmark: those past day 14, and those that come to it."""
    now = timezone.now()
    overdue = request.GET.get("soon", "") == ""
    day = BY_DAY if overdue else FROM_DAY
    groups = groups_without(Group.objects.visible_to(request.user), opened_before=now - timedelta(days=day))
    columns: list[Column[Any]] = [
        Column("name", gettext_lazy("Group"), order="name", value=lambda group: group.name),
        Column("opened", gettext_lazy("Opened"), order="opened_at", value=lambda group: group.opened_at),
        Column("day", gettext_lazy("Day"), value=lambda group: _day(group, now), number=True),
        Column(
            "members",
            gettext_lazy("Members"),
            order="member_count",
            value=lambda group: group.member_count,
            number=True,
            wide="sm",
        ),
        Column("acts", gettext_lazy("What to do")),
    ]
    listing = Listing(
        request,
        groups,
        columns=columns,
        filters=[
            Filter(
                "soon",
                gettext_lazy("Day"),
                [("1", gettext_lazy("Day 7 and later"))],
                lambda found, _value: found,
                unset=gettext_lazy("Day 14 and later"),
            )
        ],
        search=lambda found, text: found.filter(name__icontains=text),
        sort="opened",
        id="missing",
    )
    if listing.export:
        return listing.export_response("groups-without-a-benchmark")
    rights = rights_in(request.user, [group.pk for group in listing.rows])
    rows = [
        (group, _day(group, now), rights.may(Permission.POST, group.pk), rights.who(Permission.POST, group.pk))
        for group in listing.rows
    ]
    context = {"listing": listing, "rows": rows, "tab": "missing", "by_day": BY_DAY, "here": request.get_full_path()}
    return render(request, "console/campaigns/stories/missing.html", context)


def _day(group: Group, now: datetime) -> int:
    """The how manieth local day of the group this is; the day of its opening is day 0."""
    assert group.opened_at is not None
    return (timezone.localdate(now) - timezone.localdate(group.opened_at)).days


@require_GET
@staff_required
def story_candidates(request: StaffRequest, pk: int) -> HttpResponse:
    """Who might be nominated in a group: a part of a row."""
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=pk)
    context = {
        "group": group,
        "candidates": candidates(group=group, now=timezone.now()),
        "may_act": may(request.user, Permission.POST, group),
        "back": next_address(request, reverse("campaigns:stories_missing")),
    }
    template = "part" if request.htmx else "candidates"
    return render(request, f"console/campaigns/stories/{template}.html", context)


@require_POST
@writer_required
def story_nominate(request: StaffRequest, pk: int) -> HttpResponse:
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=pk)
    if not may(request.user, Permission.POST, group):
        raise PermissionDenied
    target = next_address(request, reverse("campaigns:stories"))
    asked = request.POST.get("member", "")
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    member = get_object_or_404(Member.objects.visible_to(request.user), pk=int(asked) if known else 0)
    try:
        row = benchmark_nominate(by=request.user, now=timezone.now(), group=group, member=member)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
        return redirect(target)
    undo = f"{reverse('campaigns:story_withdraw', args=[row.pk])}?{urlencode({'next': target})}"
    toast(request, _("%(name)s is nominated. Write the story next.") % {"name": member}, undo_url=undo)
    return redirect(target)


@require_http_methods(["GET", "POST"])
@staff_required
def story(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    if request.method == "POST":
        _hold_to_role(request, row)
    form = StoryForm(request.POST or None, request.FILES or None, benchmark=row)
    if form.is_valid():
        data = form.cleaned_data
        try:
            picture = _picture(request, row, form)
            benchmark_write(
                by=request.user,
                benchmark=row,
                title=data["title"],
                story=data["story"],
                consent=data["consent"],
                picture=picture,
                version=data["version"],
            )
        except ValidationError as error:
            add_errors(form, error)
        except StaleBenchmark:
            form.add_error(None, _("Somebody else has changed it meanwhile. Copy what you wrote, and open it again."))
        else:
            toast(request, _("The story is saved."))
            return redirect("campaigns:story", row.pk)
    return _page(request, row, form, WhenForm(initial=_usual_time()))


def _picture(request: StaffRequest, row: Benchmark, form: StoryForm) -> Picture | None:
    if upload := form.cleaned_data["picture"]:
        try:
            return picture_create(file=upload, branch_id=row.group.branch_id, now=timezone.now())
        except ValidationError as error:
            raise ValidationError({"picture": error.messages}) from error
    return None if form.cleaned_data["picture_remove"] else row.picture


def _usual_time() -> dict[str, Any]:
    return {"day": timezone.localdate() + timedelta(days=1), "clock": USUAL_CLOCK}


def _page(request: StaffRequest, row: Benchmark, form: StoryForm, when: WhenForm) -> HttpResponse:
    context = {
        "row": row,
        "form": form,
        "when": when,
        "tab": "stories",
        "may_act": may(request.user, Permission.POST, row.group),
    }
    status = 422 if form.is_bound or when.is_bound else 200
    return render(request, "console/campaigns/stories/story.html", context, status=status)


@require_POST
@writer_required
def story_schedule(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    _hold_to_role(request, row)
    when = WhenForm(request.POST)
    if when.is_valid():
        at = timezone.make_aware(datetime.combine(when.cleaned_data["day"], when.cleaned_data["clock"]))
        try:
            benchmark_schedule(by=request.user, now=timezone.now(), benchmark=row, at=at)
        except ValidationError as error:
            add_errors(when, error)
        except StaleBenchmark:
            when.add_error(None, _("It is scheduled, or withdrawn, by now."))
        else:
            toast(request, _("The story is scheduled."))
            return redirect("campaigns:story", row.pk)
    return _page(request, row, StoryForm(benchmark=row), when)


@require_POST
@writer_required
def story_withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    _hold_to_role(request, row)
    target = next_address(request, reverse("campaigns:stories"))
    if benchmark_withdraw(by=request.user, benchmark=row):
        undo = f"{reverse('campaigns:story_restore', args=[row.pk])}?{urlencode({'next': target})}"
        toast(request, _("The nomination of %(name)s is withdrawn.") % {"name": row.member}, undo_url=undo)
    else:
        warn(request, _("It is scheduled, or withdrawn, by now."))
    return redirect(target)


@require_POST
@writer_required
def story_restore(request: StaffRequest, pk: int) -> HttpResponse:
    row = _visible(request, pk)
    _hold_to_role(request, row)
    if benchmark_restore(by=request.user, benchmark=row):
        toast(request, _("%(name)s is nominated again.") % {"name": row.member})
    return redirect(next_address(request, reverse("campaigns:story", args=[row.pk])))


def _visible(request: StaffRequest, pk: int) -> Benchmark:
    rows = Benchmark.objects.visible_to(request.user).select_related("member", "group", "post", "picture")
    return get_object_or_404(rows.with_reactions(), pk=pk)


def _hold_to_role(request: StaffRequest, row: Benchmark) -> None:
    if not may(request.user, Permission.POST, row.group):
        raise PermissionDenied
