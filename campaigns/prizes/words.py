"""What the entries about prizes mean to people, and what becomes of awards when somebody is erased."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, labels, subjects
from campaigns.prizes.models import Award, Prize
from campaigns.prizes.services import addresses_forget, addresses_old
from campaigns.rituals.parts import Part, register_part
from members.privacy.retention import Kind
from members.privacy.retention import register as register_kind
from members.privacy.treatments import Fate, Treatment, treat


def register() -> None:
    subjects("campaigns.prize", Subject(_("Prize"), Prize.objects.visible_to, "campaigns:prize"))
    subjects("campaigns.award", Subject(_("Award"), Award.objects.visible_to, "campaigns:award"))
    actions(
        {
            "prize.created": _("Prize made"),
            "prize.updated": _("Prize changed"),
            "prize.stock_changed": _("Stock of a prize changed"),
            "award.made": _("Prize awarded"),
            "award.address_entered": _("Address for a prize entered"),
            "award.address_exported": _("Address for a prize taken as a file"),
            "award.sent": _("Prize sent"),
            "award.unsent": _("Prize not sent after all"),
            "award.received": _("Prize received"),
            "award.cancelled": _("Award cancelled"),
        }
    )
    labels({"left": pgettext_lazy("stock", "left")})
    nowhere = {"recipient": "", "phone": "", "address": "", "tracking": ""}
    register_part(Part(slug="prizes", label=_("Prizes"), icon="trophy", order=60, list_name="campaigns:prizes"))
    register_kind(
        Kind(
            "prize_addresses",
            _("Addresses of prizes"),
            _("Where prizes were sent, counted from the day they were received."),
            30,
            lambda edge: addresses_old(before=edge).count(),
            lambda edge: addresses_forget(before=edge),
        )
    )
    treat("campaigns.award", Treatment(_("prizes awarded"), Fate.EMPTIED, nowhere))
