"""What the entries about activities mean to people, and what becomes of the rows when somebody is erased."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, labels, subjects
from accounts.models import AuditEntry
from campaigns.activities.models import Activity, SignUp, SignUpState
from members.points.reasons import register_reason
from members.privacy.treatments import Fate, Treatment, treat


def _places_back(rows: QuerySet[Any], _now: datetime) -> None:
    """The places of somebody who is gone are free; the next round lets others move up."""
    rows.filter(state__in=[SignUpState.GOING, SignUpState.WAITING]).update(state=SignUpState.CANCELLED)


def _activity_of(entry: AuditEntry) -> str:
    return str((entry.before | entry.after).get("activity", ""))


def register() -> None:
    subjects(
        "campaigns.activity",
        Subject(pgettext_lazy("campaign", "Activity"), Activity.objects.visible_to, "campaigns:activity"),
    )
    subjects("campaigns.signup", Subject(_("Sign-up"), SignUp.objects.visible_to, name=_activity_of))
    register_reason("activity", _("Came to an activity"))
    actions(
        {
            "activity.created": _("Activity written"),
            "activity.changed": _("Activity changed"),
            "activity.opened": _("Activity opened for sign-up"),
            "activity.cancelled": _("Activity cancelled"),
            "activity.repeated": _("Activity repeated"),
            "activity.signup_taken_off": _("Taken off the list of an activity"),
            "activity.attended": _("Attendance marked"),
            "activity.attended_back": _("Attendance taken back"),
            "activity.attendance_closed": _("Attendance closed"),
        }
    )
    labels({"missed": _("who missed it"), "activity": pgettext_lazy("history", "activity")})
    labels({"member": pgettext_lazy("history", "member")})
    signup = Treatment(_("sign-ups for activities"), Fate.EMPTIED, blank={"answers": []}, before=_places_back)
    treat("campaigns.signup", signup)
    treat("campaigns.activityreview", Treatment(_("reviews of activities"), Fate.EMPTIED, blank={"text": ""}))
