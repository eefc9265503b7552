"""A preset as text and as values. Texts come from administrators, so each mistake is named by its path and line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from activity.models import BuiltInKind
from community_ops.lib.checked_yaml import Check, Mistake, Mistakes, yaml_load
from delivery.models import Value
from groups.models import Action, Category, Detector, Motivation
from groups.rules.detection import ParamsError, params_check

PLANNED_DAYS = 14
MOST_STEPS = 10

# What content gives its readers. The shares of a mix add up to 100.
VALUES: dict[str, str | Promise] = dict(Value.choices)


# What is wrong with a text.
PresetError = Mistake
PresetErrors = Mistakes


@dataclass(frozen=True)
class Step:
    """One thing to do on a day of the plan; day 1 is the day on which the group opens."""

    day: int
    title: str
    text: str


@dataclass(frozen=True)
class Preset:
    """`noise_ceiling` is messages a day in the whole group; `funnel` kinds of events in their order."""

    motivation: str
    name: str
    summary: str
    mix: dict[str, int]
    noise_ceiling: int
    funnel: list[str]
    rules_name: str
    rules: list[dict[str, Any]] = field(default_factory=list)
    days: list[Step] = field(default_factory=list)

    KEYS: ClassVar = ("motivation", "name", "summary", "mix", "noise_ceiling", "funnel", "rules", "playbook")

    @property
    def label(self) -> str | Promise:
        return Motivation(self.motivation).label

    @property
    def funnel_query(self) -> str:
        """The address of the funnel report with these steps, after the question mark."""
        return urlencode([("step", kind) for kind in self.funnel])

    @property
    def funnel_words(self) -> list[str | Promise]:
        known = dict(BuiltInKind.choices)
        return [known.get(kind, kind) for kind in self.funnel]

    @property
    def mix_shares(self) -> list[tuple[str | Promise, int]]:
        return [(label, self.mix[value]) for value, label in VALUES.items()]


RULE_KEYS = ("code", "category", "text", "detector", "params", "action", "strikes", "reporter_points")


def preset_parse(text: str, *, motivation: str) -> Preset:
    """Reads a preset. Raises PresetErrors with everything that is wrong with it."""
    values, lines = yaml_load(text)
    check = _Check(lines)
    preset = check.preset(values, motivation)
    if check.errors:
        raise PresetErrors(check.errors)
    assert preset is not None
    return preset


class _Check(Check):
    def preset(self, value: Any, motivation: str) -> Preset | None:
        values = self.mapping(value, "", Preset.KEYS)
        if self.errors:
            return None
        if values["motivation"] != motivation:
            self.wrong("motivation", _("This must be %(name)s: a preset keeps its motivation.") % {"name": motivation})
        mix = self.mapping(values["mix"], "mix", tuple(VALUES))
        shares = {name: self.number(mix.get(name, 0), f"mix.{name}", 0, 100) for name in VALUES}
        if len(mix) == len(VALUES) and sum(shares.values()) != 100:
            self.wrong("mix", _("The shares add up to %(sum)d, not to 100.") % {"sum": sum(shares.values())})
        rules = self.mapping(values["rules"], "rules", ("name", "items"))
        steps = [
            self.step(item, f"playbook[{number}]")
            for number, item in enumerate(self.items(values["playbook"], "playbook", 1, 60))
        ]
        kinds = self.items(values["funnel"], "funnel", 2, MOST_STEPS)
        found = [
            self.rule(item, f"rules.items[{number}]")
            for number, item in enumerate(self.items(rules.get("items"), "rules.items", 1, 60))
        ]
        codes = [rule.get("code") for rule in found]
        for number, code in enumerate(codes):
            if code and code in codes[:number]:
                self.wrong(f"rules.items[{number}].code", _("The code %(code)s is there twice.") % {"code": code})
        return Preset(
            motivation=motivation,
            name=self.text(values["name"], "name", 80),
            summary=self.text(values["summary"], "summary", 500),
            mix=shares,
            noise_ceiling=self.number(values["noise_ceiling"], "noise_ceiling", 1, 100_000),
            funnel=[self.slug(kind, f"funnel[{number}]") for number, kind in enumerate(kinds)],
            rules_name=self.text(rules.get("name"), "rules.name", 80),
            rules=found,
            days=sorted(steps, key=lambda step: step.day),
        )

    def step(self, value: Any, path: str) -> Step:
        values = self.mapping(value, path, ("day", "title", "text"))
        return Step(
            self.number(values.get("day"), f"{path}.day", 1, PLANNED_DAYS),
            self.text(values.get("title"), f"{path}.title", 80),
            self.text(values.get("text"), f"{path}.text", 500),
        )

    def rule(self, value: Any, path: str) -> dict[str, Any]:
        optional = ("detector", "params", "strikes", "reporter_points")
        values = self.mapping(value, path, RULE_KEYS, optional)
        detector = self.choice(values.get("detector", "none"), f"{path}.detector", Detector.values)
        params = values.get("params", {})
        try:
            params = params_check(detector, params)
        except ParamsError as error:
            for name, message in error.errors:
                self.wrong(f"{path}.params.{name}" if name else f"{path}.params", message)
        return {
            "code": self.slug(values.get("code"), f"{path}.code"),
            "category": self.choice(values.get("category"), f"{path}.category", Category.values),
            "text": self.text(values.get("text"), f"{path}.text", 500),
            "detector": detector,
            "params": params,
            "action": self.choice(values.get("action"), f"{path}.action", Action.values),
            "strikes": self.number(values.get("strikes", 1), f"{path}.strikes", 0, 100),
            "reporter_points": self.number(values.get("reporter_points", 0), f"{path}.reporter_points", 0, 1000),
        }
