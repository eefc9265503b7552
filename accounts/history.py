"""What the entries of the audit trail mean to people: words for acts, subjects and fields, and who may read them.

Each app says when it starts what it writes down:

    subjects("groups.group", Subject(_("Group"), Group.objects.visible_to, "groups:detail"))
    actions({"group.archived": _("Group archived")})
    labels({"role": _("role")}, choices={"role": dict(GroupRole.choices).get})

Fields of the subject's own model need no words of their own: the model has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.models import AuditEntry, User

Text = str | Promise
MOST_SHOWN = 12
LONGEST_VALUE = 200


@dataclass(frozen=True)
class Subject:
    """A kind of thing that entries are about. `visible_to` gives those that a person may see, which decides who reads
    the history of one of them; `page` is the URL name of its page, which takes its number. `name` says what to call it
    where the name that was kept is no word for people."""

    label: Text
    visible_to: Callable[[User], QuerySet[Any]] | None = None
    page: str = ""
    name: Callable[[AuditEntry], Text] | None = None


@dataclass(frozen=True)
class Change:
    """A field, before and after, in words."""

    label: str
    before: str
    after: str


_subjects: dict[str, Subject] = {}
_actions: dict[str, Text] = {}
_labels: dict[str, Text] = {}
_choices: dict[str, list[Callable[[Any], Text | None]]] = {}
_policies: dict[str, Text] = {}


def subjects(kind: str, subject: Subject) -> None:
    _subjects[kind] = subject


def actions(words: Mapping[str, Text]) -> None:
    _actions.update(words)


def labels(
    words: Mapping[str, Text] | None = None, choices: Mapping[str, Callable[[Any], Text | None]] | None = None
) -> None:
    """Words for what services write down beside the fields of the model, and for the values of such a thing; several
    apps may know values of one name."""
    _labels.update(words or {})
    for name, words_for in (choices or {}).items():
        _choices.setdefault(name, []).append(words_for)


def policies(words: Mapping[str, Text]) -> None:
    """What the subjects of accounts.policies are called, by their KEY."""
    _policies.update(words)


def known_subjects() -> dict[str, Subject]:
    return _subjects


def known_actions() -> dict[str, Text]:
    return _actions


def action_words(action: str) -> str:
    """What was done, in words."""
    return str(_actions.get(action, action))


def subject_words(kind: str) -> str:
    found = _subjects.get(kind)
    return str(found.label) if found else kind


def subject_name(entry: AuditEntry) -> str:
    """What the thing was called when it was changed."""
    found = _subjects.get(entry.subject_type)
    return str(found.name(entry)) if found and found.name else entry.subject_name


def policy_words(key: str) -> str:
    return str(_policies.get(key, key))


def way_in_words(via: str) -> str:
    """By which way a change came in, see community_ops.lib.way_in."""
    kind, _colon, name = via.partition(":")
    if kind == "page":
        return _("Console")
    if kind == "token":
        return _("API token %(name)s") % {"name": name}
    if kind == "command":
        return _("Command %(name)s") % {"name": name}
    if kind == "task":
        return _("Background work")
    return _("Unknown") if via else ""


def may_read_about(user: User, kind: str, pk: int) -> bool:
    """Whether a person may read the history of one thing: those who may see it. When it is gone, nobody can see it;
    its entries are found in the whole trail."""
    subject = _subjects.get(kind)
    return bool(subject and subject.visible_to and subject.visible_to(user).filter(pk=pk).exists())


def pages_of(entries: Iterable[AuditEntry], user: User) -> dict[tuple[str, int], str]:
    """The addresses of the subjects that still exist and that `user` may see, by kind and number. One query a kind."""
    asked: dict[str, set[int]] = {}
    for entry in entries:
        if entry.subject_id is not None:
            asked.setdefault(entry.subject_type, set()).add(entry.subject_id)
    found = {}
    for kind, ids in asked.items():
        subject = _subjects.get(kind)
        if subject and subject.visible_to and subject.page:
            for pk in subject.visible_to(user).filter(pk__in=ids).values_list("pk", flat=True):
                found[kind, pk] = reverse(subject.page, args=[pk])
    return found


def changes_of(entry: AuditEntry) -> list[Change]:
    """What changed, field by field, in words of the reader's language. What only says more about the change, and stayed
    as it was, has no before."""
    model = _model(entry.subject_type)
    changes = []
    for name in list(dict.fromkeys([*entry.before, *entry.after]))[:MOST_SHOWN]:
        before, after = (_value(model, name, values.get(name)) for values in (entry.before, entry.after))
        if before or after:
            changes.append(Change(label_of(model, name), "" if before == after else before, after))
    return changes


def changes_in_a_line(entry: AuditEntry) -> str:
    """The same as one line of text, for files."""
    return "; ".join(
        f"{change.label}: {change.before} → {change.after}" if change.before else f"{change.label}: {change.after}"
        for change in changes_of(entry)
    )


def label_of(model: type[Model] | None, name: str) -> str:
    """The word for a field: what was registered for it, else what the model calls it."""
    if name in _labels:
        return str(_labels[name])
    field = _field(model, name)
    return str(field.verbose_name) if field is not None else name.replace("_", " ")


def _model(kind: str) -> type[Model] | None:
    try:
        return apps.get_model(kind)
    except (LookupError, ValueError):
        return None


def _field(model: type[Model] | None, name: str) -> Field[Any, Any] | None:
    if model is None:
        return None
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, Field) else None


def _value(model: type[Model] | None, name: str, value: Any) -> str:
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, bool):
        return pgettext("answer", "yes") if value else pgettext("answer", "no")
    if isinstance(value, list):
        return ", ".join(_value(model, name, item) for item in value)[:LONGEST_VALUE]
    if isinstance(value, dict):
        return ", ".join(f"{label_of(model, key)}: {_value(model, key, item)}" for key, item in value.items())[
            :LONGEST_VALUE
        ]
    field = _field(model, name)
    known: dict[Any, Any] = dict(field.flatchoices) if field is not None else {}
    words = known.get(value) or next((found for look in _choices.get(name, ()) if (found := look(value))), None)
    if words is not None:
        return str(words)
    if isinstance(value, str) and field is not None and "Date" in type(field).__name__:
        return _time(value)
    return str(value)[:LONGEST_VALUE]


def _time(value: str) -> str:
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return value
    return f"{timezone.localtime(instant):%Y-%m-%d %H:%M}" if instant.tzinfo else value
