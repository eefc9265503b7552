"""Playbooks are written: as a form or as text, and what an edit changes is shown before it is saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import StaffRequest, staff_required, writer_required
from campaigns.models import Piece, Series
from campaigns.playbooks.content import (
    WEEKDAYS as WEEKDAY_SLUGS,
)
from campaigns.playbooks.content import (
    PlaybookContent,
    StepContent,
    choices_by_name,
    content_check,
    content_of,
    content_parse,
    content_text,
    content_values,
)
from campaigns.playbooks.models import Late, Playbook, Starts, StepKind, StepTask
from campaigns.playbooks.services import StalePlaybook, playbook_create, playbook_preview, playbook_save
from campaigns.playbooks.shipped import shipped_all, shipped_text
from campaigns.playbooks.texts import OF_GROUP
from campaigns.playbooks.views.lists import playbook_changeable, playbook_visible
from community_ops.lib.checked_yaml import LARGEST, Mistake, Mistakes
from community_ops.lib.differences import difference
from community_ops.lib.toasts import toast
from groups.models import Group, GroupRole, Motivation
from groups.roles.models import STAFF_ROLES

NUMBERS = ("day", "late_minutes", "within_hours")
OFFERED = 200


@dataclass
class StepRow:
    """A step in the form, as it was typed, with what is wrong with it by field."""

    values: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_weekday(self) -> bool:
        return self.values.get("day") in WEEKDAY_SLUGS


@require_GET
@writer_required
def playbook_choose(request: StaffRequest) -> HttpResponse:
    """What to begin with: an empty one, a shipped one, or a file."""
    return render(request, "console/campaigns/playbooks/choose.html", {"shipped": shipped_all()})


@require_http_methods(["GET", "POST"])
@writer_required
def playbook_new(request: StaffRequest) -> HttpResponse:
    if request.method == "GET":
        content = _beginning(request)
        if request.GET.get("as") == "text":
            return _text_page(request, None, content_text(content) if content else "")
        return _form_page(request, None, content_values(content) if content else _EMPTY)
    return _posted(request, None)


@require_http_methods(["GET", "POST"])
@writer_required
def playbook_edit(request: StaffRequest, pk: int) -> HttpResponse:
    playbook = playbook_changeable(request, pk)
    if not playbook.is_open:
        raise PermissionDenied
    if request.method == "POST":
        return _posted(request, playbook)
    content = content_of(playbook)
    asked = request.GET.get("version", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 9:
        # An earlier version is opened like an edit: what it changes is shown before it is taken.
        old = get_object_or_404(playbook.versions, number=int(asked))
        return _posted_text(request, playbook, old.text, playbook.version)
    if request.GET.get("as") == "text":
        return _text_page(request, playbook, content_text(content))
    return _form_page(request, playbook, content_values(content))


_EMPTY: dict[str, Any] = {"name": "", "starts": Starts.JOINING.value, "steps": [{}]}


def _beginning(request: StaffRequest) -> PlaybookContent | None:
    """What a new playbook begins with: a shipped one or a copy of another."""
    shipped, copied = request.GET.get("shipped", ""), request.GET.get("from", "")
    if shipped:
        if shipped not in {item.slug for item in shipped_all()}:
            raise Http404
        return content_parse(shipped_text(shipped))
    if copied.isascii() and copied.isdigit() and len(copied) < 19:
        return content_of(playbook_visible(request, int(copied)))
    return None


def _posted(request: StaffRequest, playbook: Playbook | None) -> HttpResponse:
    version = _version(request)
    if "text" in request.POST and "step_title" not in request.POST:
        text = request.POST["text"]
        file = request.FILES.get("file")
        if file is not None:
            try:
                text = file.read(LARGEST * 4 + 1).decode("utf-8-sig")
            except UnicodeDecodeError:
                mistake = Mistake("", 0, _("The file is no text in UTF-8."))
                return _text_page(request, playbook, text, [mistake], version=version)
        return _posted_text(request, playbook, text.replace("\r\n", "\n"), version)
    values = _typed(request)
    act = request.POST.get("act", "")
    if act == "add":
        values["steps"].append({})
    elif act.startswith("remove:") and act[7:].isdecimal() and len(act) < 12:
        values["steps"] = [step for number, step in enumerate(values["steps"]) if number != int(act[7:])]
    if act != "save":
        return _form_page(request, playbook, values, version=version)
    try:
        content = content_check(_numbers(values))
    except Mistakes as error:
        return _form_page(request, playbook, values, error.errors, version=version)
    return _save(request, playbook, content, version, values=values)


def _posted_text(request: StaffRequest, playbook: Playbook | None, text: str, version: int | None) -> HttpResponse:
    try:
        content = content_parse(text)
    except Mistakes as error:
        return _text_page(request, playbook, text, error.errors, version=version)
    return _save(request, playbook, content, version, text=text)


def _save(
    request: StaffRequest,
    playbook: Playbook | None,
    content: PlaybookContent,
    version: int | None,
    *,
    values: dict[str, Any] | None = None,
    text: str = "",
) -> HttpResponse:
    """Makes a new playbook at once; of one that is there, first shows what changes."""
    now, user = timezone.now(), request.user
    stale = ""
    try:
        if playbook is None:
            made = playbook_create(by=user, now=now, content=content, branch=user.branch)
            toast(request, _("The playbook is written, as a draft. Look at it once more and let it run."))
            return redirect("campaigns:playbook", made.pk)
        if request.method == "POST" and request.POST.get("confirmed"):
            playbook_save(by=user, now=now, playbook=playbook, content=content, version=version)
            toast(request, _("The playbook is saved. Its earlier version stays in the history."))
            return redirect("campaigns:playbook", playbook.pk)
    except StalePlaybook as error:
        version, stale = error.version, error.text
    except ValidationError as error:
        mistakes = [Mistake("", 0, message) for message in error.messages]
        if values is not None:
            return _form_page(request, playbook, values, mistakes, version=version)
        return _text_page(request, playbook, text, mistakes, version=version)
    assert playbook is not None
    try:
        change = playbook_preview(playbook=playbook, content=content, now=now)
    except ValidationError as error:
        mistakes = [Mistake("", 0, message) for message in error.messages]
        if values is not None:
            return _form_page(request, playbook, values, mistakes, version=version)
        return _text_page(request, playbook, text, mistakes, version=version)
    written = content_text(content)
    standing = content_text(content_of(playbook))
    context = {
        "playbook": playbook,
        "change": change,
        "difference": difference(standing, written),
        "text": written,
        "version": version if version is not None else playbook.version,
        "stale": bool(stale),
    }
    return render(request, "console/campaigns/playbooks/preview.html", context, status=409 if stale else 200)


def _version(request: StaffRequest) -> int | None:
    asked = request.POST.get("version", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else None


def _typed(request: StaffRequest) -> dict[str, Any]:
    """What the form holds, as content_check() reads it; numbers are still text."""
    post = request.POST
    columns = {name: post.getlist(f"step_{name}") for name in StepContent.KEYS}
    count = max(len(column) for column in columns.values())
    steps = []
    for number in range(min(count, 100)):
        row = {name: column[number].strip() for name, column in columns.items() if number < len(column)}
        row["text"] = row.get("text", "").replace("\r\n", "\n")
        steps.append(row)
    return {
        "name": post.get("name", "").strip(),
        "about": post.get("about", "").strip(),
        "starts": post.get("starts", ""),
        "date": post.get("date", "").strip(),
        "motivations": post.getlist("motivations"),
        "groups": post.getlist("groups"),
        "steps": steps,
    }


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    """The same with its numbers as such, fields left empty taken away, and a key for every step."""
    steps = []
    taken = {step.get("key") for step in values["steps"]}
    for step in values["steps"]:
        row = {name: value for name, value in step.items() if value != ""}
        for name in NUMBERS:
            if isinstance(row.get(name), str) and row[name].lstrip("-").isdecimal() and len(row[name]) < 9:
                row[name] = int(row[name])
        if not row.get("key"):
            row["key"] = next(key for n in range(1, 200) if (key := f"step-{n}") not in taken)
            taken.add(row["key"])
        steps.append(row)
    kept = {name: value for name, value in values.items() if value not in ("", []) or name == "name"}
    return {**kept, "steps": steps}


def _form_page(
    request: StaffRequest,
    playbook: Playbook | None,
    values: dict[str, Any],
    mistakes: list[Mistake] | None = None,
    *,
    version: int | None = None,
) -> HttpResponse:
    rows = [StepRow({"late": "late", "late_minutes": 60, "within_hours": 24, **step}) for step in values["steps"]]
    errors: dict[str, str] = {}
    general = []
    for mistake in mistakes or []:
        number = mistake.path.removeprefix("steps[").partition("]")[0]
        if mistake.path.startswith("steps[") and number.isdecimal() and int(number) < len(rows):
            name = mistake.path.partition("].")[2] or "step"
            rows[int(number)].errors[name] = mistake.message
        elif mistake.path in ("name", "about", "starts", "date"):
            errors[mistake.path] = mistake.message
        else:
            general.append(mistake.message)
    user = request.user
    groups = Group.objects.visible_to(user).open().order_by("name", "pk")
    if playbook and playbook.branch_id:
        groups = groups.filter(branch_id=playbook.branch_id)
    context = {
        "playbook": playbook,
        "values": values,
        "rows": rows,
        "errors": errors,
        "general": general,
        "version": version if version is not None else (playbook.version if playbook else 0),
        "starts": Starts.choices,
        "kinds": StepKind.choices,
        "tasks": StepTask.choices,
        "lates": Late.choices,
        "roles": [(role, GroupRole(role).label) for role in STAFF_ROLES],
        "motivations": Motivation.choices,
        "weekdays": list(zip(WEEKDAY_SLUGS, WEEKDAYS.values(), strict=True)),
        "groups": groups.values_list("external_id", "name")[:OFFERED],
        "pieces": Piece.objects.visible_to(user).ready().values_list("title", flat=True)[:OFFERED],
        "series": Series.objects.visible_to(user).filter(retired_at=None).values_list("name", flat=True)[:OFFERED],
        "variables": OF_GROUP,
    }
    failed = bool(mistakes)
    return render(request, "console/campaigns/playbooks/form.html", context, status=422 if failed else 200)


def _text_page(
    request: StaffRequest,
    playbook: Playbook | None,
    text: str,
    mistakes: list[Mistake] | None = None,
    *,
    version: int | None = None,
) -> HttpResponse:
    context = {
        "playbook": playbook,
        "text": text,
        "mistakes": mistakes or [],
        "version": version if version is not None else (playbook.version if playbook else 0),
        "known": choices_by_name(),
    }
    return render(request, "console/campaigns/playbooks/text.html", context, status=422 if mistakes else 200)


@require_GET
@staff_required
def playbook_history(request: StaffRequest, pk: int) -> HttpResponse:
    """Every version of a playbook with what it changed."""
    playbook = playbook_visible(request, pk)
    versions = list(playbook.versions.select_related("saved_by")[:50])
    before = [*(version.text for version in versions[1:]), ""]
    if len(versions) == 50:
        versions, before = versions[:-1], before[:-2]
    rows = [(version, difference(text, version.text)) for version, text in zip(versions, before, strict=False)]
    context = {"playbook": playbook, "rows": rows, "may_change": playbook.may_be_changed_by(request.user)}
    return render(request, "console/campaigns/playbooks/history.html", context)
