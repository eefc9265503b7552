"""The reasons of a stage in the reader's language, and what helps against them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from django.utils.translation import get_language, gettext_lazy, ngettext_lazy
from django.utils.translation import gettext as _

from analytics.health.models import Alarm
from groups.models import HealthStage

Reason = dict[str, Any]

WORDS = {
    "silent": gettext_lazy("In the last %(days)d days nobody did anything."),
    "nearly_silent": ngettext_lazy(
        "In the last %(days)d days one member was active on one day, and that was all.",
        "In the last %(days)d days members were active %(active)d times, counted by day, and that was all.",
        "active",
    ),
    "new": gettext_lazy("It is %(age)d days old; a group counts as new for %(days)d days."),
    "few_members": ngettext_lazy(
        "Only %(members)d member is here; with %(least)d there is a group to speak of.",
        "Only %(members)d members are here; with %(least)d there is a group to speak of.",
        "members",
    ),
    "fell": gettext_lazy(
        "Activity fell by %(percent)d%%: members were active %(active)d times in two weeks, counted by day; in the "
        "eight weeks before, %(usual)s were usual."
    ),
    "leaving": gettext_lazy("%(left)d of %(members)d members left within two weeks (%(percent)d%%)."),
    "grew": gettext_lazy("It has %(net)d members more than two weeks ago, when there were %(members)d."),
    "held": gettext_lazy(
        "Activity holds: members were active %(active)d times in two weeks, counted by day; in the eight weeks before, "
        "%(usual)s were usual."
    ),
    "eased": gettext_lazy(
        "Members were active %(active)d times in two weeks, counted by day; %(usual)s were usual in the eight weeks "
        "before. That is less, but not yet a decline."
    ),
    "too_little": gettext_lazy(
        "Not enough data for a comparison with its own past: that takes %(least)d active members in a usual fortnight, "
        "counted by day."
    ),
    "noisy": gettext_lazy(
        "%(messages)d messages a day over %(days)d days; from %(ceiling)d on members mute the group."
    ),
    "below_floor": ngettext_lazy(
        "Staff interacted once in %(days)d days; %(floor)d times a day keep a group warm.",
        "Staff interacted %(interactions)d times in %(days)d days, and on no day the %(floor)d times that keep a group "
        "warm.",
        "interactions",
    ),
}
WARNINGS = frozenset({"silent", "nearly_silent", "fell", "leaving", "noisy", "below_floor"})


def stage_words(stage: str | None) -> str:
    """Nothing for no stage."""
    return _labels(HealthStage, get_language())[stage] if stage else ""


def alarm_words(warning: int) -> str:
    return _labels(Alarm, get_language())[warning]


@cache
def _labels(choices: type[HealthStage | Alarm], _language: str | None) -> dict[Any, str]:
    """Asked for each group of a file, where looking a word up each time would be most of it."""
    return {value: str(label) for value, label in choices.choices}


def reason_words(reason: Reason) -> str:
    code = reason["code"]
    if code == "silent" and reason["active"]:
        code = "nearly_silent"
    figures = {name: f"{value:g}" if isinstance(value, float) else value for name, value in reason.items()}
    return str(WORDS[code] % figures)


def reasons_words(reasons: Iterable[Reason]) -> list[str]:
    return [reason_words(reason) for reason in reasons]


def rescue_post(reasons: Iterable[Reason]) -> tuple[str, str]:
    """Title and text of a post that fits the worst of the reasons, to be edited before it goes out."""
    codes = {reason["code"] for reason in reasons}
    if "noisy" in codes:
        return _("Let us keep the group easy to read"), _(
            "Dear all, it has become lively here, and some of you find it hard to keep up. Please keep to the topic "
            "of the group, put a question into one message, and take longer talks to a private chat. Every evening we "
            "post the best of the day in a few lines."
        )
    if "leaving" in codes:
        return _("What should this group do better?"), _(
            "Dear all, we want this group to be worth your time. Tell us in one sentence what you miss here, or what "
            "is too much. We read every answer, and on Friday we tell you what we change."
        )
    if "silent" in codes:
        return _("We are back, with a question to start"), _(
            "Dear all, it has been quiet here for a while, and we want to change that. This week we answer every "
            "question about our topic within the day. What is on your mind right now? One line is enough."
        )
    return _("A question for everybody today"), _(
        "Dear all, today we would like to hear from you: what went well this week, and where did you get stuck? One "
        "line is enough. Tonight we pick three and help in detail."
    )
