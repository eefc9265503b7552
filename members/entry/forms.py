"""The forms of entry, for staff and for applicants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.lib.forms import MarkedForm
from groups.models import Group
from members.entry.models import Approval, EntryPlan, EntryQuestion, GroupTitle, QuestionKind
from members.entry.services import Applicant, QuestionDraft
from members.entry.texts import WELCOME_VARIABLES

WANTED_MARK = "*"


def _marked(field: forms.Field) -> None:
    boxed = isinstance(field.widget, forms.CheckboxInput)
    field.widget.attrs["class"] = "form-check-input" if boxed else "form-control"


class CheckedForm(MarkedForm):
    """MarkedForm whose boxes look like boxes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field.widget, forms.CheckboxInput):
                _marked(field)


if TYPE_CHECKING:
    CheckedFormSetBase = forms.BaseFormSet[Any]
else:
    CheckedFormSetBase = forms.BaseFormSet


class CheckedFormSet(CheckedFormSetBase):
    """A formset whose own fields, order and deletion, look like the others."""

    def add_fields(self, form: CheckedForm, index: int | None) -> None:
        super().add_fields(form, index)
        for name in ("ORDER", "DELETE"):
            if name in form.fields:
                _marked(form.fields[name])


def _words(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "translate": "no"})


class ApplyingForm(CheckedForm):
    """Whether and how a group is applied for; its questions are a formset beside it."""

    revision = forms.IntegerField(widget=forms.HiddenInput)
    is_open = forms.BooleanField(label=_("Take applications"), required=False)
    approval = forms.ChoiceField(
        label=_("Who lets people in"),
        choices=Approval.choices,
        help_text=_("A group that is full lets nobody in: applications wait until a seat is free."),
    )
    next_steps = forms.CharField(
        label=_("What to do once approved"),
        required=False,
        max_length=1000,
        widget=_words(3),
        help_text=_("Shown to whoever is approved: who adds them, or where the code of the group is."),
    )

    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("is_open", "approval", "next_steps")}

    @staticmethod
    def initial_of(plan: EntryPlan) -> dict[str, Any]:
        names = ("revision", "is_open", "approval", "next_steps")
        return {name: getattr(plan, name) for name in names}


class QuestionForm(CheckedForm):
    pk = forms.IntegerField(required=False, widget=forms.HiddenInput)
    text = forms.CharField(label=_("Question"), max_length=200, required=False)
    kind = forms.ChoiceField(label=_("Kind"), choices=QuestionKind.choices, required=False)
    choices = forms.CharField(
        label=_("Answers to choose from"),
        required=False,
        max_length=2000,
        widget=_words(3),
        help_text=_("One a line. Begin the wanted ones with *."),
    )
    required = forms.BooleanField(label=pgettext_lazy("question", "Must be answered"), required=False, initial=True)

    @property
    def is_empty(self) -> bool:
        return not (self.cleaned_data.get("text") or self.cleaned_data.get("choices"))

    def draft(self) -> QuestionDraft:
        lines = [line.strip() for line in self.cleaned_data["choices"].splitlines() if line.strip()]
        choices = [line.removeprefix(WANTED_MARK).strip() for line in lines]
        return QuestionDraft(
            text=self.cleaned_data["text"],
            kind=self.cleaned_data["kind"] or QuestionKind.TEXT,
            choices=choices,
            wanted=[choice for line, choice in zip(lines, choices, strict=True) if line.startswith(WANTED_MARK)],
            required=self.cleaned_data["required"],
            pk=self.cleaned_data["pk"],
        )

    @staticmethod
    def initial_of(question: EntryQuestion) -> dict[str, Any]:
        lines = [f"{WANTED_MARK} {choice}" if choice in question.wanted else choice for choice in question.choices]
        return {
            "pk": question.pk,
            "text": question.text,
            "kind": question.kind,
            "choices": "\n".join(lines),
            "required": question.required,
        }


QuestionFormSet = forms.formset_factory(
    QuestionForm, formset=CheckedFormSet, extra=2, can_delete=True, can_order=True, max_num=40
)


class WelcomeForm(CheckedForm):
    """What newcomers meet in the first days."""

    revision = forms.IntegerField(widget=forms.HiddenInput)
    welcomes = forms.BooleanField(label=_("Welcome newcomers in the group"), required=False)
    welcome_text = forms.CharField(label=_("Welcome message"), required=False, max_length=2000, widget=_words(6))
    welcome_minutes = forms.IntegerField(
        label=_("Gather newcomers for (minutes)"),
        min_value=1,
        max_value=120,
        help_text=_(
            "Whoever joins meanwhile is welcomed in the same message, so thirty joins are not thirty messages."
        ),
    )
    onboards = forms.BooleanField(label=_("Give staff a task for each newcomer"), required=False)
    befriend_text = forms.CharField(
        label=_("Words of the friend request"), required=False, max_length=500, widget=_words(2)
    )
    tell_text = forms.CharField(label=_("The three things to tell"), required=False, max_length=2000, widget=_words(5))
    remind_text = forms.CharField(
        label=_("Words that ask for an introduction"), required=False, max_length=1000, widget=_words(3)
    )

    FIELDS = (
        "welcomes",
        "welcome_text",
        "welcome_minutes",
        "onboards",
        "befriend_text",
        "tell_text",
        "remind_text",
    )

    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.FIELDS}

    @classmethod
    def initial_of(cls, plan: EntryPlan) -> dict[str, Any]:
        return {name: getattr(plan, name) for name in ("revision", *cls.FIELDS)}

    @staticmethod
    def variables() -> list[tuple[str, Any]]:
        return [(f"{{{name}}}", words) for name, words in WELCOME_VARIABLES.items()]


class TitleForm(CheckedForm):
    pk = forms.IntegerField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=pgettext_lazy("honour", "Title"), max_length=20, required=False)
    meaning = forms.CharField(label=_("What it is given for"), max_length=200, required=False)
    exclusive = forms.BooleanField(label=_("One holder at a time"), required=False)

    @property
    def is_empty(self) -> bool:
        return not (self.cleaned_data.get("name") or self.cleaned_data.get("meaning"))

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("meaning") and not self.cleaned_data.get("name"):
            self.add_error("name", _("Give the title a name."))
        return self.cleaned_data

    def title(self, group: Group) -> GroupTitle:
        values = {name: self.cleaned_data[name] for name in ("name", "meaning", "exclusive")}
        found = GroupTitle.objects.filter(group=group, pk=self.cleaned_data["pk"] or 0).first() or GroupTitle(
            group=group
        )
        for name, value in values.items():
            setattr(found, name, value)
        return found


TitleFormSet = forms.formset_factory(TitleForm, formset=CheckedFormSet, extra=2, can_delete=True, max_num=40)


class RejectForm(CheckedForm):
    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=_words(2), help_text=_("The applicant reads it on their own page.")
    )


class JoinForm(forms.Form):
    """An application as the applicant fills it in. `website` is a trap: people do not see it, programs fill it."""

    name = forms.CharField(
        label=pgettext_lazy("applicant", "What we may call you"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )
    contact = forms.CharField(
        label=_("Your WeChat id"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=_("In WeChat: Me, then the line below your name. It is used to invite you and for nothing else."),
    )
    referrer = forms.CharField(
        label=_("Who told you about this group?"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Their WeChat id, if somebody in the group did."),
    )
    channel = forms.CharField(max_length=100, required=False, widget=forms.HiddenInput)
    website = forms.CharField(required=False, widget=forms.TextInput(attrs={"tabindex": "-1", "autocomplete": "off"}))

    def __init__(self, *args: Any, questions: list[EntryQuestion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.questions = questions
        for question in questions:
            self.fields[f"question_{question.pk}"] = self._field(question)

    @staticmethod
    def _field(question: EntryQuestion) -> forms.Field:
        if question.kind == QuestionKind.CHOICE:
            return forms.ChoiceField(
                label=question.text,
                required=question.required,
                choices=[(choice, choice) for choice in question.choices],
                widget=forms.RadioSelect,
            )
        return forms.CharField(
            label=question.text,
            required=question.required,
            max_length=500,
            widget=forms.Textarea(attrs={"rows": 3}),
        )

    def own_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("name", "contact", "referrer")]

    def question_fields(self) -> list[forms.BoundField]:
        return [self[f"question_{question.pk}"] for question in self.questions]

    def applicant(self, sender: str) -> Applicant:
        given = self.cleaned_data
        return Applicant(
            name=given["name"],
            contact=given["contact"],
            referrer=given["referrer"],
            channel=given["channel"],
            sender=sender,
            answers={question.pk: given[f"question_{question.pk}"] for question in self.questions},
        )
