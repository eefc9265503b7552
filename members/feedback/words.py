"""What the entries about needs mean to people, and what becomes of them after an erasure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, actions, labels, subjects
from members.feedback.models import Need
from members.feedback.services import words_forget
from members.privacy.treatments import Fate, Treatment, treat


def _forget(asks: QuerySet[Any], _now: datetime) -> None:
    words_forget(asks=asks)


def register() -> None:
    subjects("members.need", Subject(_("Need"), Need.objects.visible_to, "members:need"))
    subjects("members.needcategory", Subject(_("Categories of needs")))
    actions(
        {
            "need.heard": _("Need of a member noted"),
            "need.asked": _("One more member noted who asked"),
            "need.changed": _("Need changed"),
            "need.replied": _("Reply to all who asked"),
            "need.merged": _("Needs merged"),
            "need.parted": _("Needs parted again"),
            "need.categories": _("Categories of needs changed"),
        }
    )
    labels({"names": _("names"), "merged": _("merged with number")})
    nothing = {"text": "", "digest": ""}
    treat("members.needask", Treatment(_("needs asked for"), Fate.EMPTIED, nothing, _forget))
    treat("members.needreceipt", Treatment(_("replies to needs"), Fate.STAYS))
