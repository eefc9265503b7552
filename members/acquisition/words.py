"""What the entries about spend mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, actions, subjects
from members.acquisition.models import ChannelSpend


def register() -> None:
    subjects("members.channelspend", Subject(_("Spend on a channel"), ChannelSpend.objects.visible_to, "members:spend"))
    actions(
        {
            "spend.recorded": _("Spend written down"),
            "spend.updated": _("Spend changed"),
            "spend.removed": _("Spend removed"),
            "spend.restored": _("Spend brought back"),
        }
    )
