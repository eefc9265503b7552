"""What the entries about Moments mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, actions, labels, subjects
from campaigns.moments.models import MomentsPlan


def register() -> None:
    subjects(
        "campaigns.momentsplan", Subject(_("Plan of Moments"), MomentsPlan.objects.visible_to, "campaigns:moments_plan")
    )
    actions({"moments.created": _("Plan of Moments created"), "moments.changed": _("Plan of Moments changed")})
    labels({"slots": _("slots")})
