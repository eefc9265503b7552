"""What the entries about check-ins mean to people, and what becomes of them when somebody is erased or merged."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, labels, subjects
from campaigns.checkins.counting import picture_drop, programme_hold, settle
from campaigns.checkins.models import CheckIn, CheckInProgramme
from members.merging.services import on_members_changed
from members.points.reasons import register_reason
from members.privacy.treatments import Fate, Treatment, treat


def register() -> None:
    subjects(
        "campaigns.checkinprogramme",
        Subject(_("Check-in programme"), CheckInProgramme.objects.visible_to, "campaigns:check_ins_of"),
    )
    subjects("campaigns.checkin", Subject(_("Check-in"), CheckIn.objects.visible_to))
    actions(
        {
            "checkins.created": _("Check-in programme made"),
            "checkins.changed": _("Check-in programme changed"),
            "checkins.paused": _("Check-in programme paused"),
            "checkins.stopped": _("Check-in programme stopped"),
            "checkins.running": _("Check-in programme runs again"),
            "checkins.reminded": _("Groups reminded to check in"),
            "checkin.approved": _("Check-in approved"),
            "checkin.rejected": _("Check-in rejected"),
            "checkin.reopened": _("Decision about a check-in taken back"),
            "checkin.by_staff": _("Checked in for a member"),
        }
    )
    register_reason("check-in-reward", _("Reward for checking in"))
    register_reason("make-up", _("Make-up card"))
    register_reason("make-up-back", _("Make-up card taken back"))
    labels({"hours": pgettext_lazy("history", "hours"), "day": pgettext_lazy("history", "day")})
    treat(
        "campaigns.checkin", Treatment(_("check-ins"), Fate.EMPTIED, {"text": "", "picture": "", "reason": ""}, _files)
    )
    treat("campaigns.checkinstanding", Treatment(_("streaks of check-ins"), Fate.STAYS))
    treat("campaigns.checkinreward", Treatment(_("rewards for check-ins"), Fate.STAYS))
    on_members_changed(_recount)


def _files(rows: QuerySet[Any], _now: datetime) -> None:
    for name in rows.exclude(picture="").values_list("picture", flat=True):
        picture_drop(name)


def _recount(members: Collection[int], now: datetime) -> None:
    """Two people became one, or one two: what each has reached follows from the check-ins that are theirs now."""
    programmes = CheckInProgramme.objects.filter(check_ins__member__in=members).distinct().order_by("pk")
    for programme in programmes:
        programme_hold(programme.pk)
        settle(programme=programme, members=members, now=now)
