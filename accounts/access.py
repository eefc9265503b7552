"""Who may open a page and who may change something. Every page of the console stands behind one of these.

    @staff_required                        signed-in staff; whoever only reads may not send anything (403)
    @staff_required(readers_may_post=True) also managers may send: their own profile, a saved view
    @writer_required                       administrators and operators, with every method
    @role_required(Role.ADMIN)             these roles only, with every method

Objects are reached only through `Model.objects.visible_to(request.user)`, so what a person may not see is not found.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast, overload

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from accounts.models import Role, User

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class StaffRequest(HttpRequest):
    """A request of a signed-in person, for type checkers: what a view behind these decorators receives."""

    user: User
    htmx: HtmxDetails


P = ParamSpec("P")
StaffView = Callable[Concatenate[StaffRequest, P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
Check = Callable[[User, HttpRequest], bool]


def _guarded(view: StaffView[P], allowed: Check) -> View[P]:
    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        user = request.user
        if not isinstance(user, User) or not user.is_active:
            return to_sign_in(request)
        if not allowed(user, request):
            raise PermissionDenied
        response = view(cast(StaffRequest, request), *args, **kwargs)
        if not response.has_header("Cache-Control"):
            # What one person may see is kept by no proxy, and asked for again when the browser goes back.
            patch_cache_control(response, private=True, no_cache=True)
        return response

    return guarded


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Where a stranger is sent. A part of a page cannot show the sign-in form, so there the whole page moves."""
    if getattr(request, "htmx", None):
        return HttpResponseClientRedirect(resolve_url(settings.LOGIN_URL))
    return redirect_to_login(request.get_full_path())


def next_address(request: HttpRequest, default: str) -> str:
    """Where a form asks to return to (its field `next`, or that of its address) if that lies on this site, else
    `default`."""
    wanted = request.POST.get("next", "") or request.GET.get("next", "")
    # A word without a slash would be taken for the name of a page.
    here = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if here and wanted.startswith("/") else default


@overload
def staff_required(view: StaffView[P]) -> View[P]: ...
@overload
def staff_required(*, readers_may_post: bool) -> Callable[[StaffView[P]], View[P]]: ...
def staff_required(view: Any = None, *, readers_may_post: bool = False) -> Any:
    """Signed-in staff. Unsafe methods are refused to those who only read, unless the page says otherwise."""

    def allowed(user: User, request: HttpRequest) -> bool:
        return readers_may_post or request.method in SAFE_METHODS or user.may_write

    return _guarded(view, allowed) if view else lambda later: _guarded(later, allowed)


def writer_required(view: StaffView[P]) -> View[P]:
    """Those who may change something: forms that a reader should not even open."""
    return _guarded(view, lambda user, _request: user.may_write)


def role_required(*roles: Role) -> Callable[[StaffView[P]], View[P]]:
    """Only the roles named."""
    return lambda view: _guarded(view, lambda user, _request: user.role in roles)
