"""What forms and services say to each other."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError


def add_errors(form: forms.BaseForm, error: ValidationError) -> None:
    """Puts what a service refused beside the fields it is about, or on top where the form has no such field."""
    fields = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    for name, messages in fields.items():
        for message in messages:
            form.add_error(name if name in form.fields else None, message)
