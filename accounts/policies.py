"""What administrators decide for the whole community: a frozen dataclass for each subject, kept as one row.

    @dataclass(frozen=True)
    class NoisePolicy:
        KEY: ClassVar[str] = "noise"
        ceiling: int = 150

    policy_get(NoisePolicy).ceiling

Values are what JSON can hold (numbers, texts, lists, dictionaries). A field that the row does not name, because it is
younger than the row, has its default.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from django.db import transaction

from accounts.audit import audit_record
from accounts.models import Policy, User


class PolicyValues(Protocol):
    KEY: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]


P = TypeVar("P", bound=PolicyValues)


class StalePolicy(Exception):
    """Somebody else changed the policy since the form was opened; `version` is the one that stands now."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


def policy_get(subject: type[P]) -> P:
    """What is decided, or the defaults. One query; asked anew each time, so a change works at once everywhere."""
    row = Policy.objects.filter(key=subject.KEY).first()
    return _read(subject, row)


def policy_version(subject: type[P]) -> int:
    """The number of the version that stands; 0 while nobody decided anything."""
    return Policy.objects.filter(key=subject.KEY).values_list("version", flat=True).first() or 0


def policy_save(*, by: User, now: datetime, values: PolicyValues, version: int | None = None) -> None:
    """Keeps what an administrator decided. With `version` (of policy_version) a change that somebody else made in the
    meantime is not overwritten: StalePolicy."""
    with transaction.atomic():
        # The row is made first, so that there is something to lock: two first changes wait for each other as well.
        Policy.objects.get_or_create(key=values.KEY, defaults={"version": 0, "changed_at": now})
        row = Policy.objects.select_for_update().get(key=values.KEY)
        if version is not None and version != row.version:
            raise StalePolicy(row.version)
        before = asdict(_read(type(values), row))
        after: dict[str, Any] = asdict(values)
        changed = [name for name in after if before[name] != after[name]]
        if not changed:
            return
        row.value, row.version, row.changed_at = after, row.version + 1, now
        row.save()
        audit_record(
            by=by,
            action="policy.updated",
            subject=row,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
        )


def _read(subject: type[P], row: Policy | None) -> P:
    known = {field.name for field in fields(subject)}
    return subject(**{name: value for name, value in (row.value if row else {}).items() if name in known})
