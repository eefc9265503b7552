"""What a version says, apart from its rows: to compare, check, save, export and import it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeGuard

import yaml
from django.utils.translation import gettext as _

from groups.rules.detection.params import ParamsError, params_check
from groups.rules.models import Action, Category, Detector, Rule, RuleSetVersion

MOST_RULES = 50
MOST_STEPS = 10
LONGEST_STRIKE = 3650
LONGEST_PREAMBLE = 2000
LONGEST_TEXT = 500
CODE = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?")
STARTING_RULES = Path(__file__).with_name("starting_rules.yaml")
# From mild to hard.
HARDNESS = {action: number for number, action in enumerate(Action.values)}
DEFAULT_LADDER = [
    {"strikes": 1, "action": "remind"},
    {"strikes": 2, "action": "warn"},
    {"strikes": 3, "action": "mute"},
    {"strikes": 5, "action": "remove"},
]


@dataclass(frozen=True)
class RuleContent:
    """A rule as it is written; the fields are those of Rule. An empty code: a new rule, which gets one."""

    text: str
    code: str = ""
    category: str = Category.OTHER
    detector: str = Detector.NONE
    params: dict[str, Any] = field(default_factory=dict)
    action: str = Action.REMIND
    strikes: int = 1
    reporter_points: int = 0


@dataclass(frozen=True)
class VersionContent:
    """All that a version says."""

    preamble: str = ""
    ladder: tuple[dict[str, Any], ...] = ()
    strike_days: int = 90
    rules: tuple[RuleContent, ...] = ()

    def rule(self, code: str) -> RuleContent | None:
        return next((rule for rule in self.rules if rule.code == code), None)


class ContentError(ValueError):
    """What cannot be saved: pairs of a path (JSON pointer into content_data) and what to mend, in words."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__(errors)
        self.errors = errors


def version_content(version: RuleSetVersion) -> VersionContent:
    """Reads a version; one query, none when its rules are prefetched."""
    return VersionContent(
        preamble=version.preamble,
        ladder=tuple(version.ladder),
        strike_days=version.strike_days,
        rules=tuple(rule_content(rule) for rule in version.rules.all()),
    )


def rule_content(rule: Rule) -> RuleContent:
    return RuleContent(**{name: getattr(rule, name) for name in RuleContent.__dataclass_fields__})


def rule_seen(rule: RuleContent | None) -> str:
    """A short fingerprint of a rule as a person saw it; empty for none."""
    return _hash(asdict(rule))[:16] if rule else ""


def details_seen(content: VersionContent) -> str:
    """The same for what stands beside the rules."""
    return _hash([content.preamble, content.ladder, content.strike_days])[:16]


def fingerprint(rules: Iterable[RuleContent]) -> str:
    """Equal for rules that look for the same."""
    return _hash([[rule.code, rule.detector, rule.params] for rule in rules])


def content_check(content: VersionContent) -> VersionContent:
    """The content in one form: codes given, params in full. Raises ContentError."""
    errors: list[tuple[str, str]] = []
    if len(content.preamble) > LONGEST_PREAMBLE:
        errors.append(("/preamble", _("At most %(most)s characters.") % {"most": LONGEST_PREAMBLE}))
    if not _is_number(content.strike_days, 1, LONGEST_STRIKE):
        errors.append(("/strike_days", _number_words(1, LONGEST_STRIKE)))
    errors += ladder_errors(content.ladder)
    if len(content.rules) > MOST_RULES:
        errors.append(("/rules", _("At most %(most)s rules.") % {"most": MOST_RULES}))
    taken = {rule.code for rule in content.rules}
    rules: list[RuleContent] = []
    for number, rule in enumerate(content.rules):
        if not rule.code:
            rule = replace(rule, code=_new_code(rule.category, taken))
            taken.add(rule.code)
        elif any(rule.code == other.code for other in rules):
            errors.append((f"/rules/{number}/code", _("Two rules have this code.")))
        try:
            rules.append(rule_check(rule))
        except ContentError as error:
            errors += [(f"/rules/{number}{path}", message) for path, message in error.errors]
    if errors:
        raise ContentError(errors)
    ladder = tuple({"strikes": step["strikes"], "action": str(step["action"])} for step in content.ladder)
    return replace(content, preamble=content.preamble.strip(), ladder=ladder, rules=tuple(rules))


def rule_check(rule: RuleContent) -> RuleContent:
    """One rule in one form. Raises ContentError with paths inside of the rule."""
    errors: list[tuple[str, str]] = []
    given: Any = rule.text
    text = given.strip() if isinstance(given, str) else ""
    if not text:
        errors.append(("/text", _("Say the rule in a sentence that members understand.")))
    if len(text) > LONGEST_TEXT:
        errors.append(("/text", _("At most %(most)s characters.") % {"most": LONGEST_TEXT}))
    code: Any = rule.code
    if code and not (isinstance(code, str) and CODE.fullmatch(code)):
        errors.append(("/code", _("Use small letters, digits and hyphens, at most 40.")))
    for name, choices in (("category", Category), ("detector", Detector), ("action", Action)):
        if getattr(rule, name) not in choices.values:
            errors.append((f"/{name}", _("One of: %(values)s.") % {"values": ", ".join(choices.values)}))
    for name, most in (("strikes", 100), ("reporter_points", 10_000)):
        if not _is_number(getattr(rule, name), 0, most):
            errors.append((f"/{name}", _number_words(0, most)))
    params: dict[str, Any] = {}
    if rule.detector in Detector.values:
        try:
            params = params_check(rule.detector, rule.params)
        except ParamsError as error:
            errors += [(f"/params/{name}" if name else "/params", message) for name, message in error.errors]
    if errors:
        raise ContentError(errors)
    return replace(
        rule,
        text=text,
        category=str(rule.category),
        detector=str(rule.detector),
        action=str(rule.action),
        params=params,
    )


def ladder_errors(ladder: Iterable[Any]) -> list[tuple[str, str]]:
    """What is wrong with a ladder: strikes grow from step to step, and actions never get milder."""
    errors: list[tuple[str, str]] = []
    last_strikes, last_hardness = 0, -1
    steps = list(ladder)
    if len(steps) > MOST_STEPS:
        errors.append(("/ladder", _("At most %(most)s steps.") % {"most": MOST_STEPS}))
    for number, step in enumerate(steps[:MOST_STEPS]):
        path = f"/ladder/{number}"
        strikes = step.get("strikes") if isinstance(step, dict) else None
        action = step.get("action") if isinstance(step, dict) else None
        if not _is_number(strikes, 1, 100):
            errors.append((f"{path}/strikes", _number_words(1, 100)))
            continue
        if not isinstance(action, str) or action not in HARDNESS:
            errors.append((f"{path}/action", _("One of: %(values)s.") % {"values": ", ".join(Action.values)}))
            continue
        if strikes <= last_strikes:
            errors.append((f"{path}/strikes", _("Each step needs more strikes than the one before.")))
        if HARDNESS[action] < last_hardness:
            errors.append((f"{path}/action", _("A later step cannot be milder than the one before.")))
        last_strikes, last_hardness = strikes, HARDNESS[action]
    return errors


def content_data(content: VersionContent) -> dict[str, Any]:
    """As files and the API hold it."""
    return {
        "preamble": content.preamble,
        "strike_days": content.strike_days,
        "ladder": [dict(step) for step in content.ladder],
        "rules": [rule_data(rule) for rule in content.rules],
    }


def rule_data(rule: RuleContent) -> dict[str, Any]:
    order = ("code", "category", "text", "detector", "params", "action", "strikes", "reporter_points")
    return {name: getattr(rule, name) for name in order}


def content_read(data: Any) -> VersionContent:
    """Content from a file or the API, checked. What is missing has its default. Raises ContentError."""
    if not isinstance(data, dict):
        raise ContentError([("", _("Names and values are expected here."))])
    known = {"preamble", "strike_days", "ladder", "rules"}
    errors = [(f"/{name}", _("There is no such field.")) for name in data if name not in known]
    raw_rules = data.get("rules", [])
    ladder = data.get("ladder", DEFAULT_LADDER)
    if not isinstance(raw_rules, list):
        errors.append(("/rules", _("Give a list of rules.")))
        raw_rules = []
    if not isinstance(ladder, list):
        errors.append(("/ladder", _("Give a list of steps.")))
        ladder = []
    if not isinstance(data.get("preamble", ""), str):
        errors.append(("/preamble", _("Give a text.")))
    rules: list[RuleContent] = []
    for number, raw in enumerate(raw_rules):
        if not isinstance(raw, dict):
            errors.append((f"/rules/{number}", _("Names and values are expected here.")))
            continue
        unknown = [name for name in raw if name not in RuleContent.__dataclass_fields__]
        errors += [(f"/rules/{number}/{name}", _("There is no such field.")) for name in unknown]
        values = {name: value for name, value in raw.items() if name not in unknown}
        values["params"] = values.get("params") or {}
        rules.append(RuleContent(**{"text": "", **values}))
    if errors:
        raise ContentError(errors)
    return content_check(
        VersionContent(
            preamble=data.get("preamble", ""),
            ladder=tuple(ladder),
            strike_days=data.get("strike_days", 90),
            rules=tuple(rules),
        )
    )


def content_yaml(name: str, content: VersionContent) -> str:
    """A rule set as a file that people read and edit."""
    return yaml.safe_dump({"name": name, **content_data(content)}, allow_unicode=True, sort_keys=False, width=120)


def content_from_yaml(text: str) -> tuple[str, VersionContent]:
    """The name (may be empty) and the content of such a file. Raises ContentError, for broken YAML with its line."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = str(getattr(error, "problem", "") or error)
        where = (
            _("Line %(line)s, column %(column)s") % {"line": mark.line + 1, "column": mark.column + 1} if mark else ""
        )
        raise ContentError([("", f"{where}: {problem}" if where else problem)]) from None
    if not isinstance(data, dict):
        raise ContentError([("", _("The file holds no rule set."))])
    name = data.pop("name", "")
    return (name if isinstance(name, str) else "")[:120], content_read(data)


def starting_content() -> VersionContent:
    """The rules that a new rule set starts from."""
    return content_from_yaml(STARTING_RULES.read_text(encoding="utf-8"))[1]


def _new_code(category: str, taken: set[str]) -> str:
    stem = str(category).replace("_", "-") if category in Category.values else "rule"
    number = 1
    while (code := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    return code


def _is_number(value: Any, least: int, most: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _number_words(least: int, most: int) -> str:
    return _("Give a whole number from %(least)s to %(most)s.") % {"least": least, "most": most}


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()
