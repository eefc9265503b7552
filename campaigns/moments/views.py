"""Plans of Moments: the list, the week of one, and its form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import StaffRequest, staff_required, writer_required
from accounts.models import User
from campaigns.content.models import Piece, Series
from campaigns.moments.models import MomentsPlan, MomentsPost, MomentsSlot, MomentsState
from campaigns.moments.services import BEST, SUGGESTED, SlotDraft, StaleMoments, moments_due, moments_save
from community_ops.lib.toasts import toast
from delivery.models import Value
from members.models import StaffTask
from members.work.forms import staff_for
from members.work.selectors import TaskItem, task_item, with_names

DAYS_BEFORE, DAYS_AHEAD = 3, 4
OFFERED = 200


@dataclass(frozen=True)
class Cell:
    """A slot on one day: what became of it, or, without `post`, what is to come."""

    slot: MomentsSlot
    due_at: datetime
    post: MomentsPost | None
    item: TaskItem | None

    @property
    def is_best(self) -> bool:
        return self.slot.at in BEST


@require_GET
@staff_required
def moments_list(request: StaffRequest) -> HttpResponse:
    today = timezone.localdate()
    of_today = Q(slots__posts__day=today)
    plans = MomentsPlan.objects.visible_to(request.user).select_related("user", "branch")
    plans = plans.annotate(
        posted=Count("slots__posts", filter=of_today & Q(slots__posts__state=MomentsState.POSTED), distinct=True),
        missed=Count("slots__posts", filter=of_today & Q(slots__posts__state=MomentsState.MISSED), distinct=True),
        slots_count=Count("slots", filter=Q(slots__removed_at=None), distinct=True),
    )
    return render(request, "console/campaigns/moments/list.html", {"plans": plans[:OFFERED], "tab": "moments"})


@require_GET
@staff_required
def moments_plan(request: StaffRequest, pk: int) -> HttpResponse:
    now, plan = timezone.now(), _visible(request, pk)
    today = timezone.localdate(now)
    days = [today + timedelta(days=day) for day in range(-DAYS_BEFORE, DAYS_AHEAD)]
    rows = _week(plan, days, now)
    posts = MomentsPost.objects.filter(slot__plan=plan, day__in=days)
    values = posts.exclude(piece=None).order_by().values_list("piece__value").annotate(n=Count("pk"))
    counts = dict(values)
    total = sum(counts.values())
    context = {
        "plan": plan,
        "days": [(day, cells, day == today) for day, cells in rows],
        "today": today,
        "now": now,
        "mix": [(label, round(100 * counts.get(value, 0) / total)) for value, label in Value.choices] if total else [],
        "may_change": plan.may_be_changed_by(request.user),
        "here": request.path,
    }
    return render(request, "console/campaigns/moments/plan.html", context)


def _week(plan: MomentsPlan, days: list[date], now: datetime) -> list[tuple[date, list[Cell]]]:
    """The days with their slots: those behind as they were, those ahead as they are planned. Four queries."""
    slots = list(plan.slots.filter(removed_at=None).select_related("piece", "series"))
    made = MomentsPost.objects.filter(slot__plan=plan, day__in=days).select_related(
        "slot__piece", "slot__series", "piece__picture"
    )
    posts = {(post.slot_id, post.day): post for post in made}
    ids = [post.task_id for post in posts.values() if post.task_id]
    tasks = {task.pk: task_item(task, now) for task in with_names(StaffTask.objects.filter(pk__in=ids))}
    rows = []
    for day in days:
        cells = []
        for slot in slots:
            due_at, post = moments_due(slot=slot, day=day), posts.pop((slot.pk, day), None)
            if post or due_at >= now:
                cells.append(Cell(slot, due_at, post, tasks.get(post.task_id or 0) if post else None))
        # What was posted by slots that are gone.
        for post in [post for (_slot, on), post in posts.items() if on == day]:
            cells.append(Cell(post.slot, post.due_at, post, tasks.get(post.task_id or 0)))
        rows.append((day, sorted(cells, key=lambda cell: cell.due_at)))
    return rows


@require_http_methods(["GET", "POST"])
@writer_required
def moments_new(request: StaffRequest) -> HttpResponse:
    return _form(request, None)


@require_http_methods(["GET", "POST"])
@writer_required
def moments_edit(request: StaffRequest, pk: int) -> HttpResponse:
    plan = _visible(request, pk)
    if not plan.may_be_changed_by(request.user):
        raise PermissionDenied
    return _form(request, plan)


def _form(request: StaffRequest, plan: MomentsPlan | None) -> HttpResponse:
    values, errors, status, stale = _standing(request, plan), {}, 200, False
    if request.method == "POST" and request.POST.get("act") == "add":
        values = _typed(request)
    elif request.method == "POST":
        values, status = _typed(request), 422
        try:
            saved = moments_save(
                by=request.user,
                now=timezone.now(),
                plan=plan,
                account=values["account"][:60],
                persona=values["persona"][:2000],
                user=_user(request, values["user"]),
                is_active=values["is_active"],
                slots=_slots(request.user, values["slots"]),
                branch=request.user.branch,
                version=int(values["version"]) if values["version"].isdecimal() else None,
            )
        except ValidationError as error:
            errors = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
        except StaleMoments as error:
            values["version"], stale, status = str(error.version), True, 409
        else:
            toast(request, _("The plan is saved. Its tasks show two hours before their time."))
            return redirect("campaigns:moments_plan", saved.pk)
    user = request.user
    pieces = Piece.objects.visible_to(user).ready().values_list("pk", "title")
    series = Series.objects.visible_to(user).filter(retired_at=None).values_list("pk", "name")
    context: dict[str, Any] = {
        "plan": plan,
        "values": values,
        "errors": errors,
        "general": errors.get("__all__", []),
        "stale": stale,
        "people": staff_for(user),
        "pieces": [(f"piece:{pk}", title) for pk, title in pieces[:OFFERED]],
        "series": [(f"series:{pk}", name) for pk, name in series[:OFFERED]],
        "best": [f"{at:%H:%M}" for at in sorted(BEST)],
    }
    return render(request, "console/campaigns/moments/form.html", context, status=status)


def _standing(request: StaffRequest, plan: MomentsPlan | None) -> dict[str, Any]:
    if plan is None:
        slots = [{"at": f"{at:%H:%M}"} for at in SUGGESTED]
        return {"account": "", "persona": "", "user": request.user.pk, "is_active": True, "slots": slots, "version": ""}
    slots = [
        {"at": f"{slot.at:%H:%M}", "text": slot.text, "source": _source(slot)}
        for slot in plan.slots.filter(removed_at=None)
    ]
    return {
        "account": plan.account,
        "persona": plan.persona,
        "user": plan.user_id,
        "is_active": plan.is_active,
        "slots": [*slots, {}],
        "version": str(plan.version),
    }


def _source(slot: MomentsSlot) -> str:
    if slot.piece_id:
        return f"piece:{slot.piece_id}"
    return f"series:{slot.series_id}" if slot.series_id else ""


def _typed(request: StaffRequest) -> dict[str, Any]:
    post = request.POST
    columns = zip(post.getlist("at"), post.getlist("source"), post.getlist("text"), strict=False)
    slots = [{"at": at, "source": source, "text": text.strip()} for at, source, text in list(columns)[:30]]
    if post.get("act") == "add":
        slots.append({})
    return {
        "account": post.get("account", "").strip(),
        "persona": post.get("persona", "").strip(),
        "user": _id(post.get("user", "")),
        "is_active": post.get("is_active") == "yes",
        "slots": slots,
        "version": post.get("version", "")[:9],
    }


def _id(asked: str) -> int:
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0


def _user(request: StaffRequest, pk: int) -> User:
    found = staff_for(request.user).filter(pk=pk).first()
    if found is None:
        raise ValidationError({"user": _("Choose who posts.")})
    user: User = found
    return user


def _slots(user: User, rows: list[dict[str, str]]) -> list[SlotDraft]:
    """The slots that say something; a row without text and source is no slot."""
    drafts = []
    for row in rows:
        kind, _sep, number = row.get("source", "").partition(":")
        piece = Piece.objects.visible_to(user).ready().filter(pk=_id(number)).first() if kind == "piece" else None
        series = Series.objects.visible_to(user).filter(pk=_id(number)).first() if kind == "series" else None
        text = row.get("text", "")[:2000]
        if not (text or piece or series):
            continue
        try:
            at = time.fromisoformat(row.get("at", "")).replace(second=0, microsecond=0, tzinfo=None)
        except ValueError:
            raise ValidationError(_("A time of day like 09:00 is expected here.")) from None
        drafts.append(SlotDraft(at, text, piece, series))
    return drafts


def _visible(request: StaffRequest, pk: int) -> MomentsPlan:
    return get_object_or_404(MomentsPlan.objects.visible_to(request.user).select_related("user", "branch"), pk=pk)
