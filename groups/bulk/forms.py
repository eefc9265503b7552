from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from community_ops.lib.forms import MarkedForm
from groups.bulk.actions import BulkAction, Params


class BulkForm(MarkedForm):
    """What an action asks before it can be previewed."""

    def __init__(self, data: Any, *, action: BulkAction, user: User) -> None:
        super().__init__(data, prefix="answer")
        for question in action.questions:
            words: Any = {"label": question.label, "help_text": question.help}
            field: forms.Field
            if question.choices:
                field = forms.ChoiceField(choices=[("", _("Choose …")), *question.choices(user)], **words)
                field.widget.attrs |= {"translate": "no", "class": "form-select"}
            else:
                field = forms.CharField(max_length=200, **words)
                field.widget.attrs["class"] = "form-control"
            self.fields[question.name] = field

    def params(self) -> Params:
        return {name: str(value) for name, value in self.cleaned_data.items()}
