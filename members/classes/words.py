"""What the entries about classes mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, actions, labels, policies, subjects
from members.classes.policy import PromotionPolicy, TierPolicy


def register() -> None:
    policies({TierPolicy.KEY: _("Tiers"), PromotionPolicy.KEY: _("Yearly move up")})
    subjects("members.promotionrun", Subject(_("Move up of a year")))
    actions(
        {
            "promotion.run": _("Groups and members moved up"),
            "promotion.undone": _("Move up taken back"),
            "group.promoted": _("Group moved up a grade"),
            "group.promotion_undone": _("Move up of a group taken back"),
        }
    )
    labels({"groups": _("groups"), "members": _("members"), "restored": _("taken back")})
