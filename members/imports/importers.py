"""What an importer is, and which there are. Apps above this one register theirs when they start."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Protocol, runtime_checkable

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from accounts.models import User


@dataclass(frozen=True)
class ImportField:
    """What an importer wants to know of each row. `names` are columns that usually hold it, in any spelling."""

    name: str
    label: str | Promise
    required: bool
    names: tuple[str, ...] = ()


def labels_of(fields: Sequence[ImportField]) -> dict[str, str]:
    """What people call each field, in their language now."""
    return {field.name: str(field.label) for field in fields}


@dataclass
class Written:
    """What became of a batch; `rejected` maps places in the batch to reasons."""

    imported: int = 0
    duplicates: int = 0
    rejected: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Doubt:
    """What a person should look at before they start; `rows` are places in the batch, each with words."""

    head: str
    rows: list[tuple[int, str]]


class Importer(Protocol):
    """Turns rows into things of the community. An item is whatever read() makes of one row."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str | Promise: ...
    @property
    def fields(self) -> Sequence[ImportField]: ...

    def reader(self, zone: tzinfo) -> Callable[[Sequence[str]], Any]:
        """A function from the cells of a row, in the order of `fields`, to its item. It raises RowError."""
        ...

    def identity(self, item: Any) -> str:
        """The item as text, the same for the same item in every file and spelling."""
        ...

    def write(self, items: Sequence[tuple[str, Any]], *, by: User | None, now: datetime) -> Written:
        """Keeps items that are not known yet by their keys, in the transaction of the caller."""
        ...


@runtime_checkable
class Doubting(Protocol):
    """An importer that has more to say about rows than whether they can be used."""

    def doubts(self, items: Mapping[int, tuple[str, Any]], *, by: User) -> list[Doubt]:
        """About items that would be taken in or are known, by their places in the batch; before they are written."""
        ...


_importers: dict[str, Importer] = {}


def register(importer: Importer) -> None:
    _importers[importer.name] = importer


def importer_named(name: str) -> Importer:
    return _importers[name]


def importer_choices() -> list[tuple[str, str | Promise]]:
    return [(importer.name, importer.label) for importer in _importers.values()]


class MappingError(Exception):
    """The columns do not fit; `field` is the one that is missing, when it is one."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def _spelling(name: str) -> str:
    return re.sub(r"[\s_\-.（）()/:：]+", "", name).casefold()


def guess_mapping(importer: Importer, header: Sequence[str]) -> dict[str, str]:
    """The column of each field, as far as names tell. No column stands for two fields."""
    columns = {_spelling(column): column for column in reversed(header) if column}
    guessed: dict[str, str] = {}
    for wanted in importer.fields:
        for name in (wanted.name, str(wanted.label), *wanted.names):
            column = columns.get(_spelling(name))
            if column is not None and column not in guessed.values():
                guessed[wanted.name] = column
                break
    return guessed


def mapping_places(importer: Importer, header: Sequence[str], mapping: Mapping[str, str]) -> list[int | None]:
    """The place of each field's column in the header. Raises MappingError with a sentence that says what to do."""
    known = [wanted.name for wanted in importer.fields]
    columns = ", ".join(column for column in header if column)
    for name, column in mapping.items():
        if name not in known:
            raise MappingError(
                _('There is no field "%(field)s". The fields are: %(known)s.')
                % {"field": name, "known": ", ".join(known)}
            )
        if column not in header:
            raise MappingError(
                _('The file has no column "%(column)s". Its columns are: %(columns)s.')
                % {"column": column, "columns": columns},
                name,
            )
    for wanted in importer.fields:
        if wanted.required and wanted.name not in mapping:
            raise MappingError(
                _('Which column is "%(field)s"? The columns of the file are: %(columns)s.')
                % {"field": wanted.label, "columns": columns},
                wanted.name,
            )
    return [header.index(mapping[name]) if name in mapping else None for name in known]
