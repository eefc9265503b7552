from __future__ import annotations

from typing import Any

from crispy_forms.helper import FormHelper
from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, Role, Theme, User
from accounts.scopes import Scope


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
        self.fields["username"].label = _("User name")
        self.helper = plain_helper()


class ProfileForm(forms.Form):
    display_name = forms.CharField(
        label=pgettext_lazy("person", "Name"),
        max_length=100,
        required=False,
        help_text=_("What colleagues read instead of the user name."),
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


class StaffForm(forms.Form):
    """A person of the staff. Whoever belongs to a branch manages that branch only, so the field is left away."""

    username = forms.CharField(label=_("User name"), max_length=150, help_text=_("Letters, digits and @ . + - _"))
    display_name = forms.CharField(label=pgettext_lazy("person", "Name"), max_length=100, required=False)
    role = forms.ChoiceField(
        label=_("Role"),
        choices=Role.choices,
        initial=Role.OPERATOR,
        help_text=_("Managers read. Operators run groups and posts. Administrators also manage staff and tokens."),
    )
    branch = forms.ModelChoiceField(
        label=_("Branch"),
        queryset=Branch.objects.none(),
        required=False,
        empty_label=_("Headquarters"),
        help_text=_("Headquarters sees every branch, a branch only itself."),
    )
    is_active = forms.BooleanField(
        label=_("May sign in"), required=False, help_text=_("Taken away, tokens of this person end too.")
    )

    def __init__(self, *args: Any, by: User, person: User | None = None, **kwargs: Any) -> None:
        if person:
            fields = ("username", "display_name", "role", "branch", "is_active")
            kwargs["initial"] = {name: getattr(person, name) for name in fields}
        super().__init__(*args, **kwargs)
        self.by = by
        branch = self.fields["branch"]
        assert isinstance(branch, forms.ModelChoiceField)
        branch.queryset = Branch.objects.visible_to(by)
        branch.widget.attrs["translate"] = "no"
        if not by.is_headquarters:
            del self.fields["branch"]
        if person:
            del self.fields["username"]
        else:
            del self.fields["is_active"]
        self.helper = plain_helper()

    def values(self) -> dict[str, Any]:
        """What the services take."""
        return self.cleaned_data if self.by.is_headquarters else {**self.cleaned_data, "branch": self.by.branch}


class BranchForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100)
    code = forms.SlugField(
        label=_("Code"),
        max_length=50,
        help_text=_("Short, in Latin letters, digits and hyphens; other systems use it, so it cannot be changed."),
    )

    def __init__(self, *args: Any, branch: Branch | None = None, **kwargs: Any) -> None:
        if branch:
            kwargs["initial"] = {"name": branch.name}
        super().__init__(*args, **kwargs)
        if branch:
            del self.fields["code"]
        self.helper = plain_helper()


class TokenForm(forms.Form):
    user = forms.ModelChoiceField(
        label=_("Acts for"),
        queryset=User.objects.none(),
        empty_label=_("Choose a person"),
        help_text=_("The token sees what this person sees, and ends when they may no longer sign in."),
    )
    name = forms.CharField(
        label=_("What it is for"), max_length=100, help_text=_("The system that uses it, for example: shop orders.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        user = self.fields["user"]
        assert isinstance(user, forms.ModelChoiceField)
        user.queryset = User.objects.visible_to(by).filter(is_active=True).order_by("username")
        user.widget.attrs["translate"] = "no"
        self.helper = plain_helper()
