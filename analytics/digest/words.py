"""What the entries about digests mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, actions, subjects


def register() -> None:
    subjects("analytics.digest", Subject(_("Weekly digest")))
    actions({"digest.changed": _("Weekly digest set"), "digest.stopped": _("Weekly digest stopped")})
