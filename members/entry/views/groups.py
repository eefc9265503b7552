"""The entry of one group: its newcomers, its questions, its welcome and its titles."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.forms import BaseFormSet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from community_ops.lib.variables import filled
from groups.models import Group, Permission
from groups.roles.permissions import may
from members.entry.forms import ApplyingForm, QuestionForm, QuestionFormSet, TitleForm, TitleFormSet, WelcomeForm
from members.entry.models import Application, EntryPlan, EntryQuestion, GroupTitle, Newcomer
from members.entry.selectors import introduction_share, newcomer_steps, rules_of
from members.entry.services import (
    StalePlan,
    entry_plan,
    entry_plan_save,
    entry_questions_save,
    introductions_remind,
    seats_left,
    title_give,
    titles_save,
)
from members.entry.services.newcomers import welcome_words
from members.models import Member, Membership

PREVIEWED = 50
SINCE: list[tuple[str, Promise]] = [
    ("7", gettext_lazy("Joined in the last 7 days")),
    ("90", gettext_lazy("Joined in the last 90 days")),
    ("all", gettext_lazy("Whenever they joined")),
]
LACKING: list[tuple[str, Promise]] = [
    ("introduction", gettext_lazy("Not introduced yet")),
    ("telling", gettext_lazy("Not told the three things")),
]

NEWCOMER_COLUMNS: list[Column[Membership]] = [
    Column("name", gettext_lazy("Name"), order="member__name", value=lambda row: row.member.name),
    Column("external_id", gettext_lazy("Id in other systems"), value=lambda row: row.member.external_id, shown=False),
    Column("joined", gettext_lazy("Joined"), order="joined_at", value=lambda row: row.joined_at),
    Column("steps", gettext_lazy("First days"), wide="md"),
    Column(
        "introduced",
        gettext_lazy("Introduced themselves"),
        order="introduced_at",
        value=lambda row: row.introduced_at,
        nullable=True,
        wide="lg",
    ),
]


def _visible(request: StaffRequest, pk: int) -> Group:
    return get_object_or_404(Group.objects.visible_to(request.user).select_related("branch"), pk=pk)


def _reviewed(request: StaffRequest, pk: int) -> Group:
    """The group, for whoever may review who comes in."""
    group = _visible(request, pk)
    if not may(request.user, Permission.REVIEW, group):
        raise PermissionDenied
    return group


def _shell(request: StaffRequest, group: Group, part: str) -> dict[str, Any]:
    """What all parts of the tab share."""
    pending = Application.objects.pending().filter(group=group).count()
    may_review = may(request.user, Permission.REVIEW, group)
    return {"group": group, "tab": "entry", "part": part, "pending": pending, "may_review": may_review}


@require_GET
@staff_required
def group_entry(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Where the newcomers of a group stand."""
    group = _visible(request, pk)
    now = timezone.now()
    listing = Listing(
        request,
        Membership.objects.present().filter(group=group).select_related("member"),
        columns=NEWCOMER_COLUMNS,
        filters=_newcomer_filters(now),
        search=lambda rows, text: rows.filter(member__in=Member.objects.matching(text).values("pk")),
        sort="-joined",
        page_size=30,
    )
    if not any(state.name == "since" and state.value for state in listing.filters):
        listing.queryset = listing.queryset.filter(joined_at__gt=now - timedelta(days=30))
    if listing.export:
        return listing.export_response(f"group-{group.pk}-newcomers")
    steps = newcomer_steps(list(listing.rows))
    context = _shell(request, group, "newcomers") | {
        "listing": listing,
        "rows": [(row, steps[row.pk]) for row in listing.rows],
        "plan": entry_plan(group),
        "share": introduction_share(group=group, now=now),
        "unmet": Newcomer.objects.filter(group=group, welcomed_at=None, joined_at__gt=now - timedelta(hours=6)).count(),
    }
    return render(request, "console/members/entry_newcomers.html", context)


def _newcomer_filters(now: datetime) -> list[Filter[Membership]]:
    def since(rows: QuerySet[Membership], value: str) -> QuerySet[Membership]:
        return rows if value == "all" else rows.filter(joined_at__gt=now - timedelta(days=int(value)))

    def lacking(rows: QuerySet[Membership], value: str) -> QuerySet[Membership]:
        if value == "introduction":
            return rows.filter(introduced_at=None)
        return rows.exclude(pk__in=Newcomer.objects.filter(told_at__isnull=False).values("membership"))

    return [
        Filter("since", gettext_lazy("Joined"), SINCE, since, unset=gettext_lazy("Joined in the last 30 days")),
        Filter("lacking", gettext_lazy("What is missing"), LACKING, lacking),
    ]


@require_POST
@writer_required
def group_entry_remind(request: StaffRequest, pk: int) -> HttpResponse:
    group = _reviewed(request, pk)
    number = introductions_remind(by=request.user, group=group, now=timezone.now())
    if number:
        toast(
            request,
            ngettext(
                "The words for %(number)d newcomer are among the tasks.",
                "The words for %(number)d newcomers are among the tasks.",
                number,
            )
            % {"number": number},
        )
    else:
        toast(request, _("Everybody who joined lately has introduced themselves."))
    return redirect("members:group_entry", group.pk)


@require_http_methods(["GET", "POST"])
@staff_required
def group_entry_questions(request: StaffRequest, pk: int) -> HttpResponse:
    """Whether a group is applied for, with which questions, and who decides."""
    group = _reviewed(request, pk) if request.method == "POST" else _visible(request, pk)
    plan = entry_plan(group)
    questions = [QuestionForm.initial_of(question) for question in EntryQuestion.objects.filter(group=group)]
    form = ApplyingForm(request.POST or None, initial=ApplyingForm.initial_of(plan))
    formset = QuestionFormSet(request.POST or None, initial=questions, prefix="questions")
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid() and formset.is_valid():
            kept = [row for row in formset.ordered_forms if not row.is_empty]
            try:
                entry_questions_save(
                    by=request.user,
                    group=group,
                    questions=[row.draft() for row in kept],
                    changes=form.values(),
                    revision=form.cleaned_data["revision"],
                )
            except StalePlan as error:
                status = _stale(request, form, error)
            except ValidationError as error:
                fields = dict(error.error_dict) if hasattr(error, "error_dict") else {}
                for row, problem in zip(kept, fields.pop("questions", []), strict=False):
                    for message in filter(None, problem.messages):
                        row.add_error("choices" if row.cleaned_data["text"] else "text", message)
                if fields or not hasattr(error, "error_dict"):
                    add_errors(form, ValidationError(fields) if fields else error)
            else:
                toast(request, _("Saved."))
                return redirect("members:group_entry_questions", group.pk)
    context = _shell(request, group, "questions") | {
        "form": form,
        "formset": formset,
        "plan": plan,
        "seats": seats_left(group),
        "address": f"{settings.PUBLIC_URL}{reverse('member:join', args=[group.page_token])}",
        "has_rules": bool(rules_of(group)[1]),
    }
    return render(request, "console/members/entry_questions.html", context, status=status)


def _stale(request: StaffRequest, form: ApplyingForm | WelcomeForm, error: StalePlan) -> int:
    # What was typed stays. Sent again, it is meant: the form now knows the other change.
    data = request.POST.copy()
    data["revision"] = str(error.revision)
    form.data = data
    form.add_error(
        None,
        _("Somebody else changed this meanwhile. What you typed is still here; save again to replace their change."),
    )
    return 409


@require_http_methods(["GET", "POST"])
@staff_required
def group_welcome(request: StaffRequest, pk: int) -> HttpResponse:
    """What newcomers are welcomed with, and what staff tell them."""
    group = _reviewed(request, pk) if request.method == "POST" else _visible(request, pk)
    plan = entry_plan(group)
    form = WelcomeForm(request.POST or None, initial=WelcomeForm.initial_of(plan))
    latest = Membership.objects.present().filter(group=group).order_by("-joined_at", "pk")
    people = list(latest.select_related("member__invited_by")[:PREVIEWED])
    asked = request.POST.get("member", "")
    shown = next((row for row in people if str(row.pk) == asked), people[0] if people else None)
    status = 200
    if form.is_bound and "preview" not in request.POST:
        status = 422
        if form.is_valid():
            try:
                entry_plan_save(
                    by=request.user, group=group, changes=form.values(), revision=form.cleaned_data["revision"]
                )
            except StalePlan as error:
                status = _stale(request, form, error)
            except ValidationError as error:
                add_errors(form, error)
            else:
                toast(request, _("Saved."))
                return redirect("members:group_welcome", group.pk)
    words = str(form["welcome_text"].value() or "")
    context = _shell(request, group, "welcome") | {
        "form": form,
        "plan": plan,
        "people": people,
        "shown": shown,
        "preview": _previewed(plan, words, shown),
    }
    return render(request, "console/members/entry_welcome.html", context, status=status)


def _previewed(plan: EntryPlan, words: str, shown: Membership | None) -> str:
    if shown is None:
        return filled(words, {"group": plan.group.name, "purpose": plan.group.purpose})
    return welcome_words(plan=EntryPlan(group=plan.group, welcome_text=words), memberships=[shown])


@require_http_methods(["GET", "POST"])
@staff_required
def group_titles(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The titles of a group, and who holds them."""
    group = _reviewed(request, pk) if request.method == "POST" else _visible(request, pk)
    titles = list(GroupTitle.objects.filter(group=group))
    initial = [{name: getattr(title, name) for name in ("pk", "name", "meaning", "exclusive")} for title in titles]
    formset = TitleFormSet(request.POST or None, initial=initial, prefix="titles")
    status, problem = 200, ""
    if formset.is_bound:
        status = 422
        if formset.is_valid():
            try:
                titles_save(by=request.user, group=group, titles=_drafts(formset, group))
            except ValidationError as error:
                problem = error.messages[0]
            else:
                toast(request, _("Saved."))
                return redirect("members:group_titles", group.pk)
    listing = Listing(
        request,
        Membership.objects.present().filter(group=group).select_related("member"),
        columns=[
            Column("name", gettext_lazy("Name"), order="member__name", value=lambda row: row.member.name),
            Column("title", pgettext_lazy("honour", "Title"), order="title", value=lambda row: row.title),
            Column("last", gettext_lazy("Last seen here"), order="last_seen_at", value=lambda row: row.last_seen_at),
        ],
        filters=[
            Filter(
                "title",
                pgettext_lazy("honour", "Title"),
                [("any", gettext_lazy("With a title")), *((f"t{title.pk}", title.name) for title in titles)],
                lambda rows, value: _with_title(rows, value, titles),
            )
        ],
        search=lambda rows, text: rows.filter(member__in=Member.objects.matching(text).values("pk")),
        sort="-last",
        id="holders",
    )
    if listing.export:
        return listing.export_response(f"group-{group.pk}-titles")
    context = _shell(request, group, "titles") | {
        "formset": formset,
        "problem": problem,
        "titles": titles,
        "listing": listing,
    }
    return render(request, "console/members/entry_titles.html", context, status=status)


def _drafts(formset: BaseFormSet[TitleForm], group: Group) -> list[GroupTitle]:
    kept = [row for row in formset.forms if row not in formset.deleted_forms and not row.is_empty]
    return [row.title(group) for row in kept]


def _with_title(rows: QuerySet[Membership], value: str, titles: list[GroupTitle]) -> QuerySet[Membership]:
    if value == "any":
        return rows.exclude(title="")
    return rows.filter(title=next(title.name for title in titles if f"t{title.pk}" == value))


@require_POST
@writer_required
def group_title_give(request: StaffRequest, pk: int) -> HttpResponse:
    """Gives a title to the members that were ticked, or takes theirs."""
    group = _reviewed(request, pk)
    asked = [value for value in request.POST.getlist("membership") if value.isdecimal() and len(value) < 19]
    chosen = list(Membership.objects.filter(group=group, pk__in=asked))
    title = request.POST.get("title", "")
    if not chosen:
        warn(request, _("Tick the members first."))
        return redirect("members:group_titles", group.pk)
    try:
        changed = title_give(by=request.user, group=group, memberships=chosen, title=title)
    except ValidationError as error:
        warn(request, error.messages[0])
    else:
        toast(
            request,
            ngettext("The title of %(number)d member changed.", "The titles of %(number)d members changed.", changed)
            % {"number": changed},
        )
    return redirect("members:group_titles", group.pk)
