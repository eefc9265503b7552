"""Whether what a post says fits the channels of its groups, told before it is saved.

What only the filling of variables makes too long later, a group renamed say, fails at sending with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from campaigns.content.lengths import Length, lengths
from campaigns.content.variables import as_group_reads
from delivery.limits import Measure, limits, measure
from delivery.models import Kind
from delivery.services import Content
from groups.models import Group
from groups.querysets import GroupQuerySet

# Variables are filled in for so many groups at most; for the rest the text counts as it was written.
MOST_FILLED = 500
NAMED = 5
AT_ONCE = 500


@dataclass
class RobotFit:
    """How much of a robot's message the longest of these groups needs; `over` names those for which it is too long."""

    longest: Measure
    over: list[str] = field(default_factory=list)


def robot_fit(content: Content, robots: Sequence[Group], now: datetime) -> RobotFit | None:
    """None where no group has a robot. No query."""
    written = measure(content, Kind.ROBOT)
    fit: RobotFit | None = None
    for number, group in enumerate(robots):
        filled = content.has_variables and number < MOST_FILLED
        needed = measure(as_group_reads(content, group, now), Kind.ROBOT) if filled else written
        fit = fit or RobotFit(needed)
        fit.longest = max(fit.longest, needed, key=lambda each: each.used)
        if not needed.fits:
            fit.over.append(group.name)
    return fit


def with_robot(groups: Sequence[Group] | GroupQuerySet) -> list[Group]:
    """Those of the groups whose messages a robot posts."""
    robots = Group.objects.filter(destination__kind=Kind.ROBOT).order_by("name", "pk")
    if isinstance(groups, GroupQuerySet):
        return list(robots.filter(pk__in=groups.order_by().values("pk")))
    found: list[Group] = []
    for start in range(0, len(groups), AT_ONCE):
        found += robots.filter(pk__in=[group.pk for group in groups[start : start + AT_ONCE]])
    return found


def check_fits(content: Content, groups: Sequence[Group] | GroupQuerySet, now: datetime, *, name: str = "body") -> None:
    """Raises ValidationError (code `too_long`, field `name`) when a robot among the groups cannot post it whole."""
    if not content.has_variables and measure(content, Kind.ROBOT).fits:
        return
    fit = robot_fit(content, with_robot(groups), now)
    if fit is None or not fit.over:
        return
    names = ", ".join(fit.over[:NAMED])
    text = _("Too long for the WeCom group robot: %(used)s of at most %(most)s bytes, in %(groups)s.") % {
        "used": f"{fit.longest.used:,}",
        "most": f"{fit.longest.most:,}",
        "groups": _("%(names)s and others") % {"names": names} if len(fit.over) > NAMED else names,
    }
    raise ValidationError({name: ValidationError(text, code="too_long")})


def lengths_for(content: Content, read: Content, groups: Sequence[Group], now: datetime) -> tuple[list[Length], str]:
    """How long it is on the channels of the groups, `read` being the content as one of them reads it; and where it is
    too long for a robot."""
    shown = [length for length in lengths(read) if length.most != limits(Kind.ROBOT)]
    fit = robot_fit(content, with_robot(groups), now)
    if fit is None:
        return shown, ""
    robot = next(length for length in lengths(read) if length.most == limits(Kind.ROBOT))
    shown.append(Length(robot.channel, robot.unit, fit.longest.used, robot.most))
    return shown, ", ".join(fit.over[:NAMED]) + (" …" if len(fit.over) > NAMED else "")
