"""What the entries about digests mean to people, and why a letter has not left."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, Text, actions, subjects
from analytics.digest.models import DigestMail, MailState

REASONS = {
    "not wanted": _("The digest was switched off before it left."),
    "tried too often": _("It was tried several times and never got as far as the mail server."),
    "interrupted": _("The program was stopped while it sent. Look into the mailbox before you send it again."),
}
BROKEN_OFF = _("The connection broke before the mail server answered. Look into the mailbox before you send it again.")
NOT_REACHED = _("The mail server cannot be reached. Whoever runs this installation checks EMAIL_URL.")
NOT_SIGNED_IN = _("The mail server does not let this installation sign in. Whoever runs it checks EMAIL_URL.")
REFUSED = _(
    "The mail server refused it. Check the address above; if it is right, show this code to whoever runs this "
    "installation."
)
LATER = _("The mail server asks to come back later.")
SIGN_IN = ("SMTP 530", "SMTP 534", "SMTP 535", "SMTP 538")


def register() -> None:
    subjects("analytics.digest", Subject(_("Weekly digest")))
    actions(
        {
            "digest.asked": _("Weekly digest asked for at once"),
            "digest.changed": _("Weekly digest set"),
            "digest.stopped": _("Weekly digest stopped"),
        }
    )


def reason_words(mail: DigestMail) -> Text:
    """Why a letter has not left, or perhaps not, and what to do; "" where all went well."""
    if not mail.reason or mail.reason in REASONS:
        return REASONS.get(mail.reason, "")
    if mail.reason in SIGN_IN:
        return NOT_SIGNED_IN
    if mail.reason.startswith("SMTP 4"):
        return LATER
    # While it is tried again no address was told yet: the server refused to listen at all.
    if mail.reason.startswith("SMTP 5") and mail.state == MailState.FAILED:
        return REFUSED
    return BROKEN_OFF if mail.state == MailState.UNKNOWN else NOT_REACHED
