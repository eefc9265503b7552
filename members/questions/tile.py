"""The way from a group's page to its questions."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from members.questions.models import Question
from members.visitors.http import Visit
from members.visitors.tiles import Tile, register_tile

ORDER = 20


def _tile(visit: Visit, now: datetime) -> Tile:
    """One query. An answer that its member has neither accepted nor seen helpful waits for them."""
    mine = Q(member=visit.member)
    counted = Question.objects.filter(group=visit.group).aggregate(
        answered=Count("pk", filter=mine & Q(state="answered")),
        waiting=Count("pk", filter=mine & Q(state="open")),
        others=Count("pk", filter=~mine & Q(state="open")),
    )
    state = ""
    if counted["answered"]:
        words = ngettext("%(number)d answer for you", "%(number)d answers for you", counted["answered"])
        state = words % {"number": counted["answered"]}
    elif counted["waiting"]:
        state = _("your question waits")
    elif counted["others"]:
        state = ngettext("%(number)d open", "%(number)d open", counted["others"]) % {"number": counted["others"]}
    address = reverse("member:questions", args=[visit.group.page_token])
    return Tile(gettext_lazy("Questions"), address, "help-circle", state, is_calling=bool(counted["answered"]))


def register() -> None:
    register_tile("questions", ORDER, _tile)
