"""Violations in the console: the queue, and one of them with its evidence."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from accounts.models import User
from community_ops.lib.forms import add_errors
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from groups.models import Category, Group, Permission, Rule
from groups.roles.permissions import may
from members.conduct.forms import AppealForm, DecisionForm, NoteForm, RecordForm
from members.conduct.models import Source, Violation, ViolationState
from members.conduct.services import (
    SamePerson,
    appeal_decide,
    appeal_make,
    strikes_in_force,
    violation_confirm,
    violation_dismiss,
    violation_record,
    violation_reopen,
)
from members.conduct.words import marked, reasons, reminder_words
from members.models import Member, StaffTask
from members.work.kinds import kind_of

WAITING, ANY = "waiting", "any"
EXCERPT = 90


def _columns() -> list[Column[Violation]]:
    return [
        Column("member", gettext_lazy("Member"), order="member__name", value=lambda row: row.member.name),
        Column("group", gettext_lazy("Group"), order="group__name", value=lambda row: row.group.name, wide="lg"),
        Column("rule", gettext_lazy("Broken rule"), value=lambda row: row.rule.text, wide="md"),
        Column("evidence", gettext_lazy("Evidence"), value=lambda row: row.text),
        Column("source", gettext_lazy("Noticed by"), value=lambda row: row.get_source_display(), shown=False),
        Column("at", gettext_lazy("Time"), order="at", value=lambda row: row.at, wide="sm"),
        Column("action", gettext_lazy("What follows"), value=lambda row: row.get_action_display(), wide="xl"),
        Column("strikes", gettext_lazy("Strikes in force"), value=lambda row: row.standing, number=True, wide="xl"),
        Column("state", gettext_lazy("State"), order="state", value=lambda row: row.get_state_display()),
    ]


def _filters(user: User, asked_group: str) -> list[Filter[Violation]]:
    def in_state(rows: QuerySet[Violation], value: str) -> QuerySet[Violation]:
        return rows if value == ANY else rows.filter(state=value)

    groups = Group.objects.visible_to(user).filter(violations__isnull=False).distinct().order_by("name")
    return [
        Filter(
            "state",
            gettext_lazy("State"),
            [*ViolationState.choices, (ANY, gettext_lazy("Every state"))],
            in_state,
            unset=gettext_lazy("To decide"),
        ),
        Filter(
            "rule",
            gettext_lazy("Rule"),
            Category.choices,
            lambda rows, value: rows.filter(rule__category=value),
        ),
        Filter(
            "group",
            gettext_lazy("Group"),
            [(str(pk), name) for pk, name in groups.values_list("pk", "name")[:200]],
            lambda rows, value: rows.filter(group_id=value),
        ),
        Filter("source", gettext_lazy("Noticed by"), Source.choices, lambda rows, value: rows.filter(source=value)),
    ]


@require_GET
@staff_required
def violations(request: StaffRequest) -> HttpResponseBase:
    """The queue: what has to be decided, oldest last of all filters chosen."""
    rows = Violation.objects.visible_to(request.user)
    member = request.GET.get("member", "")
    if member.isdecimal() and len(member) < 19:
        rows = rows.filter(member_id=int(member))
    elif not request.GET.get("state"):
        rows = rows.waiting()
    listing = Listing(
        request,
        rows.select_related("member", "group", "rule"),
        columns=_columns(),
        filters=_filters(request.user, request.GET.get("group", "")),
        search=lambda found, text: found.filter(member__in=Member.objects.matching(text).values("pk")),
        sort="-at",
    )
    if listing.export:
        return listing.export_response("violations")
    groups = {row.group_id for row in listing.rows}
    permitted = set(
        Group.objects.filter(pk__in=groups).permitted(request.user, Permission.MODERATE).values_list("pk", flat=True)
    )
    standing = strikes_in_force(pairs={(row.member_id, row.group_id) for row in listing.rows}, now=timezone.now())
    shown = [
        {
            "violation": row,
            "pieces": _excerpt(row),
            "standing": standing.get((row.member_id, row.group_id), 0),
            "may_decide": row.state == ViolationState.OPEN and row.group_id in permitted,
        }
        for row in listing.rows
    ]
    context = {"listing": listing, "rows": shown, "may_decide_any": any(row["may_decide"] for row in shown)}
    return render(request, "console/members/conduct_violations.html", context)


def _excerpt(row: Violation) -> list[Any]:
    """The stretch of the evidence around its first hit."""
    first = min((hit["start"] for hit in row.hits), default=0)
    begin = max(0, min(first - 20, len(row.text) - EXCERPT))
    hits = [{**hit, "start": hit["start"] - begin, "end": hit["end"] - begin} for hit in row.hits]
    cut = row.text[begin : begin + EXCERPT]
    inside = [
        {**hit, "start": max(hit["start"], 0), "end": min(hit["end"], len(cut))}
        for hit in hits
        if hit["start"] < len(cut)
    ]
    return marked(cut, inside)


@require_POST
@writer_required
def violations_decide(request: StaffRequest) -> HttpResponse:
    """One decision on all that were ticked; those that are decided by now, or not theirs to decide, stay."""
    chosen = [int(text) for text in request.POST.getlist("violation") if text.isdecimal() and len(text) < 19]
    decide = violation_dismiss if request.POST.get("decision") == "dismiss" else violation_confirm
    rows = Violation.objects.visible_to(request.user).filter(pk__in=chosen[:500], state=ViolationState.OPEN)
    permitted = Group.objects.permitted(request.user, Permission.MODERATE)
    now = timezone.now()
    done = 0
    for row in rows.filter(group__in=permitted).select_related("group", "member", "rule"):
        done += decide(by=request.user, now=now, violation=row)
    if done:
        words = (
            ngettext("%(count)d violation dismissed.", "%(count)d violations dismissed.", done)
            if decide is violation_dismiss
            else ngettext("%(count)d violation confirmed.", "%(count)d violations confirmed.", done)
        )
        toast(request, words % {"count": done})
    else:
        warn(request, _("Nothing was decided: tick what is still to check."))
    return redirect(next_address(request, reverse("members:violations")))


@require_GET
@staff_required
def violation_detail(request: StaffRequest, pk: int) -> HttpResponse:
    return _detail(request, _visible(request, pk))


def _detail(request: StaffRequest, violation: Violation, status: int = 200, **forms: Any) -> HttpResponse:
    now = timezone.now()
    rules = {rule.code: rule for rule in Rule.objects.filter(version_id=violation.rule.version_id)}
    others = Violation.objects.filter(member=violation.member, group=violation.group).exclude(pk=violation.pk)
    tasks = list(
        StaffTask.objects.filter(subject_id=violation.pk, kind__startswith="conduct_", member=violation.member)
        .select_related("settled_by", "member", "group")
        .order_by("pk")
    )
    waiting = Violation.objects.visible_to(request.user).waiting().exclude(pk=violation.pk)
    context = {
        "violation": violation,
        "pieces": marked(violation.text, violation.hits),
        "reasons": reasons(violation.hits, rules) or [(violation.rule.text, [])],
        "standing": strikes_in_force(pairs=[(violation.member_id, violation.group_id)], now=now).get(
            (violation.member_id, violation.group_id), 0
        ),
        "others": [(one, one.counts(now)) for one in others.select_related("rule").order_by("-at", "-pk")[:10]],
        "tasks": [(task, kind_of(task)) for task in tasks],
        "words": reminder_words(violation, violation.member.name) if violation.action else "",
        "may_decide": may(request.user, Permission.MODERATE, violation.group),
        "is_own_judgement": violation.decided_by_id == request.user.pk,
        "next": waiting.order_by("-at", "-pk").filter(at__lte=violation.at).first() or waiting.order_by("-at").first(),
        "waiting": waiting.count(),
        "appeal": getattr(violation, "appeal", None),
        "note_form": NoteForm(),
        "appeal_form": AppealForm(),
        "decision_form": DecisionForm(),
        **forms,
    }
    return render(request, "console/members/conduct_violation.html", context, status=status)


def _onwards(request: StaffRequest, violation: Violation) -> str:
    """After a decision the next one is shown, until the queue is empty."""
    if "next" in request.POST:
        return next_address(request, reverse("members:violations"))
    waiting = Violation.objects.visible_to(request.user).filter(state=ViolationState.OPEN).order_by("-at", "-pk")
    following = waiting.filter(at__lte=violation.at).first() or waiting.first()
    return reverse("members:violation", args=[following.pk]) if following else reverse("members:violations")


@require_POST
@writer_required
def violation_decide(request: StaffRequest, pk: int, decision: str) -> HttpResponse:
    violation = _decidable(request, pk)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _detail(request, violation, 422, note_form=form)
    act = violation_confirm if decision == "confirm" else violation_dismiss
    if act(by=request.user, now=timezone.now(), violation=violation, note=form.cleaned_data["note"]):
        words = _("Confirmed: %(name)s.") if decision == "confirm" else _("Dismissed: %(name)s.")
        toast(
            request,
            words % {"name": violation.member.name},
            undo_url=_back(request, reverse("members:violation_reopen", args=[violation.pk])),
        )
        return redirect(_onwards(request, violation))
    warn(request, _("Somebody else has decided this already."))
    return redirect(next_address(request, reverse("members:violation", args=[violation.pk])))


def _back(request: StaffRequest, url: str) -> str:
    """The address of an undo that returns to the page from which was decided, where that is not the queue."""
    target = next_address(request, "")
    return f"{url}?{urlencode({'next': target})}" if target else url


@require_POST
@writer_required
def violation_undo(request: StaffRequest, pk: int) -> HttpResponse:
    violation = _decidable(request, pk)
    if violation_reopen(by=request.user, now=timezone.now(), violation=violation):
        toast(request, _("It is to be checked again."))
    else:
        warn(request, _("This cannot be taken back any more."))
    return redirect(next_address(request, reverse("members:violation", args=[violation.pk])))


@require_POST
@writer_required
def violation_appeal(request: StaffRequest, pk: int) -> HttpResponse:
    """Staff write down what a member says against a violation."""
    violation = _decidable(request, pk)
    form = AppealForm(request.POST)
    if form.is_valid():
        try:
            appeal_make(by=request.user, now=timezone.now(), violation=violation, text=form.cleaned_data["text"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The appeal is recorded. Somebody else decides on it."))
            return redirect("members:violation", violation.pk)
    return _detail(request, violation, 422, appeal_form=form)


@require_POST
@writer_required
def violation_settle(request: StaffRequest, pk: int, decision: str) -> HttpResponse:
    """The end of an appeal."""
    violation = _decidable(request, pk)
    form = DecisionForm(request.POST)
    if form.is_valid():
        try:
            done = appeal_decide(
                by=request.user,
                now=timezone.now(),
                violation=violation,
                overturned=decision == "overturn",
                reason=form.cleaned_data["reason"],
            )
        except ValidationError as error:
            add_errors(form, error)
        except SamePerson:
            form.add_error(None, _("You confirmed this violation yourself. Somebody else decides on the appeal."))
        else:
            if done:
                toast(request, _("The appeal is decided."))
            else:
                warn(request, _("Somebody else has decided this already."))
            return redirect("members:violation", violation.pk)
    return _detail(request, violation, 422, decision_form=form)


@require_http_methods(["GET", "POST"])
@writer_required
def violation_new(request: StaffRequest, pk: int) -> HttpResponse:
    """Staff record what no rule can notice by itself."""
    group = get_object_or_404(Group.objects.visible_to(request.user).select_related("branch"), pk=pk)
    if not may(request.user, Permission.MODERATE, group):
        raise PermissionDenied
    rules = Rule.objects.filter(version__rule_set_id=group.rule_set_id, version__state="published")
    form = RecordForm(
        request.POST if request.method == "POST" else None,
        group=group,
        rules=rules,
        initial={"at": timezone.localtime(), "member": request.GET.get("member"), "type": "text"},
    )
    if form.is_valid():
        values = form.cleaned_data
        try:
            violation = violation_record(
                by=request.user,
                now=timezone.now(),
                member=values["member"],
                group=group,
                rule=values["rule"],
                at=values["at"],
                text=values["text"],
                message_type=values["type"],
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The violation is recorded."))
            return redirect("members:violation", violation.pk)
    context = {"group": group, "form": form, "tab": "rules"}
    return render(request, "console/members/conduct_record.html", context, status=422 if form.is_bound else 200)


@require_GET
@staff_required
def member_conduct(request: StaffRequest, pk: int) -> HttpResponse:
    """How a member keeps to the rules: a part of their page."""
    member = get_object_or_404(Member.objects.visible_to(request.user), pk=pk)
    now = timezone.now()
    own = Violation.objects.visible_to(request.user).filter(member=member)
    rows = list(own.select_related("rule", "group").order_by("-at", "-pk")[:6])
    in_force = sum(one.strikes for one in own.in_force(now))
    context = {
        "member": member,
        "rows": [(one, one.counts(now)) for one in rows[:5]],
        "has_more": len(rows) > 5,
        "in_force": in_force,
        "points": getattr(member, "points_account", None),
    }
    return render(request, "console/members/conduct_of_member.html", context)


def _visible(request: StaffRequest, pk: int) -> Violation:
    rows = Violation.objects.visible_to(request.user).select_related(
        "member",
        "group__branch",
        "rule__version__rule_set",
        "reporter",
        "recorded_by",
        "decided_by",
        "appeal__decided_by",
    )
    return get_object_or_404(rows, pk=pk)


def _decidable(request: StaffRequest, pk: int) -> Violation:
    violation = _visible(request, pk)
    if not may(request.user, Permission.MODERATE, violation.group):
        raise PermissionDenied
    return violation
