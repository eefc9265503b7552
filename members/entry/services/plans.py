"""How a group is entered: questions, approval, welcome, onboarding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.audit import audit_record, changed_fields
from accounts.models import User
from community_ops.lib.variables import check_variables
from groups.models import Group
from members.entry.models import Approval, EntryPlan, EntryQuestion, QuestionKind
from members.entry.texts import WELCOME_VARIABLES

MOST_QUESTIONS = 12
MOST_CHOICES = 12
PLAN_DEFAULTS = {
    "next_steps": gettext_lazy("The owner of the group adds you on WeChat within a day and invites you."),
    "welcome_text": gettext_lazy(
        "Welcome {name}! In this group: {purpose}\nPlease read the rules first: {rules_link}\n"
        "Then introduce yourself in one message: what we may call you, where you are, and what you would like to get "
        "here."
    ),
    "befriend_text": gettext_lazy("Hello {name}, I look after {group}. Nice to have you with us!"),
    "tell_text": gettext_lazy(
        "1. Ask your questions in the group at any time; somebody answers the same day.\n"
        "2. Members share their experience here regularly: have a look now and then.\n"
        "3. There are experts here, and they are glad to be asked."
    ),
    "remind_text": gettext_lazy(
        "{name}, we have not met yet! Tell us in one message who you are and what you would like to get here."
    ),
}
# The personal texts know fewer names: nobody else joined with the person they are said to.
PERSONAL_VARIABLES = ("name", "group", "purpose", "promise", "slogan", "rules_link")


class StalePlan(Exception):
    """Somebody else saved the plan since the form was opened; `revision` is the one that stands now."""

    def __init__(self, revision: int) -> None:
        super().__init__(revision)
        self.revision = revision


@dataclass(frozen=True)
class QuestionDraft:
    """A question as somebody wrote it. `pk` is that of the question it replaces, if any."""

    text: str
    kind: str = QuestionKind.TEXT
    choices: list[str] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    required: bool = True
    pk: int | None = None


def entry_plan(group: Group) -> EntryPlan:
    """The plan of a group; one with the suggested words, not saved yet, where nobody made one."""
    found = EntryPlan.objects.filter(group=group).first()
    return found or EntryPlan(group=group, revision=0, **{name: str(text) for name, text in PLAN_DEFAULTS.items()})


def _locked(group: Group, revision: int | None) -> EntryPlan:
    # The group's row is there to be locked when the plan is not yet: two first saves wait for each other as well.
    Group.objects.select_for_update(no_key=True).get(pk=group.pk)
    plan = entry_plan(group)
    if revision is not None and revision != plan.revision:
        raise StalePlan(plan.revision)
    return plan


def entry_plan_save(*, by: User, group: Group, changes: dict[str, Any], revision: int | None = None) -> EntryPlan:
    """Changes how a group is entered. With `revision` a change that somebody else made meanwhile is not overwritten:
    StalePlan. Raises ValidationError by field."""
    errors: dict[str, ValidationError] = {}
    for name, known in (
        ("welcome_text", tuple(WELCOME_VARIABLES)),
        ("befriend_text", PERSONAL_VARIABLES),
        ("tell_text", PERSONAL_VARIABLES),
        ("remind_text", PERSONAL_VARIABLES),
    ):
        try:
            check_variables(changes.get(name, ""), known)
        except ValidationError as error:
            errors[name] = error
    with transaction.atomic():
        plan = _locked(group, revision)
        before, after = changed_fields(plan, changes)
        for name, value in after.items():
            setattr(plan, name, value)
        if plan.welcomes and not plan.welcome_text.strip():
            errors["welcome_text"] = ValidationError(_("Write what newcomers are welcomed with."), code="required")
        if not 1 <= plan.welcome_minutes <= 120:
            errors["welcome_minutes"] = ValidationError(_("Choose 1 to 120 minutes."), code="invalid")
        if errors:
            raise ValidationError(errors)
        if after or not plan.pk:
            plan.revision += 1
            plan.save()
            audit_record(by=by, action="entry.changed", subject=group, before=before, after=after)
    return plan


def entry_questions_save(
    *, by: User, group: Group, questions: Sequence[QuestionDraft], changes: dict[str, Any], revision: int | None = None
) -> EntryPlan:
    """Puts these questions in the place of the group's, in their order, and changes its plan with them.

    Applications keep the questions that they answered. Raises StalePlan, and ValidationError: by field of the plan, or
    with a list for "questions" that has a text for each question, empty where it is right.
    """
    problems = [_problem(question) for question in questions]
    if any(problems):
        raise ValidationError({"questions": [problem or "" for problem in problems]})
    if len(questions) > MOST_QUESTIONS:
        raise ValidationError(
            _("At most %(most)d questions: more of them and nobody applies.") % {"most": MOST_QUESTIONS}
        )
    if changes.get("approval") == Approval.ANSWERS and not any(question.wanted for question in questions):
        raise ValidationError(
            {"approval": _("Mark the wanted answers of at least one question, or everybody would be let in.")}
        )
    with transaction.atomic():
        plan = _locked(group, revision)
        known = {question.pk: question for question in EntryQuestion.objects.filter(group=group)}
        before = [question.text for question in known.values()]
        kept = []
        for position, draft in enumerate(questions):
            question = known.get(draft.pk) if draft.pk else None
            question = question or EntryQuestion(group=group)
            question.position, question.text, question.kind = position, draft.text.strip(), draft.kind
            question.choices = draft.choices if draft.kind == QuestionKind.CHOICE else []
            question.wanted = draft.wanted if draft.kind == QuestionKind.CHOICE else []
            question.required = draft.required
            question.save()
            kept.append(question.pk)
        EntryQuestion.objects.filter(group=group).exclude(pk__in=kept).delete()
        plan = entry_plan_save(by=by, group=group, changes=changes)
        after = [draft.text.strip() for draft in questions]
        if before != after:
            audit_record(
                by=by,
                action="entry.questions_changed",
                subject=group,
                before={"questions": before},
                after={"questions": after},
            )
        # Somebody who saves only the plan meanwhile must learn that the questions are others now.
        EntryPlan.objects.filter(pk=plan.pk).update(revision=plan.revision + 1)
        plan.revision += 1
    return plan


def _problem(question: QuestionDraft) -> str:
    """What is wrong with a question, or nothing."""
    if not question.text.strip():
        return _("Write the question, or leave the whole row empty.")
    if question.kind == QuestionKind.CHOICE:
        if not 2 <= len(set(question.choices)) <= MOST_CHOICES:
            return _("Write 2 to %(most)d different answers to choose from, one a line.") % {"most": MOST_CHOICES}
        if stray := [answer for answer in question.wanted if answer not in question.choices]:
            return _("“%(answer)s” is not among the answers.") % {"answer": stray[0]}
    return ""
