"""What the entries about envelopes mean to people, and what becomes of shares when somebody is erased."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, actions, labels, subjects
from campaigns.envelopes.models import Envelope, EnvelopeBudget
from campaigns.envelopes.rituals import envelope_rows
from campaigns.rituals.parts import Part, register_part
from members.points.reasons import register_reason
from members.privacy.treatments import Fate, Treatment, treat


def register() -> None:
    subjects("campaigns.envelope", Subject(_("Red envelope"), Envelope.objects.visible_to, "campaigns:envelope"))
    subjects("campaigns.envelopebudget", Subject(_("Budget for red envelopes"), EnvelopeBudget.objects.visible_to))
    actions(
        {
            "envelope.planned": _("Red envelope planned"),
            "envelope.stopped": _("Red envelope stopped"),
            "budget.created": _("Budget made"),
            "budget.updated": _("Budget changed"),
        }
    )
    labels({"rounds": _("rounds"), "refunded": _("points refunded"), "points": _("points")})
    register_reason("envelope", _("Red envelope"))
    register_reason("budget", _("Budget for red envelopes"))
    register_part(
        Part(
            slug="envelopes",
            label=_("Red envelopes"),
            icon="gift",
            order=50,
            list_name="campaigns:envelopes",
            begin_name="campaigns:envelope_new",
            begin_label=_("Plan a red envelope"),
            about=_("Points as a greeting, in several rounds, before a lesson, or for some members only."),
            rows=envelope_rows,
        )
    )
    treat("campaigns.envelopeshare", Treatment(_("shares of red envelopes"), Fate.STAYS))
