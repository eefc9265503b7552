"""The form in which people put a definition together, row by row; it works without JavaScript.

Each row has a number and says `field-N`, `op-N`, `value-N` (several for choices), `days-N`, `kind-N` and `block-N`, the
block it stands in: "0" is the definition itself, others are nested in it. `join-B` says how a block joins its rows.
Buttons called `act` change the form: add-B (the field is that of `new-B`), remove-N, block, unblock-B.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from accounts.models import User
from activity.models import BuiltInKind, EventKind
from members.segments.filters import (
    JOINS,
    MOST_CONDITIONS,
    WITHOUT_VALUE,
    Choices,
    Condition,
    Definition,
    FilterField,
    Text,
    definition_check,
    fields_for,
)

TOP = "0"
MOST_BLOCKS = 6
# Longer lists of choices are a box to scroll in.
FEW = 8


@dataclass
class Row:
    """A condition as it stands in the form."""

    number: int
    slug: str
    known: FilterField | None
    op: str
    values: list[str]
    days: str = ""
    kind: str = ""
    choices: Choices = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""

    @property
    def takes_value(self) -> bool:
        return self.op not in WITHOUT_VALUE

    @property
    def is_long(self) -> bool:
        return len(self.choices) > FEW

    @property
    def input_type(self) -> str:
        shape = self.known.shape if self.known else "text"
        return {"date": "date", "text": "text"}.get(shape, "number")


@dataclass
class Block:
    key: str
    join: str
    rows: list[Row] = field(default_factory=list)

    @property
    def is_top(self) -> bool:
        return self.key == TOP


class Builder:
    """The form, from what was sent or from a definition. `definition` is empty while there are errors."""

    joins = JOINS

    def __init__(self, user: User) -> None:
        self.user = user
        self.fields = fields_for(user)
        self.blocks: list[Block] = [Block(TOP, "all")]
        self.errors: list[str] = []
        self.definition: Definition | None = None

    @classmethod
    def of(cls, definition: Definition | None, user: User) -> Builder:
        builder = cls(user)
        if definition:
            join, items = next(iter(definition.items()))
            builder.blocks[0].join = join
            number = 1
            for item in items:
                block, conditions = builder.blocks[0], [item]
                if "field" not in item:
                    inner, conditions = next(iter(item.items()))
                    block = Block(str(len(builder.blocks)), inner)
                    builder.blocks.append(block)
                for condition in conditions:
                    block.rows.append(builder._row_of(number, condition))
                    number += 1
            builder.definition = definition
        builder._fill()
        return builder

    @classmethod
    def sent(cls, data: QueryDict, user: User) -> Builder:
        builder = cls(user)
        keys = [key for key in dict.fromkeys(data.getlist("block")) if key.isdecimal() and len(key) < 4]
        builder.blocks = [Block(key, _join(data, key)) for key in [TOP, *(key for key in keys if key != TOP)]][
            : MOST_BLOCKS + 1
        ]
        places = {block.key: block for block in builder.blocks}
        numbers = {int(number) for number in data.getlist("row") if number.isdecimal() and len(number) < 5}
        for number in sorted(numbers)[: MOST_CONDITIONS + 1]:
            place = places.get(data.get(f"block-{number}", TOP))
            if place is not None:
                place.rows.append(builder._row_sent(number, data))
        builder._act(data)
        builder._read()
        builder._fill()
        return builder

    @property
    def sections(self) -> list[tuple[Text, list[tuple[str, Text]]]]:
        """What may be added, in its sections."""
        found: dict[str, tuple[Text, list[tuple[str, Text]]]] = {}
        for slug, known in self.fields.items():
            found.setdefault(str(known.section), (known.section, []))[1].append((slug, known.label))
        return list(found.values())

    @property
    def may_nest(self) -> bool:
        return len(self.blocks) <= MOST_BLOCKS

    @property
    def is_empty(self) -> bool:
        return not any(block.rows for block in self.blocks)

    @property
    def kinds(self) -> list[tuple[str, Text]]:
        more = EventKind.objects.exclude(slug__in=BuiltInKind.values).order_by("slug").values_list("slug", flat=True)
        return [*BuiltInKind.choices, *((slug, slug) for slug in more)]

    def _row_of(self, number: int, item: Condition) -> Row:
        value = item.get("value")
        values = [str(entry) for entry in value] if isinstance(value, list) else [] if value is None else [str(value)]
        days = item.get("days")
        slug = item["field"]
        return Row(
            number, slug, self.fields.get(slug), item["op"], values, str(days) if days else "", item.get("kind", "")
        )

    def _row_sent(self, number: int, data: QueryDict) -> Row:
        slug = data.get(f"field-{number}", "")
        known = self.fields.get(slug)
        op = data.get(f"op-{number}", "")
        if known and op not in dict(known.operators):
            op = known.operators[0][0]
        values = [value for value in data.getlist(f"value-{number}") if value.strip()]
        return Row(
            number, slug, known, op, values, data.get(f"days-{number}", "").strip(), data.get(f"kind-{number}", "")
        )

    def _act(self, data: QueryDict) -> None:
        act, _hyphen, what = data.get("act", "").partition("-")
        if act == "add":
            known = self.fields.get(data.get(f"new-{what}", ""))
            place = next((block for block in self.blocks if block.key == what), None)
            if known and place:
                number = max((row.number for block in self.blocks for row in block.rows), default=0) + 1
                place.rows.append(Row(number, known.slug, known, known.operators[0][0], []))
        elif act == "remove":
            for block in self.blocks:
                block.rows = [row for row in block.rows if str(row.number) != what]
        elif act == "block" and self.may_nest:
            key = max(int(block.key) for block in self.blocks) + 1
            self.blocks.append(Block(str(key), "any"))
        elif act == "unblock":
            self.blocks = [block for block in self.blocks if block.is_top or block.key != what]

    def _read(self) -> None:
        top, *nested = self.blocks
        paths: dict[str, Row] = {}
        items: list[Any] = []
        for row in top.rows:
            paths[f"/{top.join}/{len(items)}"] = row
            items.append(_condition(row))
        for block in nested:
            if not block.rows:
                continue
            prefix = f"/{top.join}/{len(items)}/{block.join}"
            inner: list[Condition] = []
            for row in block.rows:
                paths[f"{prefix}/{len(inner)}"] = row
                inner.append(_condition(row))
            items.append({block.join: inner})
        definition = {top.join: items}
        if not items:
            self.errors.append(_("Add at least one condition."))
            return
        problems = definition_check(definition, user=self.user)
        for problem in problems:
            about = next((row for path, row in paths.items() if f"{problem.path}/".startswith(f"{path}/")), None)
            if about is None:
                self.errors.append(problem.message)
            elif problem.message not in about.errors:
                about.errors.append(problem.message)
        if not problems:
            self.definition = definition

    def _fill(self) -> None:
        for block in self.blocks:
            for row in block.rows:
                if row.known and row.known.choices:
                    row.choices = row.known.choices(self.user, tuple(row.values))


def _join(data: QueryDict, key: str) -> str:
    return "any" if data.get(f"join-{key}") == "any" else "all"


def _condition(row: Row) -> Condition:
    item: Condition = {"field": row.slug, "op": row.op}
    if row.known is None:
        return item
    if row.takes_value:
        item["value"] = row.values if row.known.shape == "choice" else _typed(row.known.shape, row.value)
    if row.known.takes_kind:
        item["kind"] = row.kind
    if row.known.takes_days and row.days:
        item["days"] = _typed("moment", row.days)
    return item


def _typed(shape: str, text: str) -> Any:
    """The number that somebody typed; what is none stays a text, which the check then refuses."""
    if shape in ("text", "date"):
        return text
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text) if shape in ("number", "count") else text
    except ValueError:
        return text


def definition_words(definition: Definition, user: User) -> list[str]:
    """The conditions of a definition as short sentences, one each; those of a nested block are one."""
    builder = Builder.of(definition, user)
    top, *nested = builder.blocks
    kinds = dict(builder.kinds) if any(row.kind for block in builder.blocks for row in block.rows) else {}
    words = [_sentence(row, kinds) for row in top.rows]
    for block in nested:
        glue = _(" and ") if block.join == "all" else _(" or ")
        words.append(glue.join(_sentence(row, kinds) for row in block.rows))
    return words


def _sentence(row: Row, kinds: dict[str, Text]) -> str:
    if row.known is None:
        return _("a field that is gone")
    label = f"{row.known.label} ({kinds.get(row.kind, row.kind)})" if row.kind else str(row.known.label)
    op = str(dict(row.known.operators)[row.op])
    known = dict(row.choices)
    value = ", ".join(str(known.get(value, value)) for value in row.values)
    if "…" in op:
        text = f"{label}: {op.replace('…', value)}"
    elif row.op in ("yes", "no"):
        text = f"{label}: {op}"
    else:
        text = " ".join(part for part in (label, op, value if row.takes_value else "") if part)
    return text + (" " + _("(last %(days)s days)") % {"days": row.days} if row.days else "")
