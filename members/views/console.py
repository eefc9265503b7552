"""The members in the console."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import StaffRequest, staff_required, writer_required
from accounts.models import Branch, User
from activity.models import EventKind
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast
from groups.models import Group
from members.forms import NameForm
from members.models import JourneyStage, Member, Membership
from members.selectors import Place, timeline_page
from members.services import member_rename

# A choice list longer than this is no help; the largest groups are offered, others are found on their own page.
GROUPS_OFFERED = 200
SEEN = [
    ("7", gettext_lazy("Seen in the last 7 days")),
    ("30", gettext_lazy("Seen in the last 30 days")),
    ("silent", gettext_lazy("Not seen for 30 days")),
]

MEMBER_COLUMNS: list[Column[Member]] = [
    Column("name", gettext_lazy("Name"), order="name", value=lambda member: member.name),
    Column("external_id", gettext_lazy("Id in other systems"), value=lambda member: member.external_id, wide="md"),
    Column("stage", gettext_lazy("Stage"), order="stage", value=lambda member: member.get_stage_display(), wide="sm"),
    Column(
        "first",
        gettext_lazy("First seen"),
        order="first_seen_at",
        value=lambda member: member.first_seen_at,
        nullable=True,
        wide="lg",
    ),
    Column(
        "last",
        gettext_lazy("Last seen"),
        order="last_seen_at",
        value=lambda member: member.last_seen_at,
        nullable=True,
    ),
]

MEMBERSHIP_COLUMNS: list[Column[Membership]] = [
    Column("name", gettext_lazy("Name"), order="member__name", value=lambda row: row.member.name),
    Column("external_id", gettext_lazy("Id in other systems"), value=lambda row: row.member.external_id, shown=False),
    Column(
        "stage",
        gettext_lazy("Stage"),
        order="member__stage",
        value=lambda row: row.member.get_stage_display(),
        wide="sm",
    ),
    Column("joined", gettext_lazy("Joined"), order="joined_at", value=lambda row: row.joined_at, wide="md"),
    Column("last", gettext_lazy("Last seen here"), order="last_seen_at", value=lambda row: row.last_seen_at),
    Column(
        "left",
        gettext_lazy("Left"),
        order="left_at",
        value=lambda row: None if row.is_present else row.left_at,
        nullable=True,
        wide="md",
    ),
]


def _search(members: QuerySet[Member], text: str) -> QuerySet[Member]:
    return members.filter(pk__in=Member.objects.matching(text).values("pk"))


def _filters(user: User, asked_group: str, now: datetime) -> list[Filter[Member]]:
    def seen(members: QuerySet[Member], value: str) -> QuerySet[Member]:
        if value == "silent":
            return members.filter(last_seen_at__lte=now - timedelta(days=30))
        return members.filter(last_seen_at__gt=now - timedelta(days=int(value)))

    def in_group(members: QuerySet[Member], value: str) -> QuerySet[Member]:
        return members.filter(pk__in=Membership.objects.present().filter(group_id=value).values("member"))

    def in_branch(members: QuerySet[Member], value: str) -> QuerySet[Member]:
        present = Membership.objects.present().filter(group__branch_id=value)
        return members.filter(pk__in=present.values("member"))

    filters: list[Filter[Member]] = [
        Filter("group", gettext_lazy("Group"), _group_choices(user, asked_group), in_group),
        Filter(
            "stage",
            gettext_lazy("Stage"),
            JourneyStage.choices,
            lambda members, value: members.filter(stage=value),
        ),
        Filter("seen", gettext_lazy("Last seen"), SEEN, seen),
    ]
    if user.is_headquarters:
        branches = [(str(pk), name) for pk, name in Branch.objects.values_list("pk", "name")]
        filters.insert(0, Filter("branch", gettext_lazy("Branch"), branches, in_branch))
    return filters


def _group_choices(user: User, asked: str) -> list[tuple[str, str]]:
    groups = Group.objects.visible_to(user)
    largest = groups.order_by("-member_count", "pk").values("pk")[:GROUPS_OFFERED]
    offered = Q(pk__in=list(largest.values_list("pk", flat=True)))
    if asked.isdecimal() and len(asked) < 19:
        offered |= Q(pk=int(asked))
    return [(str(pk), name) for pk, name in groups.filter(offered).order_by("name", "pk").values_list("pk", "name")]


@require_GET
@staff_required
def member_list(request: StaffRequest) -> HttpResponseBase:
    listing = Listing(
        request,
        Member.objects.visible_to(request.user),
        columns=MEMBER_COLUMNS,
        filters=_filters(request.user, request.GET.get("group", ""), timezone.now()),
        search=_search,
        sort="-last",
    )
    if listing.export:
        return listing.export_response("members")
    return render(request, "console/members/list.html", {"listing": listing})


@require_GET
@staff_required
def member_detail(request: StaffRequest, pk: int) -> HttpResponse:
    member = _visible(request, pk)
    memberships = Membership.objects.filter(member=member, group__in=Group.objects.visible_to(request.user))
    context = {
        "member": member,
        "memberships": memberships.select_related("group").order_by(
            F("left_at").asc(nulls_first=True), "-last_seen_at"
        ),
        **_timeline(request, member),
    }
    return render(request, "console/members/detail.html", context)


@require_GET
@staff_required
def member_timeline(request: StaffRequest, pk: int) -> HttpResponse:
    """More of a timeline, or another kind of it: a part of the member's page."""
    member = _visible(request, pk)
    return render(request, "console/members/timeline.html", {"member": member, **_timeline(request, member)})


def _timeline(request: StaffRequest, member: Member) -> dict[str, object]:
    kinds = list(EventKind.objects.all())
    kind = request.GET.get("kind", "")
    if kind not in {known.slug for known in kinds}:
        kind = ""
    after = Place.read(request.GET.get("after", ""))
    page = timeline_page(member_id=member.pk, user=request.user, kind=kind, after=after)
    return {"page": page, "kinds": kinds, "kind": kind, "is_continued": after is not None}


@require_http_methods(["GET", "POST"])
@writer_required
def member_edit(request: StaffRequest, pk: int) -> HttpResponse:
    member = _visible(request, pk)
    form = NameForm(request.POST or None, initial={"name": member.name})
    if form.is_valid():
        try:
            member_rename(by=request.user, member=member, name=form.cleaned_data["name"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The name is saved."))
            return redirect("members:detail", member.pk)
    context = {"form": form, "member": member}
    return render(request, "console/members/edit.html", context, status=422 if form.is_bound else 200)


@require_GET
@staff_required
def members_of_group(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The members tab of a group, loaded into its page."""
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=pk)
    memberships = Membership.objects.filter(group=group).select_related("member")
    left = {"left": memberships.exclude(pk__in=memberships.present().values("pk")), "": memberships.present()}
    asked = request.GET.get("presence", "")
    listing = Listing(
        request,
        left.get(asked, memberships),
        columns=MEMBERSHIP_COLUMNS,
        filters=[
            Filter(
                "presence",
                gettext_lazy("In the group"),
                [("left", gettext_lazy("Has left")), ("all", gettext_lazy("Everybody"))],
                lambda rows, _value: rows,
                unset=gettext_lazy("In the group now"),
            ),
            Filter(
                "stage",
                gettext_lazy("Stage"),
                JourneyStage.choices,
                lambda rows, value: rows.filter(member__stage=value),
            ),
        ],
        search=lambda rows, text: rows.filter(member__in=Member.objects.matching(text).values("pk")),
        sort="-last",
        id="members",
        embedded=True,
    )
    if listing.export:
        return listing.export_response(f"group-{group.pk}-members")
    return render(request, "console/members/of_group.html", {"listing": listing, "group": group})


def _visible(request: StaffRequest, pk: int) -> Member:
    return get_object_or_404(Member.objects.visible_to(request.user), pk=pk)
