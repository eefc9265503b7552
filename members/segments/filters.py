"""The language in which members are described, and how a description becomes a query.

A definition joins conditions by "all" or "any"; an item may be one more such object, no deeper:

    {"all": [{"field": "tier", "op": "in", "value": ["senior", "hardcore"]},
             {"any": [{"field": "last_seen", "op": "before", "value": 30},
                      {"field": "events", "op": "at_most", "value": 0, "kind": "message", "days": 30}]}]}

What a field is and which operators it takes is registered in fields.py (and by the apps above). Whoever asks, only what
they may see is looked at: members, and their groups, events and tags within that person's reach.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import Branch, Role, User
from members.models import Member

Text = str | Promise
Choices = list[tuple[str, Text]]
Condition = dict[str, Any]
Definition = dict[str, Any]

MOST_CONDITIONS = 40
MOST_VALUES = 100
MOST_DAYS = 3650
NOBODY = Q(pk__in=())
JOINS: Choices = [("all", gettext_lazy("all of these")), ("any", gettext_lazy("any of these"))]
OPERATORS: dict[str, Choices] = {
    "choice": [("in", gettext_lazy("is one of")), ("not_in", gettext_lazy("is none of"))],
    "text": [
        ("contains", gettext_lazy("contains")),
        ("is", pgettext_lazy("filter", "is")),
        ("filled", gettext_lazy("is filled in")),
        ("empty", gettext_lazy("is empty")),
    ],
    "number": [("at_least", gettext_lazy("is at least")), ("at_most", gettext_lazy("is at most"))],
    "count": [("at_least", gettext_lazy("is at least")), ("at_most", gettext_lazy("is at most"))],
    "moment": [
        ("within", gettext_lazy("in the last … days")),
        ("before", gettext_lazy("more than … days ago")),
        ("never", gettext_lazy("never")),
    ],
    "date": [("from", gettext_lazy("is on or after")), ("until", gettext_lazy("is on or before"))],
    "yes_no": [("yes", gettext_lazy("yes")), ("no", gettext_lazy("no"))],
}
WITHOUT_VALUE = frozenset({"filled", "empty", "never", "yes", "no"})


@dataclass(frozen=True)
class Ask:
    """A condition as it is asked: `values` is filled for choices, `value` for everything else. `days` limits counts to
    the last so many days (None: ever), `kind` is the slug of an event."""

    user: User
    now: datetime
    op: str
    value: Any = None
    values: tuple[str, ...] = ()
    days: int | None = None
    kind: str = ""


@dataclass(frozen=True)
class FilterField:
    """Something that members can be told apart by. `shape` is a key of OPERATORS; `match` says which members answer.

    `choices` lists what `user` may choose from, always with those of `chosen` that exist and are within reach.
    """

    slug: str
    label: Text
    section: Text
    shape: str
    match: Callable[[Ask], Q]
    choices: Callable[[User, tuple[str, ...]], Choices] | None = None
    unit: Text = ""
    takes_days: bool = False
    takes_kind: bool = False
    nullable: bool = True

    @property
    def operators(self) -> Choices:
        return [(op, label) for op, label in OPERATORS[self.shape] if op != "never" or self.nullable]


@dataclass(frozen=True)
class DefinitionError:
    """`path` is an RFC 6901 JSON pointer into the definition."""

    path: str
    code: str
    message: str


Source = Callable[[User], dict[str, FilterField]]
_FIELDS: dict[str, FilterField] = {}
_SOURCES: list[Source] = []


def register(*fields: FilterField) -> None:
    _FIELDS.update({field.slug: field for field in fields})


def register_source(source: Source) -> None:
    """For fields that are rows: `source` is asked each time."""
    _SOURCES.append(source)


def fields_for(user: User) -> dict[str, FilterField]:
    """Every field that `user` may filter by."""
    found = dict(_FIELDS)
    for source in _SOURCES:
        found |= source(user)
    return found


def viewer_of(branch: Branch | None) -> User:
    """Somebody of this branch (None: of headquarters), for what the product does by itself."""
    return User(branch=branch, role=Role.MANAGER)


def conditions_of(definition: Definition) -> Iterator[Condition]:
    """Every condition of a definition that was checked."""
    for item in next(iter(definition.values())):
        if "field" in item:
            yield item
        else:
            yield from conditions_of(item)


# Checking


def definition_check(value: Any, *, user: User | None = None) -> list[DefinitionError]:
    """What is wrong with a definition; nothing when it can be used. Without `user` it is checked for headquarters."""
    user = user or viewer_of(None)
    checker = _Checker(user, fields_for(user))
    checker.group(value, "", nested=False)
    return checker.errors


class _Checker:
    def __init__(self, user: User, fields: dict[str, FilterField]) -> None:
        self.user, self.fields = user, fields
        self.errors: list[DefinitionError] = []
        self.count = 0

    def wrong(self, path: str, code: str, message: str) -> None:
        self.errors.append(DefinitionError(path, code, message))

    def group(self, value: Any, path: str, *, nested: bool) -> None:
        if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in ("all", "any"):
            self.wrong(path, "invalid", _('This is an object: {"all": [...]} or {"any": [...]}.'))
            return
        join, items = next(iter(value.items()))
        path = f"{path}/{join}"
        if not isinstance(items, list) or not items:
            self.wrong(path, "required", _("At least one condition is needed."))
            return
        for index, item in enumerate(items):
            here = f"{path}/{index}"
            if isinstance(item, dict) and "field" in item:
                self.count += 1
                if self.count == MOST_CONDITIONS + 1:
                    self.wrong(here, "too_many", _("At most %(limit)d conditions.") % {"limit": MOST_CONDITIONS})
                if self.count <= MOST_CONDITIONS:
                    self.condition(item, here)
            elif nested:
                self.wrong(here, "too_deep", _("Conditions are nested one level deep at most."))
            else:
                self.group(item, here, nested=True)

    def condition(self, item: Condition, path: str) -> None:
        field = self.fields.get(item["field"]) if isinstance(item["field"], str) else None
        if field is None:
            self.wrong(f"{path}/field", "unknown_field", _("There is no such field."))
            return
        op = item.get("op")
        if op not in dict(field.operators):
            known = ", ".join(name for name, _label in field.operators)
            self.wrong(f"{path}/op", "unknown_operator", _("Choose one of: %(choices)s") % {"choices": known})
            return
        extra = {name for name, allowed in (("days", field.takes_days), ("kind", field.takes_kind)) if allowed}
        for name in sorted(item.keys() - {"field", "op", "value"} - extra):
            self.wrong(f"{path}/{name}", "unknown_field", _("There is no such field."))
        if field.takes_kind and not isinstance(item.get("kind"), str):
            self.wrong(f"{path}/kind", "required", _("Say which kind of event."))
        if field.takes_days and item.get("days") is not None and not _whole(item["days"], 1, MOST_DAYS):
            self.wrong(f"{path}/days", "invalid", _days_message())
        if op not in WITHOUT_VALUE:
            self.value(field, item.get("value"), f"{path}/value")

    def value(self, field: FilterField, value: Any, path: str) -> None:
        if field.shape == "choice":
            if not isinstance(value, list) or not value or not all(isinstance(entry, str) for entry in value):
                self.wrong(path, "required", _("Choose at least one."))
            elif len(value) > MOST_VALUES:
                self.wrong(path, "too_many", _("At most %(limit)d choices.") % {"limit": MOST_VALUES})
            elif field.choices:
                known = {key for key, _label in field.choices(self.user, tuple(value))}
                for index, entry in enumerate(value):
                    if entry not in known:
                        self.wrong(f"{path}/{index}", "invalid_choice", _("No such choice within reach."))
        elif field.shape == "text":
            if not isinstance(value, str) or not value.strip() or len(value) > 200 or "\x00" in value:
                self.wrong(path, "required", _("Write a text of at most 200 characters."))
        elif field.shape == "moment":
            if not _whole(value, 1, MOST_DAYS):
                self.wrong(path, "invalid", _days_message())
        elif field.shape == "date":
            if not _is_date(value):
                self.wrong(path, "invalid", _("Write the date as 2026-03-01."))
        elif not _is_number(value) or (field.shape == "count" and value < 0):
            self.wrong(path, "invalid", _("This is a number."))


def _days_message() -> str:
    return _("A whole number of days, from 1 to %(limit)d.") % {"limit": MOST_DAYS}


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 10**12


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


# Compiling


def members_matching(
    definition: Definition, *, user: User, now: datetime, fields: dict[str, FilterField] | None = None
) -> QuerySet[Member]:
    """The members that `user` may see and that answer a checked definition. A condition on something that is gone, or
    that `user` may not see, is answered by nobody. `fields` are those of fields_for(user), where they are known."""
    members = Member.objects.visible_to(user).current()
    return members.filter(_compiled(definition, fields or fields_for(user), user, now))


def _compiled(definition: Definition, fields: dict[str, FilterField], user: User, now: datetime) -> Q:
    join, items = next(iter(definition.items()))
    parts = [
        _condition(item, fields, user, now) if "field" in item else _compiled(item, fields, user, now) for item in items
    ]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined & part if join == "all" else joined | part
    return joined


def _condition(item: Condition, fields: dict[str, FilterField], user: User, now: datetime) -> Q:
    field = fields.get(item["field"])
    if field is None:
        return NOBODY
    value = item.get("value")
    values = tuple(value or ()) if field.shape == "choice" else ()
    ask = Ask(user, now, item["op"], value, values, item.get("days"), item.get("kind", ""))
    if ask.op == "not_in":
        return ~field.match(ask)
    return field.match(ask)
