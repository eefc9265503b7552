"""Where somebody is named in passing: in what was said to a group, in tasks about others, in what happened to others.

Texts are searched for the name in the groups where the person is or was; each mention becomes the person's number.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from accounts.audit import audit_redact
from delivery.models import Message
from members.conduct.models import DryRun, DryRunHit
from members.entry.models import Application
from members.models import Member, Membership, MergeRun, NotDuplicates, StaffTask

# What was done to one member and names another.
NAMING = ("member.merged", "member.parted", "member.not_duplicate", "member.invited_by_set")
# How the keys of messages begin that the product writes with names of members in them.
MESSAGES = Q(deliveries__dedupe_key__startswith="welcome-") | Q(deliveries__dedupe_key__startswith="conduct:")


def mentions_forget(people: Sequence[Member]) -> None:
    """Takes the names of these rows, which are still as they were, out of what is kept about others. Must run in the
    transaction that erases them, before it deletes anything."""
    numbers = [person.pk for person in people]
    _audit_forget(numbers)
    groups = list(Membership.objects.filter(member__in=numbers).values_list("group_id", flat=True))
    runs = list(DryRunHit.objects.filter(member__in=numbers).values_list("run_id", flat=True))
    for person in people:
        for known in filter(None, (person.contact, person.external_id)):
            Application.objects.filter(referrer__iexact=known).update(referrer="")
        name, number = person.name, f"#{person.pk}"
        if not name:
            continue
        for message in Message.objects.filter(
            MESSAGES, deliveries__group_id__in=groups, text__contains=name
        ).distinct():
            Message.objects.filter(pk=message.pk).update(text=message.text.replace(name, number))
        for task in StaffTask.objects.filter(group__in=groups).exclude(member__in=numbers):
            data, note = _replaced(task.data, name, number), task.note.replace(name, number)
            if (data, note) != (task.data, task.note):
                StaffTask.objects.filter(pk=task.pk).update(data=data, note=note)
        for run in DryRun.objects.filter(pk__in=runs):
            DryRun.objects.filter(pk=run.pk).update(result=_replaced(run.result, name, number))


def _audit_forget(numbers: list[int]) -> None:
    others = set(Member.objects.filter(invited_by__in=numbers).values_list("pk", flat=True))
    for table, one, other in ((MergeRun, "winner", "loser"), (NotDuplicates, "first", "second")):
        for here, there in ((one, other), (other, one)):
            rows = table._base_manager.filter(**{f"{here}__in": numbers})
            others |= set(rows.values_list(f"{there}_id", flat=True))
    audit_redact(subject_type="members.member", subject_ids=sorted(others - set(numbers)), actions=NAMING)


def _replaced(value: Any, name: str, number: str) -> Any:
    """A JSON value with the name replaced in all its texts."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.replace(json.dumps(name, ensure_ascii=False)[1:-1], number))
