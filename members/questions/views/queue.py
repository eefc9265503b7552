"""Questions in the console: the queue by deadline, and one of them with its answers."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, next_address, staff_required, writer_required
from community_ops.lib.forms import add_errors
from community_ops.lib.toasts import toast, warn
from groups.models import Group, Permission
from groups.roles.permissions import may
from members.questions.duty import on_duty
from members.questions.finding import knowledge_like
from members.questions.forms import AnswerForm, CloseForm, MergeForm, NoteQuestionForm, at_minute
from members.questions.models import Answer, AskedBy, Knowledge, Question
from members.questions.selectors import answers_of, question_items, with_names
from members.questions.service import service_for
from members.questions.services import (
    NotAnswerable,
    NotAskable,
    answer_accept,
    answer_give,
    answer_unaccept,
    question_ask,
    question_close,
    question_give_back,
    question_merge,
    question_reopen,
    question_take,
)
from members.questions.views.lists import questions_listing


@require_GET
@staff_required
def questions(request: StaffRequest) -> HttpResponseBase:
    """The queue: what waits for an answer, the nearest deadline first."""
    now = timezone.now()
    listing = questions_listing(request, now)
    if listing.export:
        return listing.export_response("questions")
    context = {
        "listing": listing,
        "items": question_items(listing.rows, user=request.user, now=now),
        "now": now,
        "tab": "queue",
        "here": request.get_full_path(),
    }
    return render(request, "console/members/questions/list.html", context)


@require_http_methods(["GET", "POST"])
@staff_required
def question(request: StaffRequest, pk: int) -> HttpResponse:
    """A question; to answer it is to post here."""
    row = _visible(request, pk)
    if request.method == "GET":
        return _page(request, row)
    _hold_to_role(request, row)
    form = AnswerForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            answer_give(by=request.user, now=timezone.now(), question=row, **data)
        except NotAnswerable as error:
            add_errors(form, error)
        else:
            toast(request, _("The answer is given. %(name)s reads it on their page.") % {"name": row.member.name})
            return redirect(next_address(request, reverse("members:question", args=[row.pk])))
    return _page(request, row, 422, form=form)


def _page(request: StaffRequest, row: Question, status: int = 200, **forms: Any) -> HttpResponse:
    now = timezone.now()
    item = question_items([row], user=request.user, now=now)[0]
    found = Knowledge.objects.visible_to(request.user).standing()
    used = _asked_knowledge(request, found)
    initial = (
        {"knowledge": used, "analysis": used.analysis, "plan": used.plan, "resource": used.resource} if used else {}
    )
    context = {
        "item": item,
        "question": row,
        "answers": answers_of(row),
        "steps": list(row.steps.all()),
        "on_duty": on_duty(group=row.group, at=now, zone=service_for(row.group).zone) if row.is_open else [],
        "like": knowledge_like(row.text, found) if row.takes_answers else [],
        "used": used,
        "form": AnswerForm(initial=initial),
        "close_form": CloseForm(),
        "merge_form": MergeForm(question=row) if row.is_open else None,
        "now": now,
        "next": _following(request, row),
        **forms,
    }
    return render(request, "console/members/questions/question.html", context, status=status)


def _asked_knowledge(request: StaffRequest, found: Any) -> Knowledge | None:
    asked = request.GET.get("use", "")
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    return found.filter(pk=int(asked)).first() if known else None


def _following(request: StaffRequest, row: Question) -> Question | None:
    """The question of the queue that is due next."""
    waiting = Question.objects.visible_to(request.user).open().exclude(pk=row.pk)
    return waiting.order_by("due_at", "pk").first()


def _done(request: StaffRequest, row: Question, done: bool, words: str, undo: str = "") -> HttpResponse:
    target = next_address(request, reverse("members:question", args=[row.pk]))
    if done:
        toast(request, words, undo_url=f"{undo}?{urlencode({'next': target})}" if undo else "")
    else:
        warn(request, _("Somebody else was quicker, or the question is not open any more."))
    return redirect(target)


@require_POST
@writer_required
def question_take_it(request: StaffRequest, pk: int) -> HttpResponse:
    """ "I'm on it"; `over` is the person from whom it is taken over."""
    row = _permitted(request, pk)
    asked = request.POST.get("over", "")
    over = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    done = question_take(by=request.user, now=timezone.now(), question=row, over=over)
    undo = reverse("members:question_give_back", args=[row.pk])
    return _done(request, row, done, _("You are on it: others see that."), undo)


@require_POST
@writer_required
def question_let_go(request: StaffRequest, pk: int) -> HttpResponse:
    row = _permitted(request, pk)
    done = question_give_back(by=request.user, question=row)
    return _done(request, row, done, _("It is up to everybody again."))


@require_POST
@writer_required
def question_end(request: StaffRequest, pk: int) -> HttpResponse:
    row = _permitted(request, pk)
    form = CloseForm(request.POST)
    if not form.is_valid():
        return _page(request, row, 422, close_form=form)
    done = question_close(by=request.user, now=timezone.now(), question=row, **form.cleaned_data)
    return _done(request, row, done, _("The question is closed."), reverse("members:question_reopen", args=[row.pk]))


@require_POST
@writer_required
def question_unite(request: StaffRequest, pk: int) -> HttpResponse:
    row = _permitted(request, pk)
    form = MergeForm(request.POST, question=row)
    if form.is_valid():
        try:
            done = question_merge(by=request.user, now=timezone.now(), question=row, into=form.cleaned_data["into"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            undo = reverse("members:question_reopen", args=[row.pk])
            return _done(request, row, done, _("Merged: the member reads the answers there."), undo)
    return _page(request, row, 422, merge_form=form)


@require_POST
@writer_required
def question_open_again(request: StaffRequest, pk: int) -> HttpResponse:
    row = _permitted(request, pk)
    done = question_reopen(by=request.user, now=timezone.now(), question=row)
    return _done(request, row, done, _("The question waits for an answer again."))


@require_POST
@writer_required
def question_accept(request: StaffRequest, pk: int, answer_pk: int) -> HttpResponse:
    row = _permitted(request, pk)
    answer = get_object_or_404(Answer.objects.select_related("member"), pk=answer_pk, question=row)
    answer.question = row
    done = answer_accept(by=request.user, now=timezone.now(), answer=answer)
    undo = reverse("members:question_unaccept", args=[row.pk, answer.pk])
    return _done(request, row, done, _("Accepted: it is knowledge now, and others find it."), undo)


@require_POST
@writer_required
def question_unaccept(request: StaffRequest, pk: int, answer_pk: int) -> HttpResponse:
    row = _permitted(request, pk)
    answer = get_object_or_404(Answer, pk=answer_pk, question=row)
    answer.question = row
    done = answer_unaccept(by=request.user, now=timezone.now(), answer=answer)
    return _done(request, row, done, _("The acceptance is taken back."))


@require_GET
@staff_required
def question_picture(request: StaffRequest, pk: int) -> HttpResponse:
    return picture_response(_visible(request, pk))


def picture_response(row: Question) -> HttpResponse:
    """The picture of a question, for those who may read it: kept by no cache that others share."""
    if not row.picture:
        raise Http404
    try:
        with row.picture.open("rb") as file:
            data = file.read()
    except FileNotFoundError as error:
        raise Http404 from error
    kind = "image/png" if str(row.picture.name).endswith(".png") else "image/jpeg"
    response = HttpResponse(data, content_type=kind)
    response["Cache-Control"] = "private, max-age=3600"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_http_methods(["GET", "POST"])
@writer_required
def question_note(request: StaffRequest, pk: int) -> HttpResponse:
    """Staff write down what was asked in the group: its time counts from when it was asked."""
    group = get_object_or_404(Group.objects.visible_to(request.user).select_related("branch"), pk=pk)
    if not may(request.user, Permission.ANSWER, group):
        raise PermissionDenied
    initial = {"asked_at": at_minute(timezone.localtime())}
    form = NoteQuestionForm(request.POST if request.method == "POST" else None, group=group, initial=initial)
    if form.is_valid():
        try:
            row = question_ask(
                by=request.user, now=timezone.now(), group=group, source=AskedBy.MESSAGE, **form.cleaned_data
            )
        except NotAskable as error:
            add_errors(form, error)
        else:
            toast(request, _("The question is written down."))
            return redirect("members:question", row.pk)
    context = {"group": group, "form": form}
    return render(request, "console/members/questions/note.html", context, status=422 if form.is_bound else 200)


def _visible(request: StaffRequest, pk: int) -> Question:
    rows = with_names(Question.objects.visible_to(request.user)).select_related("merged_into", "closed_by", "noted_by")
    return get_object_or_404(rows, pk=pk)


def _permitted(request: StaffRequest, pk: int) -> Question:
    row = _visible(request, pk)
    _hold_to_role(request, row)
    return row


def _hold_to_role(request: StaffRequest, row: Question) -> None:
    if not may(request.user, Permission.ANSWER, row.group):
        raise PermissionDenied
