from __future__ import annotations

from typing import Any

from crispy_forms.helper import FormHelper
from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.utils.translation import gettext_lazy as _

from accounts.models import Theme


def plain_helper() -> FormHelper:
    """Fields only: the page writes the <form>, its token and its buttons."""
    helper = FormHelper()
    helper.form_tag = False
    helper.disable_csrf = True
    return helper


class SignInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": _("User name and password do not fit together. Check both; capital letters count."),
        "inactive": _("User name and password do not fit together. Check both; capital letters count."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = plain_helper()


class ProfileForm(forms.Form):
    display_name = forms.CharField(
        label=_("Name"), max_length=100, required=False, help_text=_("What colleagues read instead of the user name.")
    )
    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", _("As the device")), *settings.LANGUAGES]
    )
    theme = forms.ChoiceField(label=_("Theme"), choices=Theme.choices)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = plain_helper()


class PasswordForm(PasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = plain_helper()
        # The page is opened for many reasons; the cursor does not jump into the password.
        self.fields["old_password"].widget.attrs.pop("autofocus", None)
