"""What the entries about staff, branches and tokens mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, labels, policy_words, subjects
from accounts.models import ApiToken, Branch, Role, User


def register() -> None:
    subjects("accounts.user", Subject(_("Person of the staff"), User.objects.visible_to, "accounts:staff_edit"))
    subjects("accounts.branch", Subject(_("Branch"), Branch.objects.visible_to, "accounts:branch_edit"))
    subjects("accounts.apitoken", Subject(_("API token"), ApiToken.objects.visible_to))
    subjects("accounts.policy", Subject(_("Decision"), name=lambda entry: policy_words(entry.subject_name)))
    actions(
        {
            "branch.created": _("Branch made"),
            "branch.renamed": _("Branch renamed"),
            "staff.created": _("Person of the staff added"),
            "staff.updated": _("Person of the staff changed"),
            "staff.password_changed": _("Password changed"),
            "token.issued": _("API token issued"),
            "token.revoked": _("API token revoked"),
            "policy.updated": _("Decision of the community changed"),
        }
    )
    labels(
        {
            "user": _("person"),
            "role": _("role"),
            "scopes": _("scopes"),
            "kind": pgettext_lazy("history", "kind"),
            "is_active": _("may sign in"),
        },
        choices={"role": dict(Role.choices).get},
    )
