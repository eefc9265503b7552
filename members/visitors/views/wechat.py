"""Coming in from WeChat: to its OAuth and back. See community_ops.lib.wechat_oauth."""

from __future__ import annotations

import secrets
from typing import Any

import structlog
from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.access import next_address
from community_ops.lib.unlisted import unlisted
from community_ops.lib.wechat_oauth import (
    BASE,
    WITH_UNIONID,
    Person,
    WeChatError,
    authorize_address,
    is_on,
    person_of,
)
from members.visitors.http import PERSON_COOKIE, device_of, keep_person, sign_in, visitor_of
from members.visitors.services import link_from
from members.visitors.views.member import nowhere, target_of
from members.visitors.wechat import IdentityTakenError, wechat_link_use, wechat_sign_in

log = structlog.get_logger(__name__)
STATE_COOKIE = "wechat_state"
STATE_PATH = "/m/wechat/"
STATE_SALT = "members.visitors.wechat.state"
STATE_LASTS = 300  # seconds, as long as a code works


@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """To WeChat, which sends the visitor back. `link` is the code of a personal link; `quiet` asks nothing of them."""
    if not is_on():
        raise Http404
    kept = {
        "next": next_address(request, reverse("member:me")),
        "link": request.GET.get("link", "")[:120],
        "quiet": request.GET.get("quiet") == "1",
    }
    return _ask(kept, BASE)


def _ask(kept: dict[str, Any], scope: str) -> HttpResponse:
    """The state goes to WeChat and, signed, into this browser: only the browser that left may come back with it."""
    state = secrets.token_hex(16)
    back_address = f"{settings.PUBLIC_URL}{reverse('member:wechat_back')}"
    response = unlisted(redirect(authorize_address(back=back_address, state=state, scope=scope)))
    response.set_cookie(
        STATE_COOKIE,
        signing.dumps({**kept, "state": state, "scope": scope}, salt=STATE_SALT),
        max_age=STATE_LASTS,
        path=STATE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


@require_GET
def back(request: HttpRequest) -> HttpResponse:
    """From WeChat, with a code or, from somebody who refused, without."""
    if not is_on():
        raise Http404
    kept = _kept(request)
    response = _failed(request, "state", reverse("member:me"), 400) if kept is None else _arrived(request, kept)
    if STATE_COOKIE not in response.cookies:
        # It works once.
        response.delete_cookie(STATE_COOKIE, path=STATE_PATH, samesite="Lax")
    return unlisted(response)


def _kept(request: HttpRequest) -> dict[str, Any] | None:
    """What this browser left with, when the state that comes back is the one it was given."""
    try:
        cookie = request.COOKIES.get(STATE_COOKIE, "")
        kept: dict[str, Any] = signing.loads(cookie, salt=STATE_SALT, max_age=STATE_LASTS)
    except signing.BadSignature:
        return None
    return kept if constant_time_compare(kept["state"], request.GET.get("state", "")) else None


def _arrived(request: HttpRequest, kept: dict[str, Any]) -> HttpResponse:
    after = redirect(kept["next"])
    code = request.GET.get("code", "")
    if not code or len(code) > 512:
        keep_person(after, None)
        return after
    try:
        person = person_of(code=code)
    except WeChatError as error:
        log.warning("WeChat did not say who a visitor is", error=error.name, errcode=error.errcode)
        return _failed(request, error.name, kept["next"], 502)
    if person.is_snapshot:
        return _failed(request, "snapshot", kept["next"], 403)
    if kept["link"]:
        return _with_link(request, kept["link"], person)
    if visitor_of(request) is not None:
        return after
    secret = wechat_sign_in(now=timezone.now(), person=person, device=device_of(request))
    if secret is None and not person.unionid and kept["scope"] == BASE and not kept["quiet"]:
        # Known by another account of ours, perhaps: that takes a word of the visitor.
        return _ask({name: kept[name] for name in ("next", "link", "quiet")}, WITH_UNIONID)
    if secret is None:
        keep_person(after, person)
    else:
        sign_in(after, secret)
        after.delete_cookie(PERSON_COOKIE, path="/m/", samesite="Lax")
    return after


def _with_link(request: HttpRequest, code: str, person: Person) -> HttpResponse:
    now = timezone.now()
    link = link_from(code, now=now)
    if link is None:
        return nowhere(request)
    target = target_of(link)
    visitor = visitor_of(request)
    if visitor is not None:
        return target if visitor == link.member else redirect("member:link", code)
    try:
        secret = wechat_link_use(now=now, link=link, person=person, device=device_of(request))
    except IdentityTakenError:
        return _failed(request, "taken", reverse("member:me"), 409)
    if secret is None:
        return nowhere(request)
    sign_in(target, secret)
    return target


def _failed(request: HttpRequest, why: str, after: str, status: int) -> HttpResponse:
    words = {
        "state": (_("That took too long"), _("Please open the page again, and sign in within five minutes.")),
        "snapshot": (
            _("You only see a preview"),
            _("Press “Use the full service” at the bottom of the screen, then sign in again."),
        ),
        "taken": (
            _("This link belongs to somebody else"),
            _("It was opened with another WeChat before, or your WeChat is known as another member. Ask staff."),
        ),
        "busy": (_("WeChat is busy"), _("Please try again in a minute.")),
    }
    head, text = words.get(why) or (
        _("WeChat did not say who you are"),
        _("Please try again. If it stays so, open your personal link in another browser."),
    )
    context = {"head": head, "text": text, "after": after}
    response = render(request, "member/members/wechat_failed.html", context, status=status)
    keep_person(response, None)
    return response
