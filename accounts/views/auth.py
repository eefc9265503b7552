"""Signing in and out."""

from __future__ import annotations

from typing import Any

from axes.helpers import get_cool_off
from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from accounts.forms import SignInForm
from accounts.models import User
from accounts.services import language_seen
from accounts.views.preferences import keep_language
from community_ops.templatetags.ui import minutes


class SignIn(LoginView):
    """Signs staff in. `next` is followed within this site only (Django checks the host)."""

    template_name = "console/accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        user = form.get_user()
        language_seen(user=user, language=get_language() or "")
        # The language chosen on another device comes along, unless this device has one already.
        if isinstance(user, User) and user.language and settings.LANGUAGE_COOKIE_NAME not in self.request.COOKIES:
            keep_language(response, user.language)
        return response


class SignOut(LogoutView):
    http_method_names = ["post", "options"]


def locked_out(
    request: HttpRequest, response: HttpResponse | None = None, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """The answer after too many failures. It is the same for a name that nobody has."""
    wait = get_cool_off(request)
    seconds = int(wait.total_seconds()) if wait else 0
    page = render(request, "console/accounts/locked_out.html", {"minutes": minutes(wait) if wait else None}, status=429)
    page["Retry-After"] = str(seconds)
    return page
