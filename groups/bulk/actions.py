"""What can be done with many at once. See the package for how to add to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Exists, Q
from django.utils.functional import Promise

from accounts.models import User

Text = str | Promise
Params = dict[str, str]


@dataclass(frozen=True)
class Changed:
    """`undo` is what the action needs to take the change back, as JSON can hold it."""

    undo: dict[str, Any]


@dataclass(frozen=True)
class Unchanged:
    """`failed` says that the change was wanted and refused, not needless."""

    reason: str
    failed: bool = False


Outcome = Changed | Unchanged


def _no_reasons(_user: User, _params: Params) -> list[tuple[Text, Q | Exists]]:
    return []


def _writers(user: User) -> bool:
    return user.may_write


@dataclass(frozen=True)
class Question:
    """What the person is asked: one of `choices`, or a text where there are none."""

    name: str
    label: Text
    help: Text = ""
    choices: Callable[[User], list[tuple[str, Text]]] | None = None


@dataclass(frozen=True)
class BulkAction:
    slug: str
    subject: str
    label: Text
    icon: str
    sentence: Callable[[User, Params], str]
    apply: Callable[[Sequence[Any], Params, User, datetime], dict[int, Outcome]]
    undo: Callable[[Sequence[tuple[Any, dict[str, Any]]], Params, User, datetime], dict[int, str]]
    questions: tuple[Question, ...] = ()
    unchanged: Callable[[User, Params], list[tuple[Text, Q | Exists]]] = _no_reasons
    allowed: Callable[[User], bool] = _writers


@dataclass(frozen=True)
class BulkSubject:
    """A sort of rows that can be chosen. Its model's manager has `visible_to`; `named_by` is the column of its name."""

    slug: str
    label: Text
    model: type[models.Model]
    named_by: str = "name"

    def visible_to(self, user: User) -> models.QuerySet[Any]:
        found: models.QuerySet[Any] = self.model.objects.visible_to(user)  # type: ignore[attr-defined]
        return found


_SUBJECTS: dict[str, BulkSubject] = {}
_ACTIONS: dict[str, BulkAction] = {}


def register_subject(subject: BulkSubject) -> None:
    _SUBJECTS[subject.slug] = subject


def register_action(action: BulkAction) -> None:
    _ACTIONS[action.slug] = action


def subject_named(slug: str) -> BulkSubject:
    """Raises KeyError for one that nobody registered."""
    return _SUBJECTS[slug]


def action_named(slug: str) -> BulkAction:
    """Raises KeyError for one that nobody registered."""
    return _ACTIONS[slug]


def actions_for(subject: str, user: User) -> list[BulkAction]:
    return [action for action in _ACTIONS.values() if action.subject == subject and action.allowed(user)]
