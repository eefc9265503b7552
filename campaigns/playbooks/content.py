"""A playbook as text and as values. People write it, so each mistake is named by its path and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any, ClassVar

import yaml
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from campaigns.playbooks.models import Late, Playbook, PlaybookStep, Starts, StepKind, StepTask
from campaigns.playbooks.texts import variables_of
from community_ops.lib.checked_yaml import Check, Mistakes, yaml_load
from community_ops.lib.variables import check_variables
from groups.models import GroupRole, Motivation
from groups.roles.models import STAFF_ROLES

MOST_STEPS = 60
LAST_DAY = 366
LONGEST_TEXT = 5000
LONGEST_GRACE = 7 * 24 * 60  # minutes
LONGEST_TASK = 31 * 24  # hours
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DEFAULTS: dict[str, Any] = {"late": Late.LATE.value, "late_minutes": 60, "within_hours": 24}


@dataclass(frozen=True)
class StepContent:
    """A step as somebody wrote it. `piece` and `series` are the title and the name in the content library."""

    key: str
    day: int
    at: time
    kind: str
    title: str
    text: str = ""
    task: str = ""
    piece: str = ""
    series: str = ""
    late: str = Late.LATE.value
    late_minutes: int = 60
    within_hours: int = 24
    role: str = ""

    KEYS: ClassVar = (
        "key", "day", "at", "kind", "task", "title", "text", "piece", "series", "late", "late_minutes", "within_hours",
        "role",
    )  # fmt: skip
    NEEDED: ClassVar = ("key", "day", "at", "kind", "title")


@dataclass(frozen=True)
class PlaybookContent:
    """A playbook as somebody wrote it. `groups` are external ids; with neither groups nor motivations it is for all."""

    name: str
    starts: str
    steps: tuple[StepContent, ...]
    about: str = ""
    date: date | None = None
    motivations: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    KEYS: ClassVar = ("name", "about", "starts", "date", "motivations", "groups", "steps")
    NEEDED: ClassVar = ("name", "starts", "steps")


def content_parse(text: str) -> PlaybookContent:
    """Reads a text. Raises Mistakes with everything that is wrong with it."""
    values, lines = yaml_load(text)
    return content_check(values, lines)


def content_check(values: Any, lines: dict[str, int] | None = None) -> PlaybookContent:
    """Checks values as a text or a form holds them. Raises Mistakes."""
    check = _Check(lines or {})
    content = check.playbook(values)
    if check.errors or content is None:
        raise Mistakes(check.errors)
    return content


def content_of(playbook: Playbook) -> PlaybookContent:
    """A playbook as it stands."""
    steps = playbook.steps.filter(removed_at=None).select_related("piece", "series")
    return PlaybookContent(
        name=playbook.name,
        about=playbook.about,
        starts=playbook.starts,
        date=playbook.date,
        motivations=tuple(playbook.motivations),
        groups=tuple(playbook.groups.order_by("external_id").values_list("external_id", flat=True)),
        steps=tuple(_step_of(step) for step in steps),
    )


def _step_of(step: PlaybookStep) -> StepContent:
    plain = ("key", "day", "at", "kind", "title", "text", "task", "late", "late_minutes", "within_hours", "role")
    return StepContent(
        **{name: getattr(step, name) for name in plain},
        piece=step.piece.title if step.piece else "",
        series=step.series.name if step.series else "",
    )


def content_values(content: PlaybookContent) -> dict[str, Any]:
    """The values that content_check() reads, without what is as it would be anyway."""
    values: dict[str, Any] = {"name": content.name}
    if content.about:
        values["about"] = content.about
    values["starts"] = str(content.starts)
    if content.date:
        values["date"] = content.date
    for name in ("motivations", "groups"):
        if listed := getattr(content, name):
            values[name] = [str(item) for item in listed]
    values["steps"] = [_step_values(step, content.starts) for step in content.steps]
    return values


def _step_values(step: StepContent, starts: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "key": step.key,
        "day": WEEKDAYS[step.day - 1] if starts == Starts.WEEKDAY else step.day,
        "at": f"{step.at:%H:%M}",
        "kind": str(step.kind),
        "task": str(step.task),
        "title": step.title,
        "text": step.text,
        "piece": step.piece,
        "series": step.series,
        "role": str(step.role),
    }
    needless = ("within_hours",) if step.kind == StepKind.MESSAGE else ("late", "late_minutes")
    for name, usual in DEFAULTS.items():
        value = getattr(step, name)
        if name not in needless and value != usual:
            values[name] = value if isinstance(value, int) else str(value)
    return {name: value for name, value in values.items() if value != ""}


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stay readable."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _represent_text)


def content_text(content: PlaybookContent) -> str:
    """The text that content_parse() reads."""
    return yaml.dump(content_values(content), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)


class _Check(Check):
    def playbook(self, value: Any) -> PlaybookContent | None:
        optional = tuple(name for name in PlaybookContent.KEYS if name not in PlaybookContent.NEEDED)
        values = self.mapping(value, "", PlaybookContent.KEYS, optional)
        if self.errors:
            return None
        starts = self.choice(values["starts"], "starts", Starts.values)
        day = self._date(values.get("date"), starts)
        steps = [
            self.step(item, f"steps[{number}]", starts)
            for number, item in enumerate(self.items(values["steps"], "steps", 1, MOST_STEPS))
        ]
        keys = [step.key for step in steps]
        for number, key in enumerate(keys):
            if key and key in keys[:number]:
                self.wrong(f"steps[{number}].key", _("The key %(key)s is there twice.") % {"key": key})
        order = sorted(range(len(steps)), key=lambda number: (steps[number].day, steps[number].at, number))
        return PlaybookContent(
            name=self.text(values["name"], "name", 80),
            about=self._maybe(values.get("about"), "about", 500),
            starts=starts,
            date=day,
            motivations=tuple(
                self.choice(item, f"motivations[{number}]", Motivation.values)
                for number, item in enumerate(self._list(values.get("motivations"), "motivations", 7))
            ),
            groups=tuple(
                self.text(item, f"groups[{number}]", 120)
                for number, item in enumerate(self._list(values.get("groups"), "groups", 500))
            ),
            steps=tuple(steps[number] for number in order),
        )

    def step(self, value: Any, path: str, starts: str) -> StepContent:
        optional = tuple(name for name in StepContent.KEYS if name not in StepContent.NEEDED)
        values = self.mapping(value, path, StepContent.KEYS, optional)
        kind = self.choice(values.get("kind"), f"{path}.kind", StepKind.values)
        task = values.get("task") or ""
        if kind == StepKind.TASK:
            task = self.choice(task or StepTask.DO.value, f"{path}.task", StepTask.values)
        elif task:
            self.wrong(f"{path}.task", _("Only a step of the kind “task” has this."))
        step = StepContent(
            key=self.slug(values.get("key"), f"{path}.key"),
            day=self._day(values.get("day"), f"{path}.day", starts),
            at=self._time(values.get("at"), f"{path}.at"),
            kind=kind,
            task=task if kind == StepKind.TASK else "",
            title=self.text(values.get("title"), f"{path}.title", 120),
            text=self._maybe(values.get("text"), f"{path}.text", LONGEST_TEXT),
            piece=self._maybe(values.get("piece"), f"{path}.piece", 200),
            series=self._maybe(values.get("series"), f"{path}.series", 40),
            late=self.choice(values.get("late", Late.LATE.value), f"{path}.late", Late.values),
            late_minutes=self.number(values.get("late_minutes", 60), f"{path}.late_minutes", 1, LONGEST_GRACE),
            within_hours=self.number(values.get("within_hours", 24), f"{path}.within_hours", 1, LONGEST_TASK),
            role=self.choice(values.get("role") or "", f"{path}.role", ["", *(str(role) for role in STAFF_ROLES)]),
        )
        self._fits(step, path, starts)
        return step

    def _fits(self, step: StepContent, path: str, starts: str) -> None:
        sources = [name for name in ("text", "piece", "series") if getattr(step, name)]
        if step.kind == StepKind.MESSAGE and len(sources) != 1:
            self.wrong(path, _("A message has either a text, a piece of the library or a series."))
        if step.kind != StepKind.MESSAGE:
            for name in ("piece", "series"):
                if name in sources:
                    self.wrong(f"{path}.{name}", _("Only a step of the kind “message” has this."))
        if starts != Starts.JOINING and (
            step.kind == StepKind.PERSONAL or step.task in (StepTask.BEFRIEND, StepTask.TELL)
        ):
            self.wrong(f"{path}.kind", _("Only a playbook that starts with a joining has a member to say it to."))
        if step.kind == StepKind.PERSONAL and not step.text:
            self.wrong(path, _("Write what the member is to read."))
        for name in ("title", "text"):
            try:
                check_variables(getattr(step, name), variables_of(starts, step.kind))
            except ValidationError as error:
                self.wrong(f"{path}.{name}", " ".join(error.messages))

    def _maybe(self, value: Any, path: str, most: int) -> str:
        return "" if value in (None, "") else self.text(value, path, most)

    def _list(self, value: Any, path: str, most: int) -> list[Any]:
        return [] if value is None else self.items(value, path, 0, most)

    def _day(self, value: Any, path: str, starts: str) -> int:
        if starts == Starts.WEEKDAY:
            return WEEKDAYS.index(self.choice(value, path, list(WEEKDAYS))) + 1
        day = self.number(value, path, -LAST_DAY if starts == Starts.DATE else 1, LAST_DAY)
        if day == 0:
            self.wrong(path, _("There is no day 0: 1 is the day itself, -1 the day before."))
        return day

    def _time(self, value: Any, path: str) -> time:
        # YAML reads 20:00 without quotes as a number of minutes, 09:00 as a text.
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:
            return time(value // 60, value % 60)
        if isinstance(value, time):
            return value.replace(second=0, microsecond=0)
        try:
            found = time.fromisoformat(str(value).strip())
        except ValueError:
            self.wrong(path, _("A time of day like 09:00 is expected here."))
            return time()
        return found.replace(second=0, microsecond=0, tzinfo=None)

    def _date(self, value: Any, starts: str) -> date | None:
        if starts != Starts.DATE:
            if value not in (None, ""):
                self.wrong("date", _("Only a playbook that starts on a date has this."))
            return None
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value)
            except ValueError:
                value = None
        if not isinstance(value, date) or not 2000 <= value.year < 2200:
            self.wrong("date", _("A date like 2026-09-01 is expected here."))
            return None
        return value


def choices_by_name() -> Mapping[str, list[str]]:
    """What the fields of a text may hold, for the help beside it."""
    return {
        "starts": Starts.values,
        "kind": StepKind.values,
        "task": StepTask.values,
        "late": Late.values,
        "role": [str(role) for role in GroupRole.values if role in STAFF_ROLES],
        "motivations": Motivation.values,
    }
