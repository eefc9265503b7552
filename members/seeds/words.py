"""What the entries about seed users and initiators mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, actions, labels, policies, subjects
from members.models import SeedStage, SeedUser
from members.seeds.criteria import CRITERIA, SeedPolicy


def register() -> None:
    subjects("members.seeduser", Subject(_("Seed user"), SeedUser.objects.visible_to, "members:seed"))
    subjects("members.initiatorprogramme", Subject(_("Initiator programme")))
    actions(
        {
            "seed.added": _("Seed user put on the board"),
            "seed.moved": _("Seed user moved"),
            "seed.updated": _("Seed user changed"),
            "seed.excluded": _("Member no longer proposed as a seed user"),
            "seed.included": _("Member proposed as a seed user again"),
            "member.seed_answers": _("Answers of a member noted"),
            "member.invited_by_set": _("Who invited a member noted"),
            "initiators.updated": _("Initiator programme changed"),
            "initiators.kit_added": _("Material for initiators added"),
            "initiators.kit_removed": _("Material for initiators removed"),
        }
    )
    labels(
        {
            "programme": _("programme"),
            "note": _("note"),
            "reason": _("reason"),
            **{criterion.key: criterion.label for criterion in CRITERIA},
        },
        choices={"stage": dict(SeedStage.choices).get},
    )
    policies({SeedPolicy.KEY: _("Seed users")})
