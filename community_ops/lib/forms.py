"""What forms and services say to each other."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


def add_errors(form: forms.BaseForm, error: ValidationError) -> None:
    """Puts what a service refused beside the fields it is about, or on top where the form has no such field."""
    fields = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    for name, messages in fields.items():
        for message in messages:
            form.add_error(name if name in form.fields else None, message)


class MarkedForm(forms.Form):
    """A form whose widgets carry the console's classes, and `is-invalid` once their field has an error."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if not isinstance(field.widget, forms.CheckboxSelectMultiple):
                css = "form-select" if isinstance(field.widget, forms.Select) else "form-control"
                field.widget.attrs["class"] = css
            if isinstance(field, forms.ModelChoiceField):
                field.widget.attrs["translate"] = "no"  # its choices are names

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(field, error)
        if field in self.fields and "class" in self.fields[field].widget.attrs:
            css = self.fields[field].widget.attrs["class"].split()[0]
            self.fields[field].widget.attrs["class"] = f"{css} is-invalid"
