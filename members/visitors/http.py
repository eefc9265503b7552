"""The member behind a request, by the cookie of their device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from community_ops.lib.unlisted import unlisted
from community_ops.lib.wechat_oauth import Person, is_on
from groups.models import Group
from members.consent.asking import asked_first
from members.consent.services import has_agreed, with_agreement
from members.models import Member, Membership
from members.visitors.models import MemberSession
from members.visitors.querysets import SESSION_LASTS
from members.visitors.services import session_from

COOKIE = "member"
COOKIE_PATH = "/m/"
# Who WeChat said that a stranger is, for the application that they may make; empty: it did not say.
PERSON_COOKIE = "wechat_person"
PERSON_SALT = "members.visitors.wechat.person"
PERSON_LASTS = timedelta(hours=1)


@dataclass(frozen=True)
class Visit:
    """A member on a page of one of their groups. `has_agreed`: to the consent text in force, so they may take part."""

    member: Member
    membership: Membership
    group: Group
    has_agreed: bool


def session_of(request: HttpRequest) -> MemberSession | None:
    """The session of the device that asks. At most one query for each request, however often it is asked."""
    if not hasattr(request, "_member_session"):
        secret = request.COOKIES.get(COOKIE, "")
        found = session_from(secret, now=timezone.now()) if secret else None
        request._member_session = found  # type: ignore[attr-defined]
    session: MemberSession | None = request._member_session  # type: ignore[attr-defined]
    return session


def visitor_of(request: HttpRequest) -> Member | None:
    """The member who is signed in on the device that asks."""
    session = session_of(request)
    if session is None:
        return None
    member = session.member.merged_into or session.member
    return None if member.erased_at else member


def visit_of(request: HttpRequest, group: Group) -> Visit | None:
    """The visit of a member who is present in `group`; nothing for everybody else."""
    member = visitor_of(request)
    if member is None:
        return None
    membership = with_agreement(Membership.objects.present().filter(member=member, group=group)).first()
    return Visit(member, membership, group, membership.has_agreed) if membership else None  # type: ignore[attr-defined]


def sign_in(response: HttpResponse, secret: str) -> None:
    response.set_cookie(
        COOKIE,
        secret,
        max_age=SESSION_LASTS,
        path=COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def sign_out(response: HttpResponse) -> None:
    response.delete_cookie(COOKIE, path=COOKIE_PATH, samesite="Lax")


def keep_person(response: HttpResponse, person: Person | None) -> None:
    """Keeps who WeChat says a stranger is on their own device, signed; with None that it was asked and did not say."""
    kept = {"app_id": person.app_id, "openid": person.openid, "unionid": person.unionid} if person else {}
    response.set_cookie(
        PERSON_COOKIE,
        signing.dumps(kept, salt=PERSON_SALT),
        max_age=PERSON_LASTS,
        path=COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def person_kept(request: HttpRequest) -> dict[str, str] | None:
    """Who WeChat said the visitor is; empty when it did not say, None when it was not asked."""
    try:
        kept: dict[str, str] = signing.loads(
            request.COOKIES.get(PERSON_COOKIE, ""), salt=PERSON_SALT, max_age=PERSON_LASTS
        )
    except signing.BadSignature:
        return None
    return kept


def wechat_door(request: HttpRequest, *, link: str = "", quiet: bool = False) -> str:
    """Where a visitor who opened this page in WeChat says who they are; empty in any other browser, or without an
    official account."""
    agent = request.headers.get("user-agent", "")
    if not is_on() or "MicroMessenger" not in agent or "wxwork" in agent:
        return ""
    query = {"next": request.get_full_path()} | ({"link": link} if link else {}) | ({"quiet": "1"} if quiet else {})
    return f"{reverse('member:wechat')}?{urlencode(query)}"


def device_of(request: HttpRequest) -> str:
    """What a person would call their device: no more of the user agent is kept."""
    agent = request.headers.get("user-agent", "")
    app = "WeCom" if "wxwork" in agent else "WeChat" if "MicroMessenger" in agent else ""
    systems = ("iPhone", "iPad", "Android", "HarmonyOS", "Windows", "Macintosh", "Linux")
    system = next((name for name in systems if name in agent), "")
    return " · ".join(filter(None, (app, system.replace("Macintosh", "Mac"))))


def for_members(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page of a group for its members only: `view(request, visit, ...)` at an address with the group's `token`.

    Unknown tokens are 404. Who is not signed in, or is not in the group (any more), gets a page that says how to get
    in, and who has not agreed to the consent text in force the question; both with the status 403.
    """

    @wraps(view)
    def asked(request: HttpRequest, token: str, **kwargs: Any) -> HttpResponse:
        group = get_object_or_404(Group.objects.open().select_related("branch"), page_token=token)
        visit = visit_of(request, group)
        if visit is None:
            return outside(request, group)
        if not visit.has_agreed:
            return asked_first(request, group)
        return unlisted(view(request, visit, **kwargs))

    return asked


OwnView = Callable[..., HttpResponseBase]


def for_visitors(view: OwnView) -> OwnView:
    """A page of a member's own under /m/me/: `view(request, member, ...)`. Strangers get 403, as does an act of
    somebody who has not agreed to the consent text; their own pages they may always read."""
    return _for_visitors(view, asks=True)


def for_visitors_unasked(view: OwnView) -> OwnView:
    """The same for what needs nobody's consent: to see, correct or erase what is kept."""
    return _for_visitors(view, asks=False)


def _for_visitors(view: OwnView, *, asks: bool) -> OwnView:
    @wraps(view)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        member = visitor_of(request)
        if member is None:
            return nobody(request)
        if asks and request.method not in ("GET", "HEAD") and not has_agreed(member):
            return asked_first(request)
        return unlisted(view(request, member, **kwargs))

    return guarded


def nobody(request: HttpRequest) -> HttpResponse:
    """What a device sees on which nobody is signed in, in place of a member's own page."""
    wechat = wechat_door(request) if request.method == "GET" else ""
    return unlisted(render(request, "member/members/stranger.html", {"wechat": wechat}, status=403))


def outside(request: HttpRequest, group: Group) -> HttpResponse:
    """What somebody who is not in the group sees in place of a page for its members."""
    member = visitor_of(request)
    left = Membership.objects.filter(member=member, group=group).exists() if member else False
    context: dict[str, Any] = {"group": group, "visitor": member, "has_left": left}
    if member is None and request.method == "GET":
        context["wechat"] = wechat_door(request)
    return unlisted(render(request, "member/members/outside.html", context, status=403))
