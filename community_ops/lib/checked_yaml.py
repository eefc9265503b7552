"""YAML that people write, read so that every mistake is named by its path and line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml
from django.utils.translation import gettext as _

LARGEST = 100_000
SLUG = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")


@dataclass(frozen=True)
class Mistake:
    """A mistake: where in the values, in which line of the text (1 is the first; 0 is not known), and what is wrong."""

    path: str
    line: int
    message: str


class Mistakes(Exception):
    def __init__(self, errors: list[Mistake]) -> None:
        super().__init__(errors)
        self.errors = errors


def yaml_load(text: str) -> tuple[Any, dict[str, int]]:
    """The values of a text, and the line of each by its path. Raises Mistakes."""
    if len(text) > LARGEST:
        raise Mistakes([Mistake("", 0, _("The text is longer than %(most)d characters.") % {"most": LARGEST})])
    try:
        # An alias lets few lines stand for billions; nothing here needs one.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            raise Mistakes([Mistake("", 0, _("Aliases (*name) are not allowed here."))])
        values = yaml.safe_load(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        problem = _("This is not YAML: %(problem)s") % {"problem": error.problem or error.context or ""}
        raise Mistakes([Mistake("", mark.line + 1 if mark else 0, problem)]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Mistakes([Mistake("", 0, _("This is not YAML: %(problem)s") % {"problem": error})]) from error
    return values, _lines(root)


def _lines(node: yaml.Node | None, path: str = "") -> dict[str, int]:
    """The line of each value by its path."""
    if node is None:
        return {}
    found = {path: node.start_mark.line + 1}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = f"{path}.{key.value}" if path else str(key.value)
            found |= _lines(value, name)
            found[name] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            found |= _lines(value, f"{path}[{number}]")
    return found


class Check:
    """Collects mistakes instead of stopping at the first."""

    def __init__(self, lines: dict[str, int]) -> None:
        self.lines = lines
        self.errors: list[Mistake] = []

    def wrong(self, path: str, message: str) -> None:
        self.errors.append(Mistake(path, self.lines.get(path, 0), message))

    def mapping(self, value: Any, path: str, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.wrong(path, _("Fields with values are expected here: %(names)s.") % {"names": ", ".join(keys)})
            return {}
        for name in value:
            if name not in keys:
                at = f"{path}.{name}" if path else str(name)
                self.wrong(at, _("There is no such field. Known are: %(names)s.") % {"names": ", ".join(keys)})
        for name in keys:
            if name not in value and name not in optional:
                self.wrong(path, _("The field %(name)s is missing.") % {"name": name})
        return value

    def text(self, value: Any, path: str, most: int) -> str:
        if not isinstance(value, str) or not value.strip():
            self.wrong(path, _("A text is expected here."))
            return ""
        if len(value) > most:
            self.wrong(path, _("At most %(most)d characters fit here.") % {"most": most})
        return value.strip()

    def number(self, value: Any, path: str, least: int, most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            limits = {"least": least, "most": most}
            self.wrong(path, _("A whole number from %(least)d to %(most)d is expected here.") % limits)
            return least
        return value

    def items(self, value: Any, path: str, least: int, most: int) -> list[Any]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            limits = {"least": least, "most": most}
            self.wrong(path, _("A list of %(least)d to %(most)d entries is expected here.") % limits)
            return []
        return value

    def choice(self, value: Any, path: str, known: list[str]) -> str:
        if value not in known:
            self.wrong(path, _("This must be one of: %(names)s.") % {"names": ", ".join(known)})
            return known[0]
        return str(value)

    def slug(self, value: Any, path: str) -> str:
        if not isinstance(value, str) or not value or len(value) > 40 or not SLUG.issuperset(value):
            self.wrong(path, _("Only lower-case letters, digits, - and _ may stand here, 40 at most."))
            return ""
        return value
