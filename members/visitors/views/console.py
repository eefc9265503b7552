"""Personal links and signed-in devices, for staff who review who is in a group."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import segno
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.models import Group
from groups.roles.models import Permission
from groups.roles.permissions import may
from members.entry.models import Application
from members.models import EntryLink, Member, MemberSession, Membership
from members.views.console import visible_member
from members.visitors.selectors import with_ways_in
from members.visitors.services import devices_sign_out, link_address, link_make, links_end, links_make

SHEET = 60  # codes on one printable page
COLUMNS: list[Column[Any]] = [
    Column("name", gettext_lazy("Name"), order="member__name", value=lambda row: row.member.name),
    Column("devices", gettext_lazy("Devices"), order="devices", value=lambda row: row.devices, number=True),
    Column(
        "until",
        gettext_lazy("Link valid until"),
        order="link_until",
        value=lambda row: row.link_until,
        nullable=True,
        wide="sm",
    ),
    Column("uses", gettext_lazy("Used"), value=lambda row: row.link_uses, number=True, wide="md"),
    Column(
        "address",
        gettext_lazy("Address"),
        value=lambda row: link_address(row.link_id) if row.link_id else "",
        shown=False,
    ),
]


def _reviewed(request: StaffRequest, pk: int) -> Group:
    """The group, for whoever may review who comes in: a link opens what its member may see."""
    group = get_object_or_404(Group.objects.visible_to(request.user).select_related("branch"), pk=pk)
    if not may(request.user, Permission.REVIEW, group):
        raise PermissionDenied
    return group


def _rows(group: Group, now: datetime) -> QuerySet[Any]:
    return with_ways_in(Membership.objects.present().filter(group=group), group, now).select_related("member")


# In a group


@never_cache
@require_GET
@writer_required
def group_links(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Who has a link that still signs in, and who has signed a device in."""
    group = _reviewed(request, pk)
    now = timezone.now()
    rows = _rows(group, now)
    states = {"none": Q(devices=0, link_id=None), "link": Q(devices=0, link_id__isnull=False), "in": Q(devices__gt=0)}
    listing = Listing(
        request,
        rows,
        columns=COLUMNS,
        filters=[
            Filter(
                "way",
                gettext_lazy("Way in"),
                [
                    ("none", gettext_lazy("Neither link nor device")),
                    ("link", gettext_lazy("Link not opened yet")),
                    ("in", gettext_lazy("Signed in")),
                ],
                lambda found, value: found.filter(states[value]),
            )
        ],
        search=lambda found, text: found.filter(member__in=Member.objects.matching(text).values("pk")),
        sort="name",
    )
    if listing.export:
        return listing.export_response(f"group-{group.pk}-links")
    context = {
        "group": group,
        "tab": "entry",
        "part": "links",
        "pending": Application.objects.pending().filter(group=group).count(),
        "may_review": True,
        "listing": listing,
        "missing": rows.filter(states["none"]).count(),
    }
    return render(request, "console/members/links.html", context)


def _chosen(request: StaffRequest, group: Group) -> list[Member]:
    """Those ticked who are in the group; with `all` everybody there."""
    rows = Membership.objects.present().filter(group=group).select_related("member").order_by("member__name", "pk")
    if request.POST.get("all") != "1":
        asked = request.POST.getlist("membership")
        rows = rows.filter(pk__in=[int(one) for one in asked if one.isascii() and one.isdigit() and len(one) < 19])
    return [row.member for row in rows]


@require_POST
@writer_required
def group_links_make(request: StaffRequest, pk: int) -> HttpResponse:
    group = _reviewed(request, pk)
    chosen = _chosen(request, group)
    if not chosen:
        warn(request, _("Tick somebody first."))
        return redirect("members:group_links", group.pk)
    made = links_make(by=request.user, now=timezone.now(), members=chosen, group=group)
    words = ngettext("%(count)d link is made.", "%(count)d links are made.", made) if made else _("All have a link.")
    toast(request, words % {"count": made} if made else words)
    return redirect("members:group_links_sheet", group.pk)


@require_POST
@writer_required
def group_links_end(request: StaffRequest, pk: int) -> HttpResponse:
    group = _reviewed(request, pk)
    links = EntryLink.objects.filter(group=group, member__in=_chosen(request, group))
    ended = links_end(by=request.user, now=timezone.now(), links=links)
    words = ngettext("%(count)d link is ended.", "%(count)d links are ended.", ended)
    toast(request, words % {"count": ended})
    return redirect("members:group_links", group.pk)


@require_POST
@writer_required
def group_links_sign_out(request: StaffRequest, pk: int) -> HttpResponse:
    group = _reviewed(request, pk)
    count = devices_sign_out(by=request.user, now=timezone.now(), members=_chosen(request, group))
    toast(
        request,
        ngettext("%(count)d device is signed out.", "%(count)d devices are signed out.", count) % {"count": count},
    )
    return redirect("members:group_links", group.pk)


@never_cache
@require_GET
@writer_required
def group_links_sheet(request: StaffRequest, pk: int) -> HttpResponse:
    """Addresses and codes of all links of a group that still sign in, to print or to send one by one."""
    group = _reviewed(request, pk)
    rows = _rows(group, timezone.now()).filter(link_id__isnull=False).order_by("member__name", "pk")
    page = Paginator(rows, SHEET).get_page(request.GET.get("page"))
    cards = [(row, link_address(row.link_id), _code(link_address(row.link_id))) for row in page]
    return render(request, "console/members/links_sheet.html", {"group": group, "page": page, "cards": cards})


def _code(address: str) -> str:
    """A QR code as a picture in the page: drawn here, it is asked for by no second address."""
    return segno.make(address, error="m").svg_data_uri(scale=4, border=2, dark="#000", light="#fff")


# Of a member


def _groups(request: StaffRequest, member: Member) -> list[Group]:
    """The groups of a member in which this person may review who comes in."""
    groups = Group.objects.visible_to(request.user).permitted(request.user, Permission.REVIEW).open()
    present = Membership.objects.present().filter(member=member).values("group")
    return list(groups.filter(pk__in=present).order_by("name", "pk"))


def _member(request: StaffRequest, pk: int) -> tuple[Member, list[Group]]:
    member = visible_member(request, pk)
    groups = _groups(request, member)
    if not groups or member.erased_at:
        raise PermissionDenied
    return member, groups


@never_cache
@require_GET
@staff_required
def member_links(request: StaffRequest, pk: int) -> HttpResponse:
    """The links and devices of a member, a part of their page; empty for those who have no say in it."""
    member = visible_member(request, pk)
    groups = _groups(request, member) if not member.erased_at else []
    now = timezone.now()
    context = {
        "member": member,
        "groups": groups,
        "links": EntryLink.objects.usable(now).filter(member=member).select_related("group", "made_by")
        if groups
        else [],
        "devices": MemberSession.objects.live(now).filter(member=member) if groups else [],
    }
    return render(request, "console/members/links_of_member.html", context)


@require_POST
@writer_required
def member_link_make(request: StaffRequest, pk: int) -> HttpResponse:
    member, groups = _member(request, pk)
    group = next((group for group in groups if str(group.pk) == request.POST.get("group")), groups[0])
    link = link_make(by=request.user, now=timezone.now(), member=member, group=group)
    return redirect("members:member_link", member.pk, link.pk)


@never_cache
@require_GET
@writer_required
def member_link(request: StaffRequest, pk: int, link_pk: int) -> HttpResponse:
    """One link with its address and code, to hand over."""
    member, _groups_there = _member(request, pk)
    links = EntryLink.objects.usable(timezone.now()).filter(member=member).select_related("group")
    link = get_object_or_404(links, pk=link_pk)
    address = link_address(link.pk)
    context = {"member": member, "link": link, "address": address, "code": _code(address)}
    return render(request, "console/members/link.html", context)


@require_POST
@writer_required
def member_link_end(request: StaffRequest, pk: int, link_pk: int) -> HttpResponse:
    member, _groups_there = _member(request, pk)
    if links_end(by=request.user, now=timezone.now(), links=EntryLink.objects.filter(member=member, pk=link_pk)):
        toast(request, _("The link is ended. Devices that it signed in stay so."))
    else:
        warn(request, _("The link had ended before."))
    return redirect("members:detail", member.pk)


@require_POST
@writer_required
def member_sign_out(request: StaffRequest, pk: int) -> HttpResponse:
    """Signs one device out, or all."""
    member, _groups_there = _member(request, pk)
    asked = request.POST.get("device", "")
    only = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    if asked and only is None:
        warn(request, _("The device had been signed out before."))
        return redirect("members:detail", member.pk)
    count = devices_sign_out(by=request.user, now=timezone.now(), members=[member], only=only)
    toast(
        request,
        ngettext("%(count)d device is signed out.", "%(count)d devices are signed out.", count) % {"count": count},
    )
    return redirect("members:detail", member.pk)
