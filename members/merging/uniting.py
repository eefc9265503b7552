"""Everything that points at one row is pointed at another, and that can be taken back.

No table is named here: whatever has a foreign key to the row is found by asking Django. Where a row cannot be moved
because the other side has its like already (both are in one group, both hold a role), the two are united the same way,
and the one that is too many is taken out and kept in the record.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.db.models.deletion import Collector, ProtectedError

CHUNK = 500
Pointer = models.ForeignKey[Any, Any]


@dataclass
class Record:
    """What was done, as JSON can hold it.

    `moved` lists [model, column, numbers, from, to]; `removed` rows as [model, values]; `emptied` columns that lost
    their row as [model, column, numbers, value]; `changed` rows as [model, number, before, after].
    """

    moved: list[list[Any]] = field(default_factory=list)
    removed: list[list[Any]] = field(default_factory=list)
    emptied: list[list[Any]] = field(default_factory=list)
    changed: list[list[Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return plain


# Called with (row that goes, row that stays); returns the values that the one that stays gets.
Blend = Callable[[Any, Any], dict[str, Any]]


def pointers_at(model: type[models.Model]) -> Iterator[Pointer]:
    """The foreign keys of all tables that point at `model`."""
    for relation in model._meta.get_fields(include_hidden=True):
        if relation.auto_created and not relation.concrete and (relation.one_to_many or relation.one_to_one):
            pointer = relation.field  # type: ignore[union-attr]
            if isinstance(pointer, models.ForeignKey):
                yield pointer


def unite(
    row: models.Model,
    into: models.Model,
    *,
    record: Record,
    blends: dict[str, Blend],
    leave: frozenset[str] = frozenset(),
) -> None:
    """Points everything at `into` that points at `row`. Tables in `leave` (labels) are not touched; `blends` says by
    label what the row that stays takes over from the one that goes. Must run in a transaction."""
    for pointer in pointers_at(type(row)):
        table = pointer.model
        if table._meta.label_lower not in leave:
            _move(table, pointer, row, into, record, blends, leave)


def _move(
    table: type[models.Model],
    pointer: Pointer,
    row: models.Model,
    into: models.Model,
    record: Record,
    blends: dict[str, Blend],
    leave: frozenset[str],
) -> None:
    column = pointer.attname
    rows = table._base_manager.filter(**{column: row.pk})
    if table is type(row):
        # Nobody points at themselves.
        rows = rows.exclude(pk=into.pk)
    numbers = list(rows.order_by("pk").values_list("pk", flat=True))
    if not numbers:
        return
    moved = numbers
    try:
        with transaction.atomic():
            rows.update(**{column: into.pk})
    except IntegrityError:
        moved = [number for number in numbers if _moved_one(table, column, number, into.pk)]
    if moved:
        record.moved.append([table._meta.label_lower, column, moved, row.pk, into.pk])
    for rest in table._base_manager.filter(pk__in=sorted(set(numbers) - set(moved))).order_by("pk"):
        like = _counterpart(rest, pointer, into.pk)
        if like is None:
            continue
        unite(rest, like, record=record, blends=blends, leave=leave)
        blend = blends.get(table._meta.label_lower)
        if blend:
            change_row(like, blend(rest, like), record)
        take_out(rest, record)


def _moved_one(table: type[models.Model], column: str, number: Any, to: Any) -> bool:
    try:
        with transaction.atomic():
            table._base_manager.filter(pk=number).update(**{column: to})
    except IntegrityError:
        return False
    return True


def _counterpart(row: models.Model, pointer: Pointer, to: Any) -> models.Model | None:
    """The row of the other side that keeps `row` from moving there."""
    table = type(row)
    if pointer.unique:
        return table._base_manager.filter(**{pointer.attname: to}).first()
    for constraint in table._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and pointer.name in constraint.fields:
            alike = {name: getattr(row, table._meta.get_field(name).attname) for name in constraint.fields}  # type: ignore[union-attr]
            rows = table._base_manager.filter(**{**alike, pointer.name: to})
            if constraint.condition is not None:
                rows = rows.filter(constraint.condition)
            if found := rows.first():
                return found
    return None


def change_row(row: models.Model, values: dict[str, Any], record: Record) -> None:
    before = {name: getattr(row, name) for name in values}
    if before == values:
        return
    type(row)._base_manager.filter(pk=row.pk).update(**values)
    record.changed.append([row._meta.label_lower, row.pk, before, values])


def take_out(row: models.Model, record: Record) -> None:
    """Deletes a row, with what hangs on it, and keeps it in the record."""
    collector = Collector(using="default")
    collector.can_fast_delete = lambda *_args, **_kwargs: False  # type: ignore[method-assign]  # every row is wanted
    try:
        collector.collect([row])
    except ProtectedError:
        # What cannot go stays with the row that was merged.
        return
    updates: dict[Any, list[Any]] = collector.field_updates
    for (emptied, _value), groups in updates.items():
        for instances in groups:
            numbers = [instance.pk for instance in instances]
            if numbers:
                table = emptied.model._meta.label_lower
                record.emptied.append([table, emptied.attname, numbers, row.pk])
    for model, instances in collector.data.items():
        for instance in instances:
            values = {column.attname: getattr(instance, column.attname) for column in model._meta.concrete_fields}
            record.removed.append([model._meta.label_lower, values])
    collector.delete()


def part(kept: dict[str, Any]) -> None:
    """Takes back what a record (Record.as_dict) says. What changed since stays as it is now. Must run in a transaction;
    raises IntegrityError where something new has taken the place of what was removed."""
    record = Record(**kept)
    for label, values in reversed(record.removed):
        model = apps.get_model(label)
        row = model(**{name: _python(model, name, value) for name, value in values.items()})
        row.save_base(raw=True, force_insert=True)
    for label, column, numbers, value in record.emptied:
        model = apps.get_model(label)
        model._base_manager.filter(pk__in=numbers, **{column: None}).update(**{column: value})
    for label, column, numbers, before, after in reversed(record.moved):
        model = apps.get_model(label)
        for start in range(0, len(numbers), CHUNK):
            rows = model._base_manager.filter(pk__in=numbers[start : start + CHUNK], **{column: after})
            rows.update(**{column: before})
    for label, number, before, after in reversed(record.changed):
        model = apps.get_model(label)
        row = model._base_manager.filter(pk=number).first()
        if row is None:
            continue
        back = {
            name: _python(model, name, value)
            for name, value in before.items()
            if getattr(row, name) == _python(model, name, after[name])
        }
        if back:
            model._base_manager.filter(pk=number).update(**back)


def _python(model: type[models.Model], name: str, value: Any) -> Any:
    """A value of the record as the column holds it."""
    column = next(column for column in model._meta.concrete_fields if column.attname == name or column.name == name)
    if value is None or isinstance(column, models.JSONField):
        return value
    target = column.target_field if isinstance(column, models.ForeignKey) else column
    return target.to_python(value)
