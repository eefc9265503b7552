"""What is decided about answering: service hours with target and ladder, closed days, who is on duty."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required, writer_required
from accounts.models import Branch, User
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast, warn
from community_ops.templatetags.ui import number
from groups.models import Group, Permission
from groups.roles.permissions import may
from members.questions.duty import swapped
from members.questions.forms import ClosedDaysForm, DutyForm, HoursForm, SwapForm, clock, windows_written
from members.questions.models import ClosedDay, DutySwap, DutyWindow, ServiceHours
from members.questions.selectors import length_words
from members.questions.service import key_of, usual
from members.questions.services.deciding import (
    DutyDraft,
    StaleHours,
    closed_day_remove,
    closed_days_add,
    days_read,
    duty_add,
    duty_remove,
    hours_forget,
    hours_save,
    swap_remove,
    swap_set,
)
from members.work.forms import staff_for

ALL, BRANCH, GROUP = "all", "branch", "group"
GROUPS_OFFERED = 200


class Scope:
    """Whose hours or duty: a group's, a branch's, or everybody's."""

    def __init__(self, kind: str, pk: int, user: User) -> None:
        self.kind, self.pk = kind, pk
        self.group: Group | None = None
        self.branch: Branch | None = None
        if kind == GROUP:
            self.group = get_object_or_404(Group.objects.visible_to(user).select_related("branch"), pk=pk)
        elif kind == BRANCH:
            self.branch = get_object_or_404(Branch, pk=pk)
            if user.branch_id is not None and user.branch_id != pk:
                raise Http404
        elif kind != ALL or pk:
            raise Http404

    def may_change(self, user: User) -> bool:
        """For all it is headquarters' administrators who decide, for a branch whoever changes something there, for a
        group whoever answers in it."""
        if self.group is not None:
            return may(user, Permission.ANSWER, self.group)
        if self.branch is not None:
            return user.may_write
        return user.is_admin and user.is_headquarters

    @property
    def key(self) -> str:
        return key_of(self.group, self.branch)

    @property
    def name(self) -> str:
        return str(self.group or self.branch or _("All groups"))


def _hold(request: StaffRequest, scope: Scope) -> None:
    if not scope.may_change(request.user):
        raise PermissionDenied


# Service hours


@require_GET
@staff_required
def settings(request: StaffRequest) -> HttpResponse:
    """Which hours hold where, and the closed days."""
    return _settings(request)


def _settings(request: StaffRequest, status: int = 200, **forms: Any) -> HttpResponse:
    user = request.user
    groups = Group.objects.visible_to(user).open()
    rows = ServiceHours.objects.select_related("group", "branch").filter(Q(group=None) | Q(group__in=groups))
    known = {row.key: row for row in rows}
    lines: list[dict[str, Any]] = [_hours_line(ALL, 0, _("All groups"), known.get(key_of()) or usual())]
    for branch in _branches(user):
        lines.append(_hours_line(BRANCH, branch.pk, branch.name, known.get(key_of(branch=branch))))
    lines += [_hours_line(GROUP, row.group.pk, row.group.name, row) for row in known.values() if row.group is not None]
    days = ClosedDay.objects.filter(day__gte=timezone.localdate()).select_related("branch")
    if not user.is_headquarters:
        days = days.filter(Q(branch=None) | Q(branch=user.branch))
    context = {
        "tab": "settings",
        "lines": lines,
        "days": [(day, _may_change_day(user, day)) for day in days[:100]],
        "days_form": ClosedDaysForm(),
        "groups": groups.order_by("name", "pk")[:GROUPS_OFFERED],
        **forms,
    }
    return render(request, "console/members/questions/settings.html", context, status=status)


def _branches(user: User) -> Any:
    return Branch.objects.all() if user.branch is None else Branch.objects.filter(pk=user.branch.pk)


def _hours_line(kind: str, pk: int, name: str, row: ServiceHours | None) -> dict[str, Any]:
    """Without a row the scope follows what holds above it."""
    line: dict[str, Any] = {"kind": kind, "pk": pk, "name": name, "follows": row is None}
    if row is not None:
        line |= {"target": length_words(row.target_seconds), "days": _days_in_words(row), "zone": row.timezone}
    return line


def _days_in_words(row: ServiceHours) -> list[tuple[int, int, str]]:
    """Weekdays with the same windows in one line: (first, last, times)."""
    found: list[tuple[int, int, str]] = []
    for weekday, windows in enumerate(row.windows):
        times = windows_written(windows)
        if found and found[-1][2] == times:
            found[-1] = (found[-1][0], weekday, times)
        else:
            found.append((weekday, weekday, times))
    return found


def _may_change_day(user: User, day: ClosedDay) -> bool:
    if day.branch_id is None:
        return user.is_admin and user.is_headquarters
    return user.may_write and (user.is_headquarters or user.branch_id == day.branch_id)


@require_GET
@writer_required
def hours_of_group(request: StaffRequest) -> HttpResponse:
    """Leads to the hours of the group that was chosen."""
    asked = request.GET.get("group", "")
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=int(asked) if known else 0)
    return redirect("members:service_hours", GROUP, group.pk)


@require_http_methods(["GET", "POST"])
@writer_required
def hours(request: StaffRequest, kind: str, pk: int) -> HttpResponse:
    scope = Scope(kind, pk, request.user)
    _hold(request, scope)
    row = ServiceHours.objects.filter(key=scope.key).first()
    shown = row or _above(scope)
    form = HoursForm(request.POST if request.method == "POST" else None, initial=_initial(shown, row))
    status, stale = 422 if form.is_bound else 200, False
    if form.is_valid():
        data = form.cleaned_data
        try:
            hours_save(
                by=request.user,
                now=timezone.now(),
                group=scope.group,
                branch=scope.branch,
                timezone=data["timezone"],
                windows=data["windows"],
                target_seconds=data["target_seconds"],
                ladder=data["ladder"],
                version=data["version"],
            )
        except ValidationError as error:
            add_errors(form, error)
        except StaleHours as error:
            # What was typed stays. Sent again, it is meant.
            sent = request.POST.copy()
            sent["version"] = str(error.version)
            form.data, status, stale = sent, 409, True
        else:
            toast(request, _("Saved. Questions that wait have their new deadline."))
            return redirect("members:questions_settings")
    context = {"scope": scope, "form": form, "own": row, "stale": stale, "tab": "settings"}
    return render(request, "console/members/questions/hours.html", context, status=status)


def _above(scope: Scope) -> ServiceHours:
    """What holds for a scope that has decided nothing."""
    keys = [key_of()]
    if scope.group is not None and scope.group.branch is not None:
        keys.insert(0, key_of(branch=scope.group.branch))
    rows = {row.key: row for row in ServiceHours.objects.filter(key__in=keys)}
    return next((rows[key] for key in keys if key in rows), usual())


def _initial(shown: ServiceHours, own: ServiceHours | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "version": own.version if own else 0,
        "timezone": shown.timezone,
        "target_seconds": shown.target_seconds,
    }
    values |= {f"day_{weekday}": windows_written(day) for weekday, day in enumerate(shown.windows)}
    for position, step in enumerate(shown.ladder):
        values |= {f"{name}_{position}": step[name] for name in ("after", "unit", "to")}
    return values


@require_POST
@writer_required
def hours_drop(request: StaffRequest, kind: str, pk: int) -> HttpResponse:
    """A group or a branch follows what holds above it again."""
    scope = Scope(kind, pk, request.user)
    _hold(request, scope)
    row = ServiceHours.objects.filter(key=scope.key).select_related("group", "branch").first()
    if row is not None and kind != ALL:
        hours_forget(by=request.user, now=timezone.now(), hours=row)
        toast(request, _("%(name)s follows the hours above it again.") % {"name": scope.name})
    return redirect("members:questions_settings")


# Closed days


@require_POST
@writer_required
def days_add(request: StaffRequest) -> HttpResponse:
    """Headquarters closes days for all, a branch for itself."""
    user = request.user
    if user.is_headquarters and not user.is_admin:
        raise PermissionDenied
    form = ClosedDaysForm(request.POST)
    if form.is_valid():
        try:
            days = days_read(form.cleaned_data["days"])
            count = closed_days_add(by=user, now=timezone.now(), days=days, branch=user.branch)
        except ValidationError as error:
            add_errors(form, error)
        else:
            text = ngettext("%(shown)s day is closed.", "%(shown)s days are closed.", count)
            toast(request, text % {"shown": number(count)})
            return redirect("members:questions_settings")
    return _settings(request, 422, days_form=form)


@require_POST
@writer_required
def day_remove(request: StaffRequest, pk: int) -> HttpResponse:
    day = get_object_or_404(ClosedDay.objects.select_related("branch"), pk=pk)
    if request.user.branch_id is not None and day.branch_id not in (None, request.user.branch_id):
        raise Http404
    if not _may_change_day(request.user, day):
        raise PermissionDenied
    closed_day_remove(by=request.user, now=timezone.now(), day=day)
    toast(request, _("%(day)s is open again.") % {"day": f"{day.day:%Y-%m-%d}"})
    return redirect("members:questions_settings")


# Duty


@require_GET
@staff_required
def duty(request: StaffRequest) -> HttpResponse:
    return _duty(request)


def _windows(user: User) -> Any:
    rows = DutyWindow.objects.select_related("user", "group", "branch")
    if user.is_headquarters:
        return rows
    return rows.filter(Q(branch=user.branch) | Q(group__branch=user.branch))


def _duty(request: StaffRequest, status: int = 200, **forms: Any) -> HttpResponse:
    user, local = request.user, timezone.localtime()
    minute = local.hour * 60 + local.minute
    boxes: dict[tuple[str, int], dict[str, Any]] = {}
    for row in _windows(user).order_by("group__name", "branch__name", "weekday", "start", "pk"):
        key = (GROUP, row.group_id) if row.group_id else (BRANCH, row.branch_id) if row.branch_id else (ALL, 0)
        box = boxes.setdefault(
            key,
            {"name": str(row.group or row.branch or _("Headquarters")), "days": [[] for _day in range(7)], "now": []},
        )
        box["days"][row.weekday].append((row, f"{clock(row.start)}–{clock(row.end)}"))
        if row.weekday == local.weekday() and row.start <= minute < row.end:
            box["now"].append(row.user)
    for box in boxes.values():
        box["now"] = swapped(box["now"], local.date())
    people = staff_for(user)
    swaps = DutySwap.objects.filter(day__gte=local.date(), absent__in=people).select_related("absent", "substitute")
    context = {
        "tab": "duty",
        "boxes": list(boxes.values()),
        "today": local.weekday(),
        "swaps": list(swaps[:50]),
        "scopes": _scopes(user),
        "form": DutyForm(people=people),
        "swap_form": SwapForm(people=people, initial={"day": local.date()}),
        **forms,
    }
    return render(request, "console/members/questions/duty.html", context, status=status)


def _scopes(user: User) -> list[tuple[str, str]]:
    """For whom somebody may be put on duty: (address part, name)."""
    if not user.may_write:
        return []
    found: list[tuple[str, str]] = []
    if user.is_headquarters:
        found += (
            [(f"{ALL}-0", _("Groups without a branch, and those nobody else is on duty for"))] if user.is_admin else []
        )
        found += [(f"{BRANCH}-{branch.pk}", branch.name) for branch in Branch.objects.all()]
    elif user.branch is not None:
        found.append((f"{BRANCH}-{user.branch.pk}", user.branch.name))
    groups = Group.objects.visible_to(user).open().permitted(user, Permission.ANSWER).order_by("name", "pk")
    return found + [(f"{GROUP}-{pk}", name) for pk, name in groups.values_list("pk", "name")[:GROUPS_OFFERED]]


def _scope_named(text: str, user: User) -> Scope:
    kind, _dash, pk = text.partition("-")
    known = pk.isascii() and pk.isdigit() and len(pk) < 19
    if not known:
        raise Http404
    return Scope(kind, int(pk), user)


@require_POST
@writer_required
def duty_new(request: StaffRequest) -> HttpResponse:
    scope = _scope_named(request.POST.get("scope", ""), request.user)
    _hold(request, scope)
    form = DutyForm(request.POST, people=staff_for(request.user))
    if form.is_valid():
        start, end = form.minutes()
        draft = DutyDraft(form.cleaned_data["user"], form.cleaned_data["weekdays"], start, end)
        try:
            made = duty_add(by=request.user, draft=draft, group=scope.group, branch=scope.branch)
        except ValidationError as error:
            add_errors(form, error)
        else:
            if made:
                toast(request, _("%(name)s is on duty.") % {"name": draft.user})
            else:
                warn(request, _("%(name)s is on duty then already.") % {"name": draft.user})
            return redirect("members:duty")
    return _duty(request, 422, form=form)


@require_POST
@writer_required
def duty_end(request: StaffRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(_windows(request.user), pk=pk)
    kind, number_of = (GROUP, row.group_id) if row.group_id else (BRANCH, row.branch_id) if row.branch_id else (ALL, 0)
    _hold(request, Scope(kind, number_of, request.user))
    duty_remove(by=request.user, window=row)
    toast(request, _("%(name)s is off duty.") % {"name": row.user})
    return redirect("members:duty")


@require_POST
@writer_required
def swap_new(request: StaffRequest) -> HttpResponse:
    form = SwapForm(request.POST, people=staff_for(request.user))
    if form.is_valid():
        try:
            swap = swap_set(by=request.user, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            toast(request, _("The swap is noted."), undo_url=reverse("members:swap_remove", args=[swap.pk]))
            return redirect("members:duty")
    return _duty(request, 422, swap_form=form)


@require_POST
@writer_required
def swap_end(request: StaffRequest, pk: int) -> HttpResponse:
    swap = get_object_or_404(DutySwap.objects.filter(absent__in=User.objects.visible_to(request.user)), pk=pk)
    swap_remove(by=request.user, swap=swap)
    toast(request, _("The swap is taken back."))
    return redirect("members:duty")
