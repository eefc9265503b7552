"""The presets as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.functional import Promise

from groups.models import Group, GroupPlan, Motivation, PresetEdit
from groups.presets.reading import VALUES, Preset, preset_parse

FOLDER = Path(__file__).parent


@cache
def shipped_text(motivation: str) -> str:
    """The preset that the product brings along."""
    return (FOLDER / f"{Motivation(motivation).value}.yaml").read_text("utf-8")


def preset_text(motivation: str) -> tuple[str, int]:
    """The text that counts, and its version; 0 is the shipped one."""
    edit = PresetEdit.objects.filter(motivation=motivation).exclude(text="").first()
    return (edit.text, edit.version) if edit else (shipped_text(motivation), 0)


def preset_for(motivation: str) -> Preset:
    """What a motivation brings along now. One query."""
    return preset_parse(preset_text(motivation)[0], motivation=motivation)


def presets_all() -> list[Preset]:
    """The presets of every motivation, in their order. One query."""
    edits = dict(PresetEdit.objects.exclude(text="").values_list("motivation", "text"))
    return [
        preset_parse(edits.get(motivation) or shipped_text(motivation), motivation=motivation)
        for motivation in Motivation.values
    ]


@dataclass(frozen=True)
class PlannedStep:
    day: date
    number: int
    title: str
    text: str
    when: str


@dataclass(frozen=True)
class PlanShown:
    """A group's plan for its page. `mix` is percent; `funnel` the query of the funnel report with the steps of the
    preset."""

    steps: list[PlannedStep]
    mix: list[tuple[str | Promise, int]]
    noise_ceiling: int
    funnel: str
    is_over: bool


def funnel_query(steps: list[str], group: Group | None = None) -> str:
    """The part of the funnel report's address after the question mark."""
    query = [("step", kind) for kind in steps]
    return urlencode([*query, ("group", str(group.pk))] if group else query)


def plan_shown(group: Group, now: datetime) -> PlanShown | None:
    """What the group took over when it opened, with the dates of its days; nothing where it took over nothing."""
    plan = GroupPlan.objects.filter(group=group).first()
    if plan is None:
        return None
    today = timezone.localdate(now)
    steps = []
    for step in plan.days:
        day = plan.starts_on + timedelta(days=step["day"] - 1)
        when = "today" if day == today else "past" if day < today else "coming"
        steps.append(PlannedStep(day, step["day"], step["title"], step["text"], when))
    return PlanShown(
        steps=steps,
        mix=[(label, plan.mix.get(value, 0)) for value, label in VALUES.items()],
        noise_ceiling=plan.noise_ceiling,
        funnel=funnel_query(preset_for(plan.motivation).funnel, group),
        is_over=all(step.when == "past" for step in steps),
    )
