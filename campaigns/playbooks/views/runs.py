"""One run of a playbook, the parts on the pages of groups and members, and what is done with them by hand."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from campaigns.playbooks.models import Playbook, PlaybookRun, Starts, StepRun
from campaigns.playbooks.selectors import day_words, of_group
from campaigns.playbooks.services import (
    playbook_of_plan,
    playbook_switch,
    run_begin,
    run_continue,
    run_stop,
    step_skip,
    step_unskip,
)
from community_ops.lib.toasts import toast, warn
from groups.models import Group, GroupPlan, Permission
from groups.roles.permissions import may
from members.models import Member, Membership, StaffTask
from members.work.selectors import task_items, with_names


def _run(request: StaffRequest, pk: int) -> PlaybookRun:
    runs = PlaybookRun.objects.visible_to(request.user)
    return get_object_or_404(runs.select_related("playbook", "group", "membership__member"), pk=pk)


def _id(asked: str) -> int:
    """An id from the browser; 0 for what is none."""
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0


@require_GET
@staff_required
def playbook_run(request: StaffRequest, pk: int) -> HttpResponse:
    now, run = timezone.now(), _run(request, pk)
    steps = list(run.steps.select_related("step").order_by("due_at", "pk"))
    tasks = with_names(StaffTask.objects.filter(pk__in=[row.task_id for row in steps if row.task_id]))
    items = {item.task.pk: item for item in task_items(tasks, now)}
    rows = [(row, day_words(run.playbook.starts, row.step.day), items.get(row.task_id or 0)) for row in steps]
    may_skip = request.user.may_write and may(request.user, Permission.POST, run.group)
    context = {"run": run, "rows": rows, "now": now, "here": request.path, "may_skip": may_skip}
    return render(request, "console/campaigns/playbooks/run.html", context)


@require_POST
@writer_required
def playbook_run_stop(request: StaffRequest, pk: int) -> HttpResponse:
    run = _run(request, pk)
    if run_stop(by=request.user, now=timezone.now(), run=run):
        undo = reverse("campaigns:playbook_run_continue", args=[pk])
        toast(request, _("Stopped, with its tasks."), undo_url=undo)
    return redirect(next_address(request, reverse("campaigns:playbook_run", args=[pk])))


@require_POST
@writer_required
def playbook_run_continue(request: StaffRequest, pk: int) -> HttpResponse:
    run = _run(request, pk)
    if run_continue(by=request.user, run=run):
        toast(request, _("It goes on where it was."))
    return redirect("campaigns:playbook_run", pk)


def _step(request: StaffRequest, pk: int) -> StepRun:
    """A step to be decided about: who may post in its group says what is said there."""
    runs = PlaybookRun.objects.visible_to(request.user)
    step = get_object_or_404(StepRun.objects.filter(run__in=runs).select_related("step", "run__group"), pk=pk)
    if not may(request.user, Permission.POST, step.run.group):
        raise PermissionDenied
    return step


@require_POST
@writer_required
def playbook_step_skip(request: StaffRequest, pk: int) -> HttpResponse:
    step = _step(request, pk)
    if step_skip(by=request.user, now=timezone.now(), step_run=step):
        undo = reverse("campaigns:playbook_step_plan", args=[pk])
        toast(request, _("The step is skipped."), undo_url=undo)
    else:
        warn(request, _("The step is not planned any more. Look at what became of it."))
    return redirect("campaigns:playbook_run", step.run_id)


@require_POST
@writer_required
def playbook_step_plan(request: StaffRequest, pk: int) -> HttpResponse:
    step = _step(request, pk)
    if step_unskip(by=request.user, step_run=step):
        toast(request, _("The step is planned again."))
    return redirect("campaigns:playbook_run", step.run_id)


@require_POST
@writer_required
def playbook_begin(request: StaffRequest) -> HttpResponse:
    """Begins a run by hand: of a group, or of a member in a group."""
    user = request.user
    playbook = get_object_or_404(Playbook.objects.visible_to(user), pk=_id(request.POST.get("playbook", "")))
    membership = None
    if asked := request.POST.get("membership", ""):
        found = Membership.objects.visible_to(user).select_related("group", "member")
        membership = get_object_or_404(found, pk=_id(asked))
        group = membership.group
    else:
        group = get_object_or_404(Group.objects.visible_to(user), pk=_id(request.POST.get("group", "")))
    try:
        run = run_begin(by=user, now=timezone.now(), playbook=playbook, group=group, membership=membership)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
        return redirect(next_address(request, reverse("groups:detail", args=[group.pk])))
    undo = reverse("campaigns:playbook_run_stop", args=[run.pk])
    toast(request, _("“%(name)s” has begun.") % {"name": playbook.name}, undo_url=undo)
    return redirect("campaigns:playbook_run", run.pk)


@require_GET
@staff_required
def group_playbooks(request: StaffRequest, pk: int) -> HttpResponse:
    """What runs in a group: a part of its page."""
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=pk)
    plan = GroupPlan.objects.filter(group=group).first()
    shown = of_group(group=group, user=request.user, now=timezone.now())
    context = {
        "group": group,
        "rows": shown,
        "plan": plan,
        "offers_plan": plan is not None and not any(row.playbook.starts == Starts.OPENING and row.run for row in shown),
        "may_change": may(request.user, Permission.POST, group),
    }
    return render(request, "console/campaigns/playbooks/of_group.html", context)


@require_POST
@writer_required
def group_playbook_switch(request: StaffRequest, pk: int, playbook_pk: int) -> HttpResponse:
    group, playbook = _group_for_change(request, pk), _of_reach(request, playbook_pk)
    on = request.POST.get("on") == "yes"
    if playbook_switch(by=request.user, now=timezone.now(), playbook=playbook, group=group, on=on):
        if on:
            toast(request, _("“%(name)s” runs in this group from now on.") % {"name": playbook.name})
        else:
            text = _("“%(name)s” is off in this group; what ran of it is ended.") % {"name": playbook.name}
            toast(request, text)
    return redirect("groups:detail", pk)


@require_POST
@writer_required
def group_plan_run(request: StaffRequest, pk: int) -> HttpResponse:
    """Lets the plan of the first days run that a group took over when it opened."""
    group, now = _group_for_change(request, pk), timezone.now()
    plan = get_object_or_404(GroupPlan, group=group)
    try:
        playbook = playbook_of_plan(by=request.user, now=now, motivation=plan.motivation)
        run = run_begin(by=request.user, now=now, playbook=playbook, group=group, starts_on=plan.starts_on)
    except ValidationError as error:
        warn(request, " ".join(error.messages))
        return redirect("groups:detail", pk)
    undo = reverse("campaigns:playbook_run_stop", args=[run.pk])
    toast(request, _("The plan runs. What is still ahead becomes tasks on its day."), undo_url=undo)
    return redirect("campaigns:playbook_run", run.pk)


def _group_for_change(request: StaffRequest, pk: int) -> Group:
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=pk)
    if not may(request.user, Permission.POST, group):
        raise PermissionDenied
    return group


def _of_reach(request: StaffRequest, pk: int) -> Playbook:
    return get_object_or_404(Playbook.objects.visible_to(request.user), pk=pk)


@require_GET
@staff_required
def member_playbooks(request: StaffRequest, pk: int) -> HttpResponse:
    """Which playbooks a member goes through: a part of their page."""
    user = request.user
    member = get_object_or_404(Member.objects.visible_to(user), pk=pk)
    runs = PlaybookRun.objects.visible_to(user).filter(membership__member=member).with_step()
    present = Membership.objects.present().visible_to(user).filter(member=member, group__state="active")
    joining = Playbook.objects.visible_to(user).running().filter(starts=Starts.JOINING)
    titles = {row.step_id: row.step.title for row in StepRun.objects.filter(run__in=runs).select_related("step")}
    context = {
        "member": member,
        "rows": [(run, titles.get(run.at_step or 0)) for run in runs.select_related("playbook", "group")[:10]],
        "memberships": present.select_related("group"),
        "playbooks": joining.filter(Q(branch=None) | Q(branch__in=present.values("group__branch"))),
        "page": reverse("members:detail", args=[pk]),
    }
    return render(request, "console/campaigns/playbooks/of_member.html", context)
