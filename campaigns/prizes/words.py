"""What the entries about prizes mean to people, and what becomes of awards when somebody is erased."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, labels, subjects
from campaigns.prizes.models import Award, Prize
from members.privacy.treatments import Fate, Treatment, treat


def register() -> None:
    subjects("campaigns.prize", Subject(_("Prize"), Prize.objects.visible_to))
    subjects("campaigns.award", Subject(_("Award"), Award.objects.visible_to))
    actions(
        {
            "prize.created": _("Prize made"),
            "prize.updated": _("Prize changed"),
            "prize.stock_changed": _("Stock of a prize changed"),
            "award.made": _("Prize awarded"),
            "award.address_entered": _("Address for a prize entered"),
            "award.sent": _("Prize sent"),
            "award.unsent": _("Prize not sent after all"),
            "award.received": _("Prize received"),
            "award.cancelled": _("Award cancelled"),
        }
    )
    labels({"left": pgettext_lazy("stock", "left")})
    nowhere = {"recipient": "", "phone": "", "address": "", "tracking": ""}
    treat("campaigns.award", Treatment(_("prizes awarded"), Fate.EMPTIED, nowhere))
