"""Deliveries in the console: what left, what did not, why, and what to do."""

from __future__ import annotations

from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from campaigns.deliveries.causes import OF_THE_CHANNEL, advice, causes
from campaigns.deliveries.lists import delivery_listing, page_listing
from campaigns.deliveries.selectors import dress, life, standing
from campaigns.deliveries.services import Decided, Decision, delivery_decide, delivery_undecide
from campaigns.posts.models import Post
from campaigns.posts.selectors import deliveries_visible_to
from community_ops.lib.toasts import toast, warn
from delivery.models import Delivery, State
from groups.models import Group, Permission
from groups.roles.permissions import may, rights_in

FEED_PAGE = 20
# How long a decision can be taken back from the note that it left.
UNDO_WITHIN = 3600


@require_GET
@staff_required
def delivery_list(request: StaffRequest) -> HttpResponseBase:
    listing = page_listing(request)
    if listing.export:
        return listing.export_response("deliveries")
    now = timezone.now()
    dress(rows=listing.rows, rights=rights_in(request.user, {row.group_id for row in listing.rows}))
    context = {
        "listing": listing,
        "here": request.get_full_path(),
        "standing": standing(user=request.user, now=now),
        "causes": causes(deliveries_visible_to(request.user), now),
    }
    return render(request, "console/campaigns/deliveries.html", context)


@require_GET
@staff_required
def delivery_detail(request: StaffRequest, pk: int) -> HttpResponse:
    delivery = _visible(request, pk)
    group = get_object_or_404(Group, pk=delivery.group_id)
    dress(rows=[delivery], rights=rights_in(request.user, [delivery.group_id]))
    context = {
        "delivery": delivery,
        "row": delivery,
        "group": group,
        "post": Post.objects.filter(pk=delivery.post_id).first() if delivery.post_id else None,
        "advice": advice(delivery.error_code, delivery.state),
        "of_the_channel": delivery.error_code in OF_THE_CHANNEL,
        "life": life(delivery, timezone.now()),
    }
    return render(request, "console/campaigns/delivery.html", context)


@require_POST
@writer_required
def delivery_act(request: StaffRequest, pk: int, decision: str = "") -> HttpResponse:
    """Carries a decision out: the one of the address, else the one of the button that was pressed."""
    delivery = _visible(request, pk)
    if not may(request.user, Permission.POST, get_object_or_404(Group, pk=delivery.group_id)):
        raise PermissionDenied
    target = next_address(request, reverse("campaigns:delivery", args=[delivery.pk]))
    asked, seen = decision or request.POST.get("decision", ""), request.POST.get("seen", "")[:20]
    if asked not in Decision.values:
        warn(request, _("Choose what to do with this delivery."))
        return redirect(target)
    chosen = Decision(asked)
    done = delivery_decide(by=request.user, now=timezone.now(), delivery=delivery, decision=chosen, seen=seen)
    if done:
        texts = {
            Decision.SEND: _("“%(title)s” is on its way."),
            Decision.MARK_SENT: _("“%(title)s” is marked as sent."),
            Decision.SKIP: _("“%(title)s” is skipped."),
        }
        undo = "" if chosen == Decision.SEND else _undo_url(request, done, target)
        toast(request, texts[chosen] % {"title": delivery.message.title}, undo_url=undo)
    else:
        warn(request, _("This delivery has moved on meanwhile. Nothing was changed."))
    return redirect(target)


def _undo_url(request: StaffRequest, done: Decided, target: str) -> str:
    """How it stood before travels in the address, signed: it is worth ten seconds, not a row."""
    token = signing.dumps([done.pk, done.decision.value, done.before], salt=_salt(request), compress=True)
    return f"{reverse('campaigns:delivery_undo')}?{urlencode({'token': token, 'next': target})}"


def _salt(request: StaffRequest) -> str:
    return f"delivery-undo:{request.user.pk}"


@require_POST
@writer_required
def delivery_undo(request: StaffRequest) -> HttpResponse:
    """Takes the decision back that the token in the address remembers."""
    target = next_address(request, reverse("campaigns:deliveries"))
    try:
        pk, decision, before = signing.loads(request.GET.get("token", ""), salt=_salt(request), max_age=UNDO_WITHIN)
    except signing.BadSignature:
        warn(request, _("It is too late to take this back here. Open the delivery and decide anew."))
        return redirect(target)
    delivery = _visible(request, pk)
    if not may(request.user, Permission.POST, get_object_or_404(Group, pk=delivery.group_id)):
        raise PermissionDenied
    if delivery_undecide(by=request.user, decided=Decided(pk, Decision(decision), before)):
        toast(request, _("Taken back. It waits for a decision again."))
    else:
        warn(request, _("This delivery has moved on meanwhile. Nothing was changed."))
    return redirect(target)


@require_GET
@staff_required
def group_deliveries(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The deliveries tab of a group's page."""
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=pk)
    listing = delivery_listing(request, Delivery.objects.filter(group_id=group.pk), of_group=True)
    if listing.export:
        return listing.export_response("deliveries")
    return render(request, "console/campaigns/group_deliveries.html", {"listing": listing, "group": group})


@require_GET
@staff_required
def group_feed(request: StaffRequest, pk: int) -> HttpResponse:
    """The feed tab of a group's page: what was posted, newest first."""
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=pk)
    asked = request.GET.get("page", "1")
    page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 and int(asked) > 0 else 1
    start = (page - 1) * FEED_PAGE
    sent = Delivery.objects.filter(group_id=group.pk, state=State.SENT).select_related("message")
    rows = list(sent.order_by("-settled_at", "-pk")[start : start + FEED_PAGE + 1])
    may_plan = group.may_be_posted_to and may(request.user, Permission.POST, group)
    context = {
        "group": group,
        "rows": rows[:FEED_PAGE],
        "page": page,
        "next": page + 1 if rows[FEED_PAGE:] else None,
        "plan_url": f"{reverse('campaigns:post_new')}?group={group.pk}" if may_plan else "",
    }
    return render(request, "console/campaigns/group_feed.html", context)


def _visible(request: StaffRequest, pk: int) -> Delivery:
    rows = deliveries_visible_to(request.user).select_related("message", "destination")
    return get_object_or_404(rows, pk=pk)
