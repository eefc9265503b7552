"""What the entries about members and tasks mean to people."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, Text, actions, labels, policies, subjects
from members.models import ImportRun, Member
from members.participation.policy import ParticipationPolicy
from members.points.policy import PointsPolicy
from members.work.kinds import all_kinds


def _kind_words(slug: Any) -> Text | None:
    return next((kind.label for kind in all_kinds() if kind.slug == slug), None)


def _outcome_words(slug: Any) -> Text | None:
    outcomes = (outcome for kind in all_kinds() for outcome in kind.outcomes)
    return next((outcome.label for outcome in outcomes if outcome.slug == slug), None)


def register() -> None:
    subjects("members.member", Subject(_("Member"), Member.objects.visible_to, "members:detail"))
    subjects("members.stafftask", Subject(_("Task")))
    subjects("members.importrun", Subject(_("Import"), ImportRun.objects.visible_to, "members:import_detail"))
    policies({PointsPolicy.KEY: _("Points by hand"), ParticipationPolicy.KEY: _("Points for taking part")})
    labels({"most_at_once": _("at once"), "most_a_day": _("on one day")})
    actions(
        {
            "member.updated": _("Member changed"),
            "member.corrected": _("Member corrected their own data"),
            "member.role_given": _("Role given to a member"),
            "member.role_ended": _("Role of a member ended"),
            "member.leader_passed": _("Candidate for opinion leader put off"),
            "member.leader_back": _("Candidate for opinion leader proposed again"),
            "task.written": _("Task written down"),
            "task.settled": _("Task settled"),
            "task.reopened": _("Task opened again"),
            "task.assigned": _("Task given to somebody"),
            "import.started": _("Import started"),
            "import.discarded": _("Import discarded"),
        }
    )
    labels(
        {
            "group": pgettext_lazy("history", "group"),
            "file": _("file"),
            "text": _("text"),
            "outcome": _("outcome"),
            "state": pgettext_lazy("history", "state"),
        },
        choices={"kind": _kind_words, "outcome": _outcome_words},
    )
