"""What becomes of the tables of this app when a person is erased."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from members.conduct.models import Appeal
from members.models import MemberExport, SeedMove, StaffTask, TaskState
from members.privacy.services import exports_delete
from members.privacy.treatments import Fate, Text, Treatment, treat


def _violations(rows: QuerySet[Any], _now: datetime) -> None:
    Appeal.objects.filter(violation__in=rows).update(text="", reason="")


def _tasks(rows: QuerySet[Any], now: datetime) -> None:
    StaffTask.objects.filter(pk__in=rows.values("pk")).open().update(state=TaskState.CANCELLED, settled_at=now)


def _seed_users(rows: QuerySet[Any], _now: datetime) -> None:
    SeedMove.objects.filter(seed__in=rows).update(note="")


def _exports(rows: QuerySet[Any], _now: datetime) -> None:
    exports_delete(MemberExport.objects.filter(pk__in=list(rows.values_list("pk", flat=True))))


GONE: dict[str, Text] = {
    "members.application": _("applications"),
    "members.entrylink": _("personal links"),
    "members.memberidentity": _("identities in WeChat"),
    "members.membersession": _("signed-in devices"),
    "members.dryrunhit": _("finds of dry runs"),
    "members.keptmessage": _("kept messages"),
    "members.listedmember": _("places on saved lists"),
    "members.membertag": _("tags"),
    "members.note": _("notes"),
    "members.notduplicates": _("members said to be somebody else"),
    "members.seedexclusion": _("reasons against being a seed user"),
    "members.seedprofile": _("answers and figures as a seed user"),
}
KEPT: dict[str, Text] = {
    "members.account": _("accounts of points"),
    "members.acknowledgement": _("rules read"),
    "members.consent": _("consents"),
    "members.leaderpass": _("decisions about being an opinion leader"),
    "members.memberrole": _("roles"),
    "members.newcomer": _("first days in groups"),
    "members.tierchange": _("changes of tier"),
    "members.violation.reporter": _("reports made"),
}


def register_treatments() -> None:
    for table, label in GONE.items():
        treat(table, Treatment(label, Fate.GOES))
    for table, label in KEPT.items():
        treat(table, Treatment(label, Fate.STAYS))
    treat("members.memberexport", Treatment(_("copies of the data"), Fate.GOES, before=_exports))
    treat("members.membership", Treatment(_("memberships"), Fate.STAYS, blank={"title": ""}))
    treat("members.mergerun", Treatment(_("merges"), Fate.EMPTIED, blank={"moved": {}}))
    nothing: dict[str, Any] = {"text": "", "hits": [], "context": [], "note": ""}
    treat("members.violation", Treatment(_("violations"), Fate.EMPTIED, blank=nothing, before=_violations))
    treat("members.stafftask", Treatment(_("tasks"), Fate.EMPTIED, blank={"note": "", "data": {}}, before=_tasks))
    treat("members.seeduser", Treatment(_("ways as a seed user"), Fate.EMPTIED, {"next_step": ""}, _seed_users))
    treat("members.cleanupitem", Treatment(_("entries of clean-ups"), Fate.EMPTIED, {"note": ""}))
    treat("members.cleanupexemption", Treatment(_("exemptions from clean-ups"), Fate.EMPTIED, {"reason": ""}))
    # Not about a person by itself, but named in a copy.
    treat("members.member", Treatment(_("the person"), Fate.EMPTIED))
    treat("members.appeal", Treatment(_("appeals"), Fate.EMPTIED))
    treat("members.seedmove", Treatment(_("steps as a seed user"), Fate.EMPTIED))
    treat("members.transfer", Treatment(_("points booked"), Fate.STAYS))
