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
        # The fields must stand before the form gives its widgets their classes.
        self.base_fields = {}
        for question in action.questions:
            field: forms.Field
            if question.choices:
                choices = [("", _("Choose …")), *question.choices(user)]
                field = forms.ChoiceField(label=question.label, help_text=question.help, choices=choices)
                field.widget.attrs["translate"] = "no"
            else:
                field = forms.CharField(label=question.label, help_text=question.help, max_length=200)
            self.base_fields[question.name] = field
        super().__init__(data, prefix="answer")

    def params(self) -> Params:
        return {name: str(value) for name, value in self.cleaned_data.items()}
