"""What the entries about content mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, subjects
from campaigns.content.models import Piece


def register() -> None:
    subjects("campaigns.piece", Subject(pgettext_lazy("content", "Piece"), Piece.objects.visible_to, "campaigns:piece"))
    actions(
        {
            "piece.created": _("Piece written"),
            "piece.updated": _("Piece changed"),
            "piece.retired": _("Piece retired"),
            "piece.restored": _("Piece put back"),
            "piece.tagged": _("Tags of a piece changed"),
        }
    )
