"""What is to do: the list of tasks, one task, and what is done with them in place."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from accounts.models import Branch, User
from community_ops.lib.lists import Column, Filter, Listing
from community_ops.lib.toasts import toast, warn
from community_ops.templatetags.ui import number
from groups.models import Group
from members.models import Member
from members.work.forms import TaskForm, staff_for
from members.work.kinds import Outcome, all_kinds, kind_of
from members.work.models import StaffTask, TaskState
from members.work.notes import task_write
from members.work.selectors import TaskItem, task_item, task_items, task_may_settle, task_rights, with_names
from members.work.services import task_assign, task_settle, tasks_reopen, tasks_settle

PART_SHOWN = 5
MOST_AT_ONCE = 200
LONGEST_NOTE = 500
SETTLED = "settled"
HEADQUARTERS = "none"
SKIP = "skip"


def _columns(now: datetime, user: User) -> list[Column[StaffTask]]:
    return [
        Column("select", gettext_lazy("Choose all on this page")),
        Column(
            "task", pgettext_lazy("task", "Task"), order="kind", value=lambda task: str(task_item(task, now).sentence)
        ),
        Column("kind", pgettext_lazy("task", "Kind"), value=lambda task: str(kind_of(task).label), shown=False),
        Column(
            "group",
            gettext_lazy("Group"),
            order="group__name",
            value=lambda task: str(task.group or ""),
            nullable=True,
            wide="md",
        ),
        Column("member", gettext_lazy("Member"), value=lambda task: str(task.member or ""), shown=False),
        Column(
            "branch",
            gettext_lazy("Branch"),
            order="branch__name",
            value=lambda task: str(task.branch or ""),
            nullable=True,
            wide="xl",
            shown=user.is_headquarters,
        ),
        Column(
            "for",
            pgettext_lazy("task", "For"),
            order="assignee__username",
            value=lambda task: str(task.assignee or ""),
            nullable=True,
            wide="lg",
        ),
        Column("due", pgettext_lazy("task", "Until"), order="due_at", value=lambda task: task.due_at, wide="sm"),
        Column("state", gettext_lazy("State"), value=lambda task: str(task_item(task, now).outcome), shown=False),
        Column("note", gettext_lazy("Note"), value=lambda task: task.note, shown=False),
        Column("settled", pgettext_lazy("task", "Settled"), value=lambda task: task.settled_at, shown=False),
        Column("acts", gettext_lazy("What to do"), wide="sm"),
    ]


def _filters(request: StaffRequest, now: datetime) -> list[Filter[StaffTask]]:
    user = request.user

    def whose(tasks: QuerySet[StaffTask], value: str) -> QuerySet[StaffTask]:
        if value == "mine":
            return tasks.filter(pk__in=StaffTask.objects.falling_to(user).values("pk"))
        return tasks.filter(assignee=None) if value == "nobody" else tasks.filter(assignee_id=int(value))

    def due(tasks: QuerySet[StaffTask], value: str) -> QuerySet[StaffTask]:
        if value == "late":
            return tasks.filter(due_at__lt=now)
        end = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=int(value))
        return tasks.filter(due_at__lt=end)

    def in_branch(tasks: QuerySet[StaffTask], value: str) -> QuerySet[StaffTask]:
        return tasks.filter(branch=None) if value == HEADQUARTERS else tasks.filter(branch_id=int(value))

    people = [(str(person.pk), str(person)) for person in staff_for(user)]
    filters: list[Filter[StaffTask]] = [
        Filter(
            "whose",
            gettext_lazy("Whose"),
            [("mine", gettext_lazy("Mine")), ("nobody", gettext_lazy("Given to nobody")), *people],
            whose,
            unset=gettext_lazy("Everybody's"),
        ),
        Filter(
            "kind",
            pgettext_lazy("task", "Kind"),
            [(kind.slug, kind.label) for kind in all_kinds()],
            lambda tasks, value: tasks.filter(kind=value),
        ),
        Filter(
            "due",
            pgettext_lazy("task", "Until"),
            [
                ("late", gettext_lazy("Late")),
                ("1", gettext_lazy("Until tonight")),
                ("7", gettext_lazy("Within 7 days")),
            ],
            due,
        ),
        Filter(
            "state",
            gettext_lazy("State"),
            [(SETTLED, pgettext_lazy("tasks", "Settled"))],
            lambda tasks, value: tasks,
            unset=pgettext_lazy("tasks", "Open"),
        ),
    ]
    asked = request.GET.get("group", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 19:
        named = Group.objects.visible_to(user).filter(pk=int(asked)).values_list("pk", "name")
        filters.append(
            Filter("group", gettext_lazy("Group"), list(named), lambda tasks, value: tasks.filter(group_id=int(value)))
        )
    if user.is_headquarters:
        branches: list[tuple[Any, Any]] = [(str(pk), name) for pk, name in Branch.objects.values_list("pk", "name")]
        if branches:
            branches.append((HEADQUARTERS, gettext_lazy("Headquarters")))
            filters.insert(0, Filter("branch", gettext_lazy("Branch"), branches, in_branch))
    return filters


@require_GET
@staff_required
def task_list(request: StaffRequest) -> HttpResponseBase:
    now = timezone.now()
    tasks = StaffTask.objects.visible_to(request.user)
    settled = request.GET.get("state") == SETTLED
    tasks = tasks.filter(state__in=[TaskState.DONE, TaskState.SKIPPED]) if settled else tasks.open()
    listing = Listing(
        request,
        with_names(tasks),
        columns=_columns(now, request.user),
        filters=_filters(request, now),
        search=lambda found, text: found.filter(pk__in=StaffTask.objects.matching(text).values("pk")),
        sort="-due" if settled else "due",
        id="tasks",
    )
    if listing.export:
        return listing.export_response("tasks")
    items = task_items(listing.rows, now, task_rights(listing.rows, request.user))
    context = {
        "listing": listing,
        "items": items,
        "lines": _with_headings(items, now) if listing.sort == "due" else [("", item) for item in items],
        "settled": settled,
        "here": request.get_full_path(),
        "outcomes": _common_outcomes(listing.rows),
        "people": staff_for(request.user) if request.user.may_write else [],
    }
    return render(request, "console/members/tasks.html", context)


def _with_headings(items: Iterable[TaskItem], now: datetime) -> list[tuple[str, TaskItem]]:
    """Each task, with the heading that stands above it where a new stretch of time begins."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    stretches = [
        (now, pgettext("tasks", "Late")),
        (midnight + timedelta(days=1), pgettext("tasks", "Today")),
        (midnight + timedelta(days=2), pgettext("tasks", "Tomorrow")),
        (midnight + timedelta(days=7), pgettext("tasks", "Within a week")),
    ]
    found, before = [], ""
    for item in items:
        heading = next((name for end, name in stretches if item.task.due_at < end), pgettext("tasks", "Later"))
        found.append((heading if heading != before else "", item))
        before = heading
    return found


def _common_outcomes(tasks: Iterable[StaffTask]) -> list[Outcome]:
    """The outcomes of the kinds on this page that want no sentence: what may be chosen for many at once."""
    found: dict[str, Outcome] = {}
    for kind in dict.fromkeys(kind_of(task) for task in tasks):
        for choice in kind.outcomes:
            if choice.asks_note:
                continue
            found.setdefault(choice.slug, choice)
    return list(found.values())


@require_GET
@staff_required
def task_detail(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _visible(request, pk))


def _page(request: StaffRequest, task: StaffTask, *, note: str = "", error: str = "") -> HttpResponse:
    context = {
        "item": task_item(task, timezone.now(), task_rights([task], request.user)),
        "people": staff_for(request.user) if request.user.may_write else [],
        "note": note,
        "error": error,
        "next": next_address(request, ""),
        "can_reopen": request.user.may_write
        and kind_of(task).can_reopen
        and task.state in (TaskState.DONE, TaskState.SKIPPED),
    }
    return render(request, "console/members/task.html", context, status=422 if error else 200)


@require_http_methods(["GET", "POST"])
@writer_required
def task_new(request: StaffRequest) -> HttpResponse:
    now = timezone.now()
    asked = request.GET.get("group", "")
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    group = Group.objects.visible_to(request.user).filter(pk=int(asked)).first() if known else None
    form = TaskForm(request.POST or None, user=request.user, now=now, group=group)
    if form.is_valid():
        data = form.cleaned_data
        task_write(
            by=request.user,
            now=now,
            text=data["text"],
            due_at=form.due_at(),
            group=data["group"],
            assignee=data["assignee"],
        )
        toast(request, _("The task is written down."))
        return redirect(next_address(request, reverse("members:tasks")))
    context = {"form": form, "group": group}
    return render(request, "console/members/task_form.html", context, status=422 if form.is_bound else 200)


@require_POST
@writer_required
def task_end(request: StaffRequest, pk: int) -> HttpResponse:
    """Settles a task with one of its outcomes, or as not needed. An outcome that wants a sentence gets the page where
    it can be written."""
    task = _visible(request, pk)
    if not task_may_settle(request.user, task):
        raise PermissionDenied
    asked, note = request.POST.get("outcome", ""), _note(request)
    outcome = next((choice for choice in kind_of(task).outcomes if choice.slug == asked), None)
    if outcome is None and asked != SKIP:
        return _page(request, task, note=note, error=_("Choose how the task ends."))
    if outcome and outcome.asks_note and not note:
        return _page(request, task, error=_("Say in a sentence why: %(outcome)s.") % {"outcome": outcome.label})
    try:
        done = task_settle(
            by=request.user,
            now=timezone.now(),
            task=task,
            outcome=asked,
            note=note,
            state=TaskState.DONE if outcome else TaskState.SKIPPED,
        )
    except ValidationError as error:
        warn(request, " ".join(error.messages))
        return redirect(next_address(request, reverse("members:task", args=[task.pk])))
    target = next_address(request, reverse("members:tasks"))
    if done:
        ended = task_item(task, timezone.now())
        toast(
            request,
            _("%(task)s: %(outcome)s") % {"task": ended.sentence, "outcome": ended.outcome},
            undo_url=_undo([task], target) if kind_of(task).can_reopen else "",
        )
    else:
        warn(request, _("Somebody else settled this task meanwhile."))
    return redirect(target)


@require_POST
@writer_required
def task_give(request: StaffRequest, pk: int) -> HttpResponse:
    task = _visible(request, pk)
    person = _person(request)
    task_assign(by=request.user, task=task, assignee=person)
    toast(
        request,
        _("The task is for %(name)s now.") % {"name": person} if person else _("The task is for everybody again."),
    )
    return redirect(next_address(request, reverse("members:task", args=[task.pk])))


@require_POST
@writer_required
def tasks_many(request: StaffRequest) -> HttpResponse:
    """Settles or gives away the tasks that were ticked."""
    now = timezone.now()
    target = next_address(request, reverse("members:tasks"))
    tasks = _chosen(request, request.POST.getlist("ids"))
    act, outcome = request.POST.get("action", ""), request.POST.get("outcome", "")
    if not tasks:
        warn(request, _("Tick at least one task first."))
    elif act == "give":
        person = _person(request)
        for task in tasks:
            task_assign(by=request.user, task=task, assignee=person)
        text = ngettext("%(shown)s task is given away.", "%(shown)s tasks are given away.", len(tasks))
        toast(request, text % {"shown": number(len(tasks))})
    else:
        try:
            done = tasks_settle(
                by=request.user, now=now, tasks=tasks, outcome=outcome, note=_note(request), skip=act == SKIP
            )
        except ValidationError as error:
            warn(request, " ".join(error.messages))
            return redirect(target)
        _tell(request, done.settled, done.left, target)
    return redirect(target)


def _tell(request: StaffRequest, settled: list[StaffTask], left: int, target: str) -> None:
    if settled:
        text = ngettext("%(shown)s task is settled.", "%(shown)s tasks are settled.", len(settled))
        back = [task for task in settled if kind_of(task).can_reopen]
        toast(request, text % {"shown": number(len(settled))}, undo_url=_undo(back, target) if back else "")
    if left:
        text = ngettext(
            "%(shown)s task was left: it has no such outcome, wants a sentence, or was settled meanwhile.",
            "%(shown)s tasks were left: they have no such outcome, want a sentence, or were settled meanwhile.",
            left,
        )
        warn(request, text % {"shown": number(left)})


@require_POST
@writer_required
def tasks_undo(request: StaffRequest) -> HttpResponse:
    """Opens settled tasks again: `?ids=1,2,3`."""
    tasks = _chosen(request, request.GET.get("ids", "").split(","))
    count = tasks_reopen(by=request.user, now=timezone.now(), tasks=tasks)
    if count:
        text = ngettext("%(shown)s task is open again.", "%(shown)s tasks are open again.", count)
        toast(request, text % {"shown": number(count)})
    else:
        warn(request, _("What followed from this task cannot be taken back."))
    return redirect(next_address(request, reverse("members:tasks")))


@require_GET
@staff_required
def tasks_part(request: StaffRequest) -> HttpResponse:
    """Open tasks of a group, a member or a kind, to be settled in place: a part of another page.

    `?group=`, `?member=`, `?kind=`; `?next=` is the address of the page it stands in.
    """
    tasks = StaffTask.objects.visible_to(request.user).open()
    query = {}
    for name, rows in (
        ("group", Group.objects.visible_to(request.user)),
        ("member", Member.objects.visible_to(request.user)),
    ):
        asked = request.GET.get(name, "")
        if asked:
            known = asked.isascii() and asked.isdigit() and len(asked) < 19
            row: Any = get_object_or_404(rows, pk=int(asked) if known else 0)
            tasks, query[name] = tasks.filter(**{name: row}), asked
    if kind := request.GET.get("kind", ""):
        tasks, query["kind"] = tasks.filter(kind=kind[:40]), kind[:40]
    return _part(request, tasks, query)


@require_GET
@staff_required
def member_tasks(request: StaffRequest, pk: int) -> HttpResponse:
    """The open tasks about a member, a part of their page."""
    member = get_object_or_404(Member.objects.visible_to(request.user), pk=pk)
    return _part(request, StaffTask.objects.visible_to(request.user).open().filter(member=member), {"member": str(pk)})


def _part(request: StaffRequest, tasks: QuerySet[StaffTask], query: dict[str, str]) -> HttpResponse:
    rows = list(with_names(tasks).order_by("due_at", "pk")[: PART_SHOWN + 1])
    page = next_address(request, _page_of(query))
    context = {
        "items": task_items(rows[:PART_SHOWN], timezone.now(), task_rights(rows, request.user)),
        "more": len(rows) > PART_SHOWN,
        "page": page,
        "here": f"{reverse('members:tasks_part')}?{urlencode({**query, 'next': page})}",
        "all_url": f"{reverse('members:tasks')}?{urlencode(query)}",
        "about_group": "group" in query,
    }
    return render(request, "console/members/tasks_part.html", context)


def _page_of(query: dict[str, str]) -> str:
    if "group" in query:
        return reverse("groups:detail", args=[query["group"]])
    if "member" in query:
        return reverse("members:detail", args=[query["member"]])
    return reverse("members:tasks")


def _visible(request: StaffRequest, pk: int) -> StaffTask:
    return get_object_or_404(with_names(StaffTask.objects.visible_to(request.user)), pk=pk)


def _chosen(request: StaffRequest, asked: list[str]) -> list[StaffTask]:
    ids = [int(pk) for pk in asked if pk.isascii() and pk.isdigit() and len(pk) < 19]
    tasks = StaffTask.objects.visible_to(request.user).filter(pk__in=ids[:MOST_AT_ONCE])
    return list(with_names(tasks).order_by("due_at", "pk"))


def _person(request: StaffRequest) -> User | None:
    """Whom the form names: by number, or as the field with suggestions does, by user name."""
    if name := request.POST.get("username", "").replace("\x00", "").strip():
        named: User = get_object_or_404(staff_for(request.user), username=name)
        return named
    asked = request.POST.get("assignee", "")
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    return get_object_or_404(staff_for(request.user), pk=int(asked)) if known else None


def _note(request: StaffRequest) -> str:
    return request.POST.get("note", "").replace("\x00", "").strip()[:LONGEST_NOTE]


def _undo(tasks: list[StaffTask], target: str) -> str:
    ids = ",".join(str(task.pk) for task in tasks)
    return f"{reverse('members:tasks_undo')}?{urlencode({'ids': ids, 'next': target})}"
