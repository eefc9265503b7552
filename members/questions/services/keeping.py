"""Knowledge: what became of accepted answers."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from accounts.audit import audit_record, changed_fields
from accounts.models import User
from members.questions.models import Answer, Knowledge

LONGEST_TITLE = 120


class StaleKnowledge(Exception):
    """Somebody else changed it since the page was opened."""


def knowledge_keep(*, now: datetime, answer: Answer) -> Knowledge:
    """Keeps an accepted answer for others, once. The names of who asked and who answered are taken out of its words."""
    question = answer.question
    names = [person.name for person in (question.member, answer.member) if person is not None and len(person.name) > 1]

    def nameless(text: str) -> str:
        for name in names:
            text = text.replace(name, "…")
        return text

    title = " ".join(nameless(question.text).split())
    row = Knowledge(
        answer=answer,
        group=question.group,
        title=title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…",
        analysis=nameless(answer.analysis),
        plan=nameless(answer.plan),
        resource=nameless(answer.resource),
        created_at=now,
    )
    row.search = row.words()
    kept, _is_new = Knowledge.objects.get_or_create(
        answer=answer,
        defaults={
            field.name: getattr(row, field.name) for field in Knowledge._meta.concrete_fields if not field.primary_key
        },
    )
    return kept


def knowledge_edit(*, by: User, knowledge: Knowledge, version: int, **changes: str) -> Knowledge:
    """Changes title, tags, the three parts or who finds it. Raises StaleKnowledge for who saw an older version."""
    with transaction.atomic():
        row = Knowledge.objects.select_for_update().get(pk=knowledge.pk)
        if row.version != version:
            raise StaleKnowledge
        before, after = changed_fields(row, changes)
        if after:
            for name, value in after.items():
                setattr(row, name, value)
            row.version, row.search = version + 1, row.words()
            row.save()
            audit_record(by=by, action="knowledge.edited", subject=row, before=before, after=after)
    return row


def knowledge_retire(*, by: User, now: datetime, knowledge: Knowledge) -> bool:
    """Nobody finds it any more."""
    with transaction.atomic():
        done = Knowledge.objects.standing().filter(pk=knowledge.pk).update(retired_at=now, version=F("version") + 1)
        if done:
            audit_record(by=by, action="knowledge.retired", subject=knowledge)
    return bool(done)


def knowledge_restore(*, by: User, knowledge: Knowledge) -> bool:
    """Takes knowledge_retire back."""
    with transaction.atomic():
        gone = Knowledge.objects.filter(pk=knowledge.pk, retired_at__isnull=False)
        done = gone.update(retired_at=None, version=F("version") + 1)
        if done:
            audit_record(by=by, action="knowledge.restored", subject=knowledge)
    return bool(done)
