"""The way in with a personal link, and the member's own page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from community_ops.lib.unlisted import unlisted
from groups.lifecycle import OPEN
from members.entry.models import Application
from members.models import EntryLink, Membership
from members.visitors.http import device_of, nobody, session_of, sign_in, sign_out, visitor_of, wechat_door
from members.visitors.services import application_open, link_code, link_from, link_use, sessions_end

NOWHERE = gettext_lazy("This link leads nowhere any more")


def nowhere(request: HttpRequest) -> HttpResponse:
    return unlisted(render(request, "member/members/nowhere.html", {"head": NOWHERE}, status=404))


def target_of(link: EntryLink) -> HttpResponse:
    """Where a personal link leads."""
    if link.group and link.group.state in OPEN:
        return redirect("member:group", link.group.page_token)
    return redirect("member:me")


@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, code: str) -> HttpResponse:
    """Signs the device in. Only a POST spends a use: chat programs open links by themselves to show a preview."""
    now = timezone.now()
    found = link_from(code, now=now)
    visitor = visitor_of(request)
    if found is None:
        return nowhere(request)
    target = target_of(found)
    if visitor == found.member:
        return target
    # In WeChat a link is used by way of its OAuth, which says whose it is from then on.
    wechat = wechat_door(request, link=code) if visitor is None else ""
    if request.method == "POST" and wechat:
        return redirect(wechat)
    if request.method == "POST" and visitor is None:
        secret = link_use(now=now, link=found, device=device_of(request))
        if secret is None:
            return nowhere(request)
        sign_in(target, secret)
        return unlisted(target)
    context = {"link": found, "code": link_code(found), "visitor": visitor, "wechat": wechat}
    status = 409 if request.method == "POST" else 200
    return unlisted(render(request, "member/members/link.html", context, status=status))


@require_POST
def application_device(request: HttpRequest, token: str) -> HttpResponse:
    """Signs the device of an approved applicant in and leads to the group."""
    application = get_object_or_404(Application.objects.select_related("group", "member"), token=token)
    now = timezone.now()
    visitor = visitor_of(request)
    target = redirect("member:group", application.group.page_token)
    member = application.member and (application.member.merged_into or application.member)
    if visitor is not None and visitor == member:
        return unlisted(target)
    secret = None if visitor else application_open(now=now, application=application, device=device_of(request))
    if secret is None:
        return unlisted(redirect("member:application", application.token))
    sign_in(target, secret)
    return unlisted(target)


@require_GET
def me(request: HttpRequest) -> HttpResponse:
    """The groups of whoever is signed in on this device."""
    visitor = visitor_of(request)
    if visitor is None:
        return nobody(request)
    present = Membership.objects.present().filter(member=visitor, group__state__in=["forming", "active"])
    context = {"member": visitor, "memberships": list(present.select_related("group").order_by("group__name"))}
    return unlisted(render(request, "member/members/me.html", context))


@require_POST
def leave_device(request: HttpRequest) -> HttpResponse:
    """Signs this device out."""
    session = session_of(request)
    if session is not None:
        sessions_end(now=timezone.now(), member=session.member, only=session.pk)
    response = redirect("member:me")
    sign_out(response)
    return unlisted(response)
