"""The copy of everything held about a person: data.json for programs, index.html and events.csv for people."""

from __future__ import annotations

import csv
import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import User
from activity.models import Event
from community_ops.lib.lists import safe_text
from groups.models import Group
from members.merging.uniting import pointers_at
from members.models import ExportState, FieldDefinition, Member, MemberExport, Membership
from members.privacy.services import export_path
from members.privacy.treatments import label_of

# Columns that lead a row to its person or say nothing to them.
DULL = {"id", "token", "path", "digest", "event_key", "moved"}
OWN = ("member", "membership")


def export_make(*, export_id: int, now: datetime) -> bool:
    """Writes the file of a copy that waits; False when there is nothing to do."""
    export = MemberExport.objects.select_related("member", "asked_by").filter(pk=export_id).first()
    if export is None or export.state != ExportState.WAITING:
        return False
    path = f"exports/{uuid.uuid4().hex}.zip"
    target = Path(settings.MEDIA_ROOT) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    _write(target, export.member, export.asked_by, now)
    done = MemberExport.objects.filter(pk=export.pk, state=ExportState.WAITING).update(
        state=ExportState.READY, path=path, ready_at=now
    )
    if not done:
        target.unlink(missing_ok=True)
    else:
        export.path = path
        assert export_path(export) == target
    return bool(done)


def _write(target: Path, member: Member, asker: User | None, now: datetime) -> None:
    tables = list(person_tables(member, asker))
    people = [member.pk, *Member.objects.filter(merged_into=member).values_list("pk", flat=True)]
    events = Event.objects.filter(member_id__in=people).select_related("kind", "channel").order_by("at", "pk")
    groups = dict(Group.objects.filter(pk__in=events.order_by().values("group_id")).values_list("pk", "name"))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        data = {name: rows for name, _label, _heads, rows in tables}
        archive.writestr("data.json", json.dumps(data, ensure_ascii=False, indent=1, default=str))
        page = render_to_string(
            "console/members/privacy_copy.html",
            {
                "member": member,
                "now": now,
                "tables": [(label, heads, _cells(rows)) for _n, label, heads, rows in tables],
            },
        )
        archive.writestr("index.html", page)
        with archive.open("events.csv", "w") as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as text:
            writer = csv.writer(text)
            writer.writerow(["at", "kind", "group", "channel", "value", "properties"])
            for event in events.iterator(chunk_size=2000):
                properties = json.dumps(event.properties, ensure_ascii=False) if event.properties else ""
                writer.writerow(
                    [
                        timezone.localtime(event.at).isoformat(timespec="milliseconds"),
                        event.kind.slug,
                        safe_text(groups.get(event.group_id or 0, "")),
                        safe_text(event.channel.code if event.channel else ""),
                        event.value if event.value is not None else "",
                        safe_text(properties),
                    ]
                )


Table = tuple[str, str, list[str], list[dict[str, Any]]]


def person_tables(member: Member, asker: User | None = None) -> Iterator[Table]:
    """(name, label, column labels, rows) of each table that holds something about a person, also what points at such
    rows in turn: appeals against violations, lines of an account. What `asker` may not see, as notes and own fields of
    headquarters, is left out of a copy for them."""
    people = Member.objects.filter(models.Q(pk=member.pk) | models.Q(merged_into=member))
    own = _table(Member, people)
    if asker is not None and asker.branch_id is not None:
        keys = set(FieldDefinition.objects.visible_to(asker).values_list("key", flat=True))
        for values in own[3]:
            values["fields"] = {key: value for key, value in values["fields"].items() if key in keys}
    yield own
    seen: set[type[models.Model]] = {Member}
    queue: list[tuple[type[models.Model], models.QuerySet[Any]]] = [(Member, people)]
    while queue:
        owner, rows = queue.pop(0)
        for pointer in pointers_at(owner):
            table = pointer.model
            if table in seen or (owner in (Member, Membership) and pointer.name not in OWN):
                continue
            seen.add(table)
            found = table._base_manager.filter(**{f"{pointer.name}__in": rows.values("pk")})
            if asker is not None and hasattr(table, "objects") and hasattr(table.objects, "visible_to"):
                found = found.filter(pk__in=table.objects.visible_to(asker).values("pk"))
            if found.exists():
                yield _table(table, found)
                queue.append((table, found))


def _table(model: type[models.Model], rows: models.QuerySet[Any]) -> Table:
    columns = [
        column
        for column in model._meta.concrete_fields
        if column.name not in DULL and not (column.name in OWN and column.is_relation)
    ]
    heads = [str(column.verbose_name) for column in columns]
    found = []
    for row in rows.order_by("pk"):
        found.append({column.name: _value(row, column) for column in columns})
    return model._meta.label_lower, label_of(model), heads, found


def _value(row: models.Model, column: models.Field[Any, Any]) -> Any:
    if isinstance(column, models.ForeignKey):
        number = getattr(row, column.attname)
        # Another person is named by a number only: nobody gets somebody else's data.
        return (
            None
            if number is None
            else (f"#{number}" if column.related_model is Member else str(getattr(row, column.name)))
        )
    display = getattr(row, f"get_{column.name}_display", None)
    value = display() if display else getattr(row, column.name)
    return timezone.localtime(value).isoformat(timespec="seconds") if isinstance(value, datetime) else value


def _cells(rows: list[dict[str, Any]]) -> list[list[Any]]:
    return [
        [
            "" if value is None else json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
            for value in row.values()
        ]
        for row in rows
    ]
