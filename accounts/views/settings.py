"""Settings for administrators: staff, branches and API tokens. An administrator of a branch manages that branch."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, role_required
from accounts.forms import BranchForm, StaffForm, TokenForm
from accounts.models import ApiToken, Branch, Role, User
from accounts.navigation import settings_for
from accounts.services import (
    branch_create,
    branch_rename,
    password_change,
    password_generate,
    staff_create,
    staff_update,
    token_issue,
    token_revoke,
)
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn


@require_GET
@role_required(Role.ADMIN)
def overview(request: StaffRequest) -> HttpResponse:
    """Where what administrators decide is found."""
    return render(request, "console/accounts/settings.html", {"sections": settings_for(request.user)})


STAFF_COLUMNS = (
    Column[User]("name", pgettext_lazy("person", "Name"), order="username", value=str),
    Column[User]("username", gettext_lazy("User name"), value=lambda person: person.username, shown=False),
    Column[User]("role", gettext_lazy("Role"), order="role", value=lambda person: person.get_role_display()),
    Column[User](
        "branch",
        gettext_lazy("Branch"),
        order="branch__name",
        value=lambda person: person.branch.name if person.branch else "",
        nullable=True,
        wide="sm",
    ),
    Column[User](
        "last",
        gettext_lazy("Last signed in"),
        order="last_login",
        value=lambda person: person.last_login,
        nullable=True,
        wide="md",
    ),
    Column[User]("state", gettext_lazy("State"), order="is_active", value=lambda person: person.is_active, wide="sm"),
)
TOKEN_COLUMNS = (
    Column[ApiToken]("name", gettext_lazy("What it is for"), order="name", value=lambda token: token.name),
    Column[ApiToken]("user", gettext_lazy("Acts for"), order="user__username", value=lambda token: str(token.user)),
    Column[ApiToken]("scopes", gettext_lazy("May"), value=lambda token: " ".join(token.scopes), wide="lg"),
    Column[ApiToken](
        "used",
        gettext_lazy("Last used"),
        order="last_used_at",
        value=lambda token: token.last_used_at,
        nullable=True,
        wide="md",
    ),
    Column[ApiToken](
        "created", gettext_lazy("Issued"), order="created_at", value=lambda token: token.created_at, wide="md"
    ),
    Column[ApiToken]("state", gettext_lazy("State"), value=lambda token: token.revoked_at),
)


# Staff


@require_GET
@role_required(Role.ADMIN)
def staff_list(request: StaffRequest) -> HttpResponseBase:
    def active(staff: QuerySet[User], value: str) -> QuerySet[User]:
        return staff.filter(is_active=value == "yes")

    listing = Listing(
        request,
        User.objects.visible_to(request.user).select_related("branch"),
        columns=STAFF_COLUMNS,
        sort="name",
        search=lambda staff, text: staff.filter(pk__in=User.objects.matching(text).values("pk")),
        filters=(
            Filter("role", gettext_lazy("Role"), Role.choices, lambda staff, value: staff.filter(role=value)),
            Filter(
                "active",
                gettext_lazy("State"),
                [("yes", gettext_lazy("May sign in")), ("no", gettext_lazy("Closed"))],
                active,
            ),
        ),
    )
    if listing.export:
        return listing.export_response("staff")
    return render(request, "console/accounts/staff.html", {"listing": listing})


@never_cache
@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def staff_new(request: StaffRequest) -> HttpResponse:
    form = StaffForm(request.POST or None, by=request.user)
    if form.is_valid():
        password = password_generate()
        try:
            person = staff_create(by=request.user, password=password, **form.values())
        except ValidationError as error:
            add_errors(form, error)
        else:
            return _show_password(request, person, password)
    return render(request, "console/accounts/staff_form.html", {"form": form}, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def staff_edit(request: StaffRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(User.objects.visible_to(request.user), pk=pk)
    form = StaffForm(request.POST or None, by=request.user, person=person)
    if form.is_valid():
        try:
            staff_update(by=request.user, user=person, changes=form.values())
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("%(name)s is saved.") % {"name": person})
            return redirect("accounts:staff")
    context = {"form": form, "person": person}
    return render(request, "console/accounts/staff_form.html", context, status=422 if form.is_bound else 200)


@never_cache
@require_POST
@role_required(Role.ADMIN)
def staff_password(request: StaffRequest, pk: int) -> HttpResponse:
    """Sets a new password and shows it this once."""
    person = get_object_or_404(User.objects.visible_to(request.user), pk=pk)
    password = password_generate()
    password_change(by=request.user, user=person, password=password)
    return _show_password(request, person, password)


def _show_password(request: StaffRequest, person: User, password: str) -> HttpResponse:
    return render(request, "console/accounts/password.html", {"person": person, "password": password})


# Branches


@require_GET
@role_required(Role.ADMIN)
def branch_list(request: StaffRequest) -> HttpResponseBase:
    columns = (
        Column[Branch]("name", gettext_lazy("Name"), order="name", value=lambda branch: branch.name),
        Column[Branch]("code", gettext_lazy("Code"), order="code", value=lambda branch: branch.code),
        Column[Branch](
            "groups",
            gettext_lazy("Groups"),
            order="group_count",
            value=lambda branch: getattr(branch, "group_count"),  # noqa: B009  an annotation
            number=True,
        ),
        Column[Branch](
            "staff",
            gettext_lazy("Staff"),
            order="staff_count",
            value=lambda branch: getattr(branch, "staff_count"),  # noqa: B009  an annotation
            number=True,
        ),
    )
    listing = Listing(
        request,
        Branch.objects.visible_to(request.user).annotate(
            group_count=Count("groups", distinct=True), staff_count=Count("staff", distinct=True)
        ),
        columns=columns,
        sort="name",
        search=lambda branches, text: branches.filter(Q(name__icontains=text) | Q(code__icontains=text)),
    )
    if listing.export:
        return listing.export_response("branches")
    return render(request, "console/accounts/branches.html", {"listing": listing})


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def branch_new(request: StaffRequest) -> HttpResponse:
    if not request.user.is_headquarters:
        raise PermissionDenied
    form = BranchForm(request.POST or None)
    if form.is_valid():
        try:
            branch = branch_create(by=request.user, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The branch %(name)s is made.") % {"name": branch})
            return redirect("accounts:branches")
    return render(request, "console/accounts/branch_form.html", {"form": form}, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def branch_edit(request: StaffRequest, pk: int) -> HttpResponse:
    branch = get_object_or_404(Branch.objects.visible_to(request.user), pk=pk)
    form = BranchForm(request.POST or None, branch=branch)
    if form.is_valid():
        branch_rename(by=request.user, branch=branch, name=form.cleaned_data["name"])
        toast(request, _("%(name)s is saved.") % {"name": branch})
        return redirect("accounts:branches")
    context = {"form": form, "branch": branch}
    return render(request, "console/accounts/branch_form.html", context, status=422 if form.is_bound else 200)


# Tokens


@require_GET
@role_required(Role.ADMIN)
def token_list(request: StaffRequest) -> HttpResponseBase:
    def in_force(tokens: QuerySet[ApiToken], value: str) -> QuerySet[ApiToken]:
        return tokens.filter(revoked_at__isnull=value == "yes")

    listing = Listing(
        request,
        ApiToken.objects.visible_to(request.user).select_related("user"),
        columns=TOKEN_COLUMNS,
        sort="-created",
        search=lambda tokens, text: tokens.filter(pk__in=ApiToken.objects.matching(text).values("pk")),
        filters=(
            Filter(
                "force",
                gettext_lazy("State"),
                [("yes", gettext_lazy("In force")), ("no", gettext_lazy("Revoked"))],
                in_force,
            ),
        ),
    )
    if listing.export:
        return listing.export_response("tokens")
    return render(request, "console/accounts/tokens.html", {"listing": listing})


@never_cache
@require_http_methods(["GET", "POST"])
@role_required(Role.ADMIN)
def token_new(request: StaffRequest) -> HttpResponse:
    form = TokenForm(request.POST or None, by=request.user)
    if form.is_valid():
        try:
            token, text = token_issue(by=request.user, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            return render(request, "console/accounts/token.html", {"token": token, "text": text})
    return render(request, "console/accounts/token_form.html", {"form": form}, status=422 if form.is_bound else 200)


@require_POST
@role_required(Role.ADMIN)
def token_end(request: StaffRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.visible_to(request.user).select_related("user"), pk=pk)
    if token_revoke(by=request.user, token=token, now=timezone.now()):
        toast(request, _("The token is revoked. Requests with it are refused from now on."))
    else:
        warn(request, _("The token was revoked before."))
    return redirect("accounts:tokens")
