"""What the entries about proposals mean to people, and what becomes of them after an erasure."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, actions, subjects
from campaigns.proposals.models import Proposal
from members.privacy.treatments import Fate, Treatment, treat


def register() -> None:
    subjects("campaigns.proposal", Subject(_("Proposal"), Proposal.objects.visible_to, "campaigns:proposal"))
    actions(
        {
            "proposal.accepted": _("Proposal accepted"),
            "proposal.rejected": _("Proposal rejected"),
            "proposal.reopened": _("Proposal open again"),
            "proposal.hidden": _("Proposal hidden"),
            "proposal.shown": _("Proposal shown again"),
        }
    )
    nothing = {"title": "", "text": "", "digest": ""}
    treat("campaigns.proposal", Treatment(_("proposals"), Fate.EMPTIED, nothing))
    treat("campaigns.proposalvote", Treatment(_("votes for proposals"), Fate.STAYS))
