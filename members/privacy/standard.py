"""What becomes of the tables of this app when a person is erased."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from members.conduct.models import Appeal
from members.models import MemberExport, SeedMove, StaffTask, TaskState
from members.privacy.services import exports_delete
from members.privacy.treatments import Fate, Treatment, treat


def _violations(rows: QuerySet[Any], _now: datetime) -> None:
    Appeal.objects.filter(violation__in=rows).update(text="", reason="")


def _tasks(rows: QuerySet[Any], now: datetime) -> None:
    StaffTask.objects.filter(pk__in=rows.values("pk")).open().update(state=TaskState.CANCELLED, settled_at=now)


def _seed_users(rows: QuerySet[Any], _now: datetime) -> None:
    SeedMove.objects.filter(seed__in=rows).update(note="")


def _exports(rows: QuerySet[Any], _now: datetime) -> None:
    exports_delete(MemberExport.objects.filter(pk__in=list(rows.values_list("pk", flat=True))))


def register_treatments() -> None:
    for table in (
        "members.application",
        "members.dryrunhit",
        "members.keptmessage",
        "members.membertag",
        "members.note",
        "members.notduplicates",
        "members.seedexclusion",
        "members.seedprofile",
    ):
        treat(table, Treatment(Fate.GOES))
    treat("members.memberexport", Treatment(Fate.GOES, before=_exports))
    for table in (
        "members.account",
        "members.acknowledgement",
        "members.memberrole",
        "members.newcomer",
        "members.leaderpass",
        "members.tierchange",
    ):
        treat(table, Treatment(Fate.STAYS))
    treat("members.membership", Treatment(Fate.STAYS, blank={"title": ""}))
    treat("members.mergerun", Treatment(Fate.EMPTIED, blank={"moved": {}}))
    treat(
        "members.violation",
        Treatment(Fate.EMPTIED, blank={"text": "", "hits": [], "context": [], "note": ""}, before=_violations),
    )
    treat("members.violation.reporter", Treatment(Fate.STAYS))
    treat("members.stafftask", Treatment(Fate.EMPTIED, blank={"note": "", "data": {}}, before=_tasks))
    treat("members.seeduser", Treatment(Fate.EMPTIED, blank={"next_step": ""}, before=_seed_users))
    treat("members.cleanupitem", Treatment(Fate.EMPTIED, blank={"note": ""}))
    treat("members.cleanupexemption", Treatment(Fate.EMPTIED, blank={"reason": ""}))
