"""What the entries about consent mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, actions, labels, subjects


def register() -> None:
    subjects("members.consenttext", Subject(_("Consent text"), page=""))
    actions(
        {
            "consent.text_saved": _("Draft of the consent text saved"),
            "consent.text_published": _("Consent text published"),
            "member.consented": _("Member agreed to the consent text"),
            "member.consent_withdrawn": _("Member took their consent back"),
        }
    )
    labels({"version": _("version")})
