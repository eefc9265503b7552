"""What becomes of each table when a person is erased.

Every table that points at a member has a treatment; a test fails on one that has none. Apps above register theirs when
they start:

    treat("campaigns.order", Treatment(_("orders"), Fate.STAYS, blank={"order_id": ""}))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

Text = str | Promise


class Fate(models.TextChoices):
    GOES = "goes", pgettext_lazy("erasure", "is deleted")
    STAYS = "stays", pgettext_lazy("erasure", "stays, without a name")
    EMPTIED = "emptied", pgettext_lazy("erasure", "stays, its texts are emptied")


@dataclass(frozen=True)
class Treatment:
    """`label` is what people call the rows. `blank` is what the columns of rows that stay are set to. `before` runs
    first, with the rows: for what points at them in turn, and for files."""

    label: Text
    fate: Fate
    blank: dict[str, Any] = field(default_factory=dict)
    before: Callable[[models.QuerySet[Any], datetime], None] | None = None


_TREATMENTS: dict[str, Treatment] = {}


def treat(table: str, treatment: Treatment) -> None:
    """`table` is the label of a model in small letters, or of one of its foreign keys ("members.violation.reporter")
    where that is treated in another way."""
    _TREATMENTS[table] = treatment


def label_of(model: type[models.Model]) -> str:
    """What people call the rows of a table."""
    known = _TREATMENTS.get(model._meta.label_lower)
    return str(known.label if known else model._meta.verbose_name_plural)


def treatment_of(pointer: models.ForeignKey[Any, Any]) -> Treatment:
    """Raises KeyError for a table that nobody thought of."""
    label = pointer.model._meta.label_lower
    return _TREATMENTS.get(f"{label}.{pointer.name}") or _TREATMENTS[label]
