"""What a person sets for themselves: language, theme, name, password."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, staff_required
from accounts.forms import PasswordForm, ProfileForm
from accounts.models import Theme, User
from accounts.services import password_change, preferences_update
from community_ops.lib.toasts import toast

LANGUAGE_COOKIE_AGE = timedelta(days=365)


def keep_language(response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        samesite="Lax",
    )


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Switches the language of this device, and for staff of their later ones. Open to all: the sign-in page has it."""
    chosen = request.POST.get("language", "")
    response = redirect(next_address(request, resolve_url(settings.LOGIN_REDIRECT_URL)))
    if chosen in dict(settings.LANGUAGES):
        keep_language(response, chosen)
        if isinstance(request.user, User):
            preferences_update(user=request.user, language=chosen)
    return response


@require_POST
@staff_required(readers_may_post=True)
def theme(request: StaffRequest) -> HttpResponse:
    chosen = request.POST.get("theme", "")
    if chosen in Theme.values:
        preferences_update(user=request.user, theme=chosen)
    return redirect(next_address(request, resolve_url(settings.LOGIN_REDIRECT_URL)))


@require_http_methods(["GET", "POST"])
@staff_required(readers_may_post=True)
def profile(request: StaffRequest) -> HttpResponse:
    """Name, language and theme, and beside them the password; each form is sent alone."""
    changes_password = request.POST.get("form") == "password"
    details = ProfileForm(
        request.POST if request.method == "POST" and not changes_password else None,
        initial={field: getattr(request.user, field) for field in ("display_name", "language", "theme")},
    )
    password = PasswordForm(request.user, request.POST if request.method == "POST" and changes_password else None)
    if changes_password and password.is_valid():
        password_change(user=request.user, password=password.cleaned_data["new_password1"], by=request.user)
        update_session_auth_hash(request, request.user)
        toast(request, _("Your password is changed. Other devices are signed out."))
        return redirect("accounts:profile")
    if details.is_bound and details.is_valid():
        preferences_update(user=request.user, **details.cleaned_data)
        response = redirect("accounts:profile")
        if details.cleaned_data["language"]:
            keep_language(response, details.cleaned_data["language"])
        toast(request, _("Your profile is saved."))
        return response
    invalid = details.is_bound or password.is_bound
    return render(
        request,
        "console/accounts/profile.html",
        {"details": details, "password": password},
        status=422 if invalid else 200,
    )
