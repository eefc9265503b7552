"""Who calls the API, and what their token allows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request

from accounts.models import ApiToken, User
from accounts.scopes import Scope, token_digest
from community_ops.lib.way_in import name_way_in

if TYPE_CHECKING:
    # REST framework imports this module while it makes its views.
    from rest_framework.views import APIView

__all__ = ["HasScope", "Scope", "TokenAuthentication", "require_scopes", "token_digest", "token_of"]

# How stale `last_used_at` may be: writing it on every call would turn each read into a write.
USED_AT_RESOLUTION = timedelta(minutes=5)


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer TOKEN`. The token acts for its staff member while both are in force."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer" or not given.strip():
            raise exceptions.AuthenticationFailed(_("Send the header as: Authorization: Bearer TOKEN"))
        token = ApiToken.objects.select_related("user__branch").filter(digest=token_digest(given.strip())).first()
        if token is None or token.revoked_at is not None or not token.user.is_active:
            raise exceptions.AuthenticationFailed(_("This token is not known or no longer in force."))
        now = timezone.now()
        if token.last_used_at is None or now - token.last_used_at > USED_AT_RESOLUTION:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        name_way_in(f"token:{token}")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class HasScope(permissions.BasePermission):
    """A view names what it needs: `scopes = {"GET": Scope.GROUPS_READ, "POST": Scope.GROUPS_WRITE}`.

    A method without an entry is refused. Writing also needs a role that may write: a token never allows more than its
    owner may do.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        token = request.auth
        if not isinstance(token, ApiToken):
            raise exceptions.NotAuthenticated(_("This address needs a token."))
        scopes: dict[str, str] = getattr(view, "scopes", {})
        if request.method not in scopes:
            raise exceptions.MethodNotAllowed(str(request.method))
        require_scopes(token, scopes[request.method])
        return True


def require_scopes(token: ApiToken, *needed: str) -> None:
    """Raises PermissionDenied unless the token holds each scope and its owner's role covers it."""
    for scope in needed:
        if scope not in token.scopes:
            raise exceptions.PermissionDenied(_("The token lacks the scope %(scope)s.") % {"scope": scope})
        if scope.endswith(":write") and not token.user.may_write:
            raise exceptions.PermissionDenied(_("The token's owner may read but not change."))


def token_of(request: Request) -> ApiToken:
    """The token of an authenticated request, for type checkers."""
    token: Any = request.auth
    assert isinstance(token, ApiToken)
    return token
