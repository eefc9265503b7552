"""What the entries about conduct mean to people."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, Text, actions, labels, policies, subjects
from accounts.models import User
from members.conduct.models import DryRun, Source, Violation
from members.conduct.policy import ConductPolicy
from members.models import Member
from members.timeline.sources import Line
from members.timeline.sources import Source as TimelineSource
from members.timeline.sources import register as register_source


def _source_words(value: Any) -> Text | None:
    return Source(value).label if value in Source.values else None


def _violations(member: Member, user: User) -> QuerySet[Violation]:
    return Violation.objects.visible_to(user).filter(member=member).select_related("rule", "group", "decided_by")


def register() -> None:
    register_source(
        TimelineSource(
            "violations",
            _("Violations"),
            "flag",
            _violations,
            lambda one: Line(
                _("Broke a rule"),
                detail=one.rule.text,
                group=one.group,
                tag=one.get_state_display(),
                by=str(one.decided_by or ""),
            ),
        )
    )
    subjects("members.violation", Subject(_("Violation"), Violation.objects.visible_to, "members:violation"))
    subjects("members.dryrun", Subject(_("Dry run"), DryRun.objects.visible_to, "members:dry_run"))
    subjects("members.transfer", Subject(_("Points moved")))
    actions(
        {
            "violation.recorded": _("Violation recorded"),
            "violation.confirmed": _("Violation confirmed"),
            "violation.dismissed": _("Violation dismissed"),
            "violation.reopened": _("Decision on a violation taken back"),
            "violation.appealed": _("Appeal made"),
            "violation.appeal_decided": _("Appeal decided"),
            "points.transferred": _("Points moved"),
            "rules.acknowledged": _("Rules read by a member"),
            "rules.dry_run": _("Rules tried in a dry run"),
            "rules.false_alarms": _("False alarms marked"),
            "group.conduct_changed": _("Reposting of the rules changed"),
            "group.rules_posted": _("Rules posted in the group"),
        }
    )
    labels(
        {
            "appeal": _("appeal"),
            "reason": _("reason"),
            "own_judgement": _("on their own judgement"),
            "noticed_by": _("noticed by"),
            "broken_rule": _("broken rule"),
            "rules": _("rules"),
            "version": _("version"),
            "points": _("points"),
            "from": _("from the account"),
            "to": _("to the account"),
            "hits": _("hits"),
            "groups": _("groups"),
            "false_alarm": _("false alarm"),
        },
        choices={"noticed_by": _source_words},
    )
    policies({ConductPolicy.KEY: _("Settings of conduct")})
