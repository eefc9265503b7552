"""Tags: words for members, put on by hand or by a rule."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast
from members.forms import NamedForm
from members.models import Tag
from members.segments.builder import Builder, definition_words
from members.tags.services import tag_create, tag_delete, tag_update

LONGEST = 40

COLUMNS: list[Column[Tag]] = [
    Column("name", gettext_lazy("Name"), order="name", value=lambda tag: tag.name),
    Column(
        "members",
        gettext_lazy("Members"),
        order="number",
        value=lambda tag: getattr(tag, "number"),  # noqa: B009  an annotation
        number=True,
    ),
    Column("rule", gettext_lazy("Put on"), value=lambda tag: "rule" if tag.rule else "hand", wide="sm"),
    Column(
        "branch",
        gettext_lazy("Branch"),
        order="branch__name",
        value=lambda tag: tag.branch.name if tag.branch else "",
        nullable=True,
        wide="md",
    ),
]


@require_GET
@staff_required
def tags(request: StaffRequest) -> HttpResponseBase:
    listing = Listing(
        request,
        Tag.objects.visible_to(request.user).select_related("branch").annotate(number=Count("member_tags")),
        columns=COLUMNS,
        sort="name",
        search=lambda rows, text: rows.filter(name__icontains=text),
        filters=(
            Filter(
                "how",
                gettext_lazy("Put on"),
                [("hand", gettext_lazy("by people")), ("rule", gettext_lazy("by a rule"))],
                lambda rows, value: rows.filter(rule__isnull=value == "hand"),
            ),
        ),
    )
    if listing.export:
        return listing.export_response("tags")
    return render(request, "console/members/tags.html", {"listing": listing})


@require_http_methods(["GET", "POST"])
@writer_required
def tag_new(request: StaffRequest) -> HttpResponse:
    return _form(request, None)


@require_http_methods(["GET", "POST"])
@staff_required
def tag_edit(request: StaffRequest, pk: int) -> HttpResponse:
    """A tag: for whoever may change it a form, for others what it says."""
    tag = _visible(request, pk)
    if _may_manage(request, tag):
        return _form(request, tag)
    if request.method == "POST":
        raise PermissionDenied
    words = definition_words(tag.rule, request.user) if tag.rule else []
    context = {"tag": tag, "words": words, "number": tag.member_tags.count()}
    return render(request, "console/members/tag.html", context)


def _form(request: StaffRequest, tag: Tag | None) -> HttpResponse:
    user, status = request.user, 200
    if request.method == "POST":
        by_rule = request.POST.get("how") == "rule"
        builder = Builder.sent(request.POST, user)
        form = NamedForm(request.POST, user=user, is_new=tag is None, longest=LONGEST)
        if request.POST.get("act", "save") == "save":
            status = 422
            if form.is_valid() and (builder.definition or not by_rule):
                try:
                    saved = _save(request, tag, form, builder.definition if by_rule else None)
                except ValidationError as error:
                    add_errors(form, error)
                else:
                    toast(request, _saved_words(saved))
                    return redirect("members:tags")
        else:
            builder.errors = []
    else:
        by_rule = bool(tag and tag.rule)
        builder = Builder.of(tag.rule if tag else None, user)
        form = NamedForm(user=user, is_new=tag is None, longest=LONGEST, **({"name": tag.name} if tag else {}))
    context: dict[str, Any] = {
        "form": form,
        "builder": builder,
        "tag": tag,
        "by_rule": by_rule,
        "saving": status != 200,
    }
    if tag:
        context["number"] = tag.member_tags.count()
    return render(request, "console/members/tag_form.html", context, status=status)


def _save(request: StaffRequest, tag: Tag | None, form: NamedForm, rule: Any) -> Tag:
    name, now = form.cleaned_data["name"], timezone.now()
    if tag is None:
        return tag_create(by=request.user, now=now, name=name, branch=form.cleaned_data.get("branch"), rule=rule)
    return tag_update(by=request.user, now=now, tag=tag, name=name, rule=rule)


def _saved_words(tag: Tag) -> str:
    if tag.rule is None:
        return _("The tag %(name)s is saved.") % {"name": tag.name}
    number = tag.member_tags.count()
    words = ngettext(
        "The tag %(name)s is saved; %(number)d member has it.",
        "The tag %(name)s is saved; %(number)d members have it.",
        number,
    )
    return words % {"name": tag.name, "number": number}


@require_POST
@writer_required
def tag_remove(request: StaffRequest, pk: int) -> HttpResponse:
    tag = _visible(request, pk)
    if not _may_manage(request, tag):
        raise PermissionDenied
    number = tag_delete(by=request.user, tag=tag)
    words = ngettext(
        "The tag %(name)s is deleted; %(number)d member had it.",
        "The tag %(name)s is deleted; %(number)d members had it.",
        number,
    )
    toast(request, words % {"name": tag.name, "number": number})
    return redirect("members:tags")


def _may_manage(request: StaffRequest, tag: Tag) -> bool:
    return request.user.may_write and Tag.objects.managed_by(request.user).filter(pk=tag.pk).exists()


def _visible(request: StaffRequest, pk: int) -> Tag:
    return get_object_or_404(Tag.objects.visible_to(request.user).select_related("branch"), pk=pk)
