"""A group's channel in the console: where its messages go, a test, and its member page with link and code."""

from __future__ import annotations

import io
from typing import Any

import segno
from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from campaigns.deliveries.services import delivery_test
from campaigns.posts.limits import limits_of, quota_left
from community_ops.lib.forms import MarkedForm, add_errors
from community_ops.lib.toasts import toast
from delivery.models import Delivery, Kind
from groups.channel import channel_kind, group_enable_channel, group_renew_page, group_set_channel
from groups.models import Group, Permission
from groups.roles.permissions import may


class ChannelForm(MarkedForm):
    kind = forms.ChoiceField(
        label=gettext_lazy("Messages go to"), choices=Kind.choices, widget=forms.Select(attrs={"data-channel-kind": ""})
    )
    url = forms.CharField(
        label=gettext_lazy("Address"),
        required=False,
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/community"}),
        help_text=gettext_lazy("For a webhook: each message is sent there as a signed POST."),
    )
    secret = forms.CharField(
        label=gettext_lazy("Signing secret"),
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Empty keeps the one there is, or makes one."),
    )
    robot = forms.CharField(
        label=gettext_lazy("Address of the robot"),
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy(
            "Paste it as WeCom shows it, or its key alone. Whoever knows it can post, so it is kept encrypted and never"
            " shown again. Empty keeps the one there is."
        ),
    )


@require_http_methods(["GET", "POST"])
@staff_required
def channel(request: StaffRequest, pk: int) -> HttpResponse:
    group = _visible(request, pk)
    if request.method == "POST":
        _hold_to_role(request, group)
    form = _form(group, request.POST or None)
    if form.is_valid():
        is_robot = form.cleaned_data["kind"] == Kind.ROBOT
        url = "" if is_robot else form.cleaned_data["url"]
        secret = form.cleaned_data["robot" if is_robot else "secret"]
        try:
            group_set_channel(by=request.user, group=group, kind=form.cleaned_data["kind"], url=url, secret=secret)
        except ValidationError as error:
            if is_robot and "secret" in error.error_dict:
                error.error_dict["robot"] = error.error_dict.pop("secret")
            add_errors(form, error)
        else:
            toast(request, _("The channel is saved. What is planned goes this way from now on."))
            return redirect("campaigns:group_channel", group.pk)
    return _page(request, group, form)


def _form(group: Group, data: Any = None) -> ChannelForm:
    url = group.destination.url if group.destination else ""
    return ChannelForm(data, initial={"kind": channel_kind(group), "url": url})


def _page(request: StaffRequest, group: Group, form: ChannelForm, *, secret: str = "") -> HttpResponse:
    context = {
        "group": group,
        "tab": "channel",
        "form": form,
        "destination": group.destination,
        "kind": channel_kind(group),
        "page_url": page_url(group),
        "secret": secret,
        "limits": limits_of([group.pk])[group.pk],
        "left": quota_left([group.pk], timezone.now())[group.pk],
        "may_post": may(request.user, Permission.POST, group),
    }
    return render(request, "console/campaigns/channel.html", context, status=422 if form.is_bound else 200)


@require_POST
@writer_required
def channel_secret(request: StaffRequest, pk: int) -> HttpResponse:
    """Shows the signing secret, for the one who sets the receiver up. The key of a robot is known to WeCom, and needed
    by nobody else."""
    group = _permitted(request, pk)
    signs = group.destination and group.destination.kind == Kind.WEBHOOK and group.destination.secret_hint
    return _page(request, group, _form(group), secret=group.destination.secret if group.destination and signs else "")


@require_POST
@writer_required
def channel_enable(request: StaffRequest, pk: int) -> HttpResponse:
    group = _permitted(request, pk)
    if group_enable_channel(by=request.user, group=group):
        toast(request, _("The channel is switched on again."))
    return redirect(next_address(request, reverse("campaigns:group_channel", args=[group.pk])))


@require_POST
@writer_required
def channel_test(request: StaffRequest, pk: int) -> HttpResponse:
    """Sends a test message; the answer shows how it fares, and asks again until that is known."""
    group = _permitted(request, pk)
    delivery = delivery_test(
        by=request.user,
        now=timezone.now(),
        group=group,
        title=_("Test message"),
        text=_("This is a test from %(name)s. If you can read it, the channel works.") % {"name": request.user},
    )
    if not request.htmx:
        return redirect("campaigns:delivery", delivery.pk)
    return _test_state(request, group, delivery)


@require_GET
@staff_required
def channel_test_state(request: StaffRequest, pk: int, delivery_pk: int) -> HttpResponse:
    group = _visible(request, pk)
    return _test_state(request, group, get_object_or_404(Delivery, pk=delivery_pk, group_id=group.pk, post_id=None))


def _test_state(request: StaffRequest, group: Group, delivery: Delivery) -> HttpResponse:
    context = {"group": group, "delivery": delivery, "at_work": delivery.state in ("planned", "queued", "sending")}
    return render(request, "console/campaigns/channel_test.html", context)


@require_POST
@writer_required
def page_renew(request: StaffRequest, pk: int) -> HttpResponse:
    group = group_renew_page(by=request.user, group=_permitted(request, pk))
    toast(request, _("The member page has a new address. The old link and code lead nowhere now."))
    return redirect("campaigns:group_channel", group.pk)


@require_GET
@staff_required
def page_code(request: StaffRequest, pk: int) -> HttpResponse:
    """The QR code of the member page."""
    group = _visible(request, pk)
    out = io.BytesIO()
    segno.make(page_url(group), error="m").save(out, kind="svg", scale=8, border=3, dark="#000", light="#fff")
    return HttpResponse(out.getvalue(), content_type="image/svg+xml")


def page_url(group: Group) -> str:
    """Where members find the group's page."""
    return f"{settings.PUBLIC_URL}" + reverse("member:group", args=[group.page_token])


def _visible(request: StaffRequest, pk: int) -> Group:
    return get_object_or_404(Group.objects.visible_to(request.user).select_related("branch", "destination"), pk=pk)


def _permitted(request: StaffRequest, pk: int) -> Group:
    """The group, for those who may post to it: whoever decides where messages go decides what is said."""
    group = _visible(request, pk)
    _hold_to_role(request, group)
    return group


def _hold_to_role(request: StaffRequest, group: Group) -> None:
    if not may(request.user, Permission.POST, group):
        raise PermissionDenied
