"""The questions of a group on a member's phone: look it up, ask, answer, say what helped."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from community_ops.lib.forms import add_errors
from community_ops.lib.images import ACCEPTED, Encoded, encode_anew
from members.questions.finding import knowledge_like
from members.questions.models import Answer, AskedBy, Knowledge, Question
from members.questions.selectors import answers_of
from members.questions.services import (
    NotAnswerable,
    NotAskable,
    answer_accept,
    answer_give,
    answer_helped,
    answer_helped_not,
    question_ask,
    question_withdraw,
)
from members.questions.views.queue import picture_response
from members.visitors.http import Visit, for_members

SHOWN = 20


class AskForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Your question"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4, "class": "member-input"}),
        help_text=gettext_lazy("All of it in one message: what you want, what you tried, where it got stuck."),
    )
    picture = forms.FileField(
        label=gettext_lazy("Picture"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
        help_text=gettext_lazy("A photograph or a screenshot, if it helps. At most 10 MB."),
    )


class MemberAnswerForm(forms.Form):
    plan = forms.CharField(
        label=gettext_lazy("What would you do?"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "class": "member-input"}),
    )
    analysis = forms.CharField(
        label=gettext_lazy("Why, if you know"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "class": "member-input"}),
    )
    resource = forms.CharField(
        label=gettext_lazy("Where is more about it?"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"class": "member-input"}),
    )


@require_GET
@for_members
def questions(request: HttpRequest, visit: Visit) -> HttpResponse:
    """What was asked in the group and what is known; the form to ask stands on a page of its own."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    readable = Question.objects.of_group_page(visit.group, visit.member)
    mine = readable.filter(member=visit.member).order_by("-asked_at", "-pk")
    others = readable.open().exclude(member=visit.member).select_related("member").order_by("asked_at", "pk")
    context = {
        "visit": visit,
        "group": visit.group,
        "text": text,
        "found": knowledge_like(text, Knowledge.objects.found_in(visit.group), SHOWN) if text else [],
        "mine": list(mine[:SHOWN]),
        "others": list(others[:SHOWN]),
    }
    return render(request, "member/members/questions.html", context)


@require_http_methods(["GET", "POST"])
@for_members
def question_new(request: HttpRequest, visit: Visit) -> HttpResponse:
    """First what is known already, then the question: with the second step it is asked all the same."""
    posted = request.method == "POST"
    initial = {"text": request.GET.get("q", "").replace("\x00", "")[:2000]}
    form = AskForm(request.POST if posted else None, request.FILES if posted else None, initial=initial)
    like: list[Knowledge] = []
    if form.is_valid():
        text = form.cleaned_data["text"]
        if request.POST.get("sure") != "yes":
            like = knowledge_like(text, Knowledge.objects.found_in(visit.group))
        if not like:
            try:
                row = question_ask(
                    now=timezone.now(),
                    member=visit.member,
                    group=visit.group,
                    text=text,
                    source=AskedBy.PAGE,
                    picture=_picture(form),
                )
            except NotAskable as error:
                add_errors(form, error)
            else:
                return redirect("member:question", visit.group.page_token, row.pk)
    context = {"visit": visit, "group": visit.group, "form": form, "like": like}
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "member/members/question_ask.html", context, status=status)


def _picture(form: AskForm) -> Encoded | None:
    upload = form.cleaned_data["picture"]
    if not upload:
        return None
    try:
        return encode_anew(upload)
    except ValidationError as error:
        raise NotAskable({"picture": error.messages}) from error


@require_GET
@for_members
def question(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    return _page(request, visit, _readable(visit, pk))


def _page(request: HttpRequest, visit: Visit, row: Question, status: int = 200, **more: Any) -> HttpResponse:
    # Who asked what was asked before reads the answers there.
    answered = row.merged_into or row
    context = {
        "visit": visit,
        "group": visit.group,
        "question": row,
        "is_own": row.member_id == visit.member.pk,
        "answers": answers_of(answered, visit.member),
        "may_answer": row.takes_answers,
        "form": MemberAnswerForm(),
        **more,
    }
    return render(request, "member/members/question.html", context, status=status)


@require_POST
@for_members
def question_answer(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    row = _readable(visit, pk)
    form = MemberAnswerForm(request.POST)
    if form.is_valid():
        try:
            answer_give(now=timezone.now(), question=row, member=visit.member, **form.cleaned_data)
        except NotAnswerable as error:
            add_errors(form, error)
        else:
            return redirect("member:question", visit.group.page_token, row.pk)
    return _page(request, visit, row, 422, form=form)


@require_POST
@for_members
def question_take_back(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    row = _readable(visit, pk)
    if question_withdraw(now=timezone.now(), member=visit.member, question=row):
        return redirect("member:questions", visit.group.page_token)
    words = _("It was answered or closed meanwhile.")
    return _page(request, visit, row, 409, problem=words)


@require_POST
@for_members
def helpful(request: HttpRequest, visit: Visit, pk: int, answer_pk: int) -> HttpResponse:
    row, answer = _answer(visit, pk, answer_pk)
    act = answer_helped_not if request.POST.get("back") == "yes" else answer_helped
    act(now=timezone.now(), answer=answer, member=visit.member)
    return _back(visit, row, answer)


@require_POST
@for_members
def accept(request: HttpRequest, visit: Visit, pk: int, answer_pk: int) -> HttpResponse:
    """Whoever asked says that this is the answer."""
    row, answer = _answer(visit, pk, answer_pk)
    if row.member_id != visit.member.pk or answer.question_id != row.pk:
        return _page(request, visit, row, 403, problem=_("Only who asked accepts an answer."))
    if not answer_accept(now=timezone.now(), answer=answer):
        return _page(request, visit, row, 409, problem=_("An answer was accepted already."))
    return _back(visit, row, answer)


def _back(visit: Visit, row: Question, answer: Answer) -> HttpResponse:
    return redirect(f"{reverse('member:question', args=[visit.group.page_token, row.pk])}#answer-{answer.pk}")


@require_GET
@for_members
def question_picture(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    return picture_response(_readable(visit, pk))


@require_GET
@for_members
def known(request: HttpRequest, visit: Visit, pk: int) -> HttpResponse:
    row = get_object_or_404(Knowledge.objects.found_in(visit.group), pk=pk)
    context = {"visit": visit, "group": visit.group, "known": row}
    return render(request, "member/members/known.html", context)


def _readable(visit: Visit, pk: int) -> Question:
    rows = Question.objects.of_group_page(visit.group, visit.member).select_related("member", "merged_into")
    row = get_object_or_404(rows, pk=pk)
    row.group = visit.group
    return row


def _answer(visit: Visit, pk: int, answer_pk: int) -> tuple[Question, Answer]:
    """An answer to a question, or to the one that it was merged into."""
    row = _readable(visit, pk)
    answers = Answer.objects.select_related("question__group", "question__member", "member")
    return row, get_object_or_404(answers, pk=answer_pk, question__in=[row.pk, row.merged_into_id or row.pk])
