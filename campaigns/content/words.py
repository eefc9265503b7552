"""What the entries about content mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, subjects
from campaigns.content.models import Piece, Series


def register() -> None:
    subjects("campaigns.piece", Subject(pgettext_lazy("content", "Piece"), Piece.objects.visible_to, "campaigns:piece"))
    subjects(
        "campaigns.series",
        Subject(pgettext_lazy("content", "Series"), Series.objects.visible_to, "campaigns:series"),
    )
    actions(
        {
            "piece.created": _("Piece written"),
            "piece.updated": _("Piece changed"),
            "piece.retired": _("Piece retired"),
            "piece.restored": _("Piece put back"),
            "piece.tagged": _("Tags of a piece changed"),
            "series.created": _("Series made"),
            "series.updated": _("Series changed"),
            "series.retired": _("Series retired"),
            "series.restored": _("Series put back"),
            "series.listed": _("Pieces of a series changed"),
            "series.reordered": _("Pieces of a series put in another order"),
        }
    )
