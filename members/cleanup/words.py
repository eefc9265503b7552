"""What the entries about clean-ups mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, labels, subjects
from members.cleanup.models import CleanupRule, CleanupRun


def register() -> None:
    subjects("members.cleanuprun", Subject(_("Clean-up"), CleanupRun.objects.visible_to, "members:cleanup_run"))
    subjects("members.cleanuprule", Subject(_("Rule of clean-ups"), CleanupRule.objects.visible_to))
    actions(
        {
            "cleanup.started": _("Clean-up started"),
            "cleanup.undone": _("Clean-up taken back"),
            "cleanup.rule_saved": _("Rule of clean-ups saved"),
            "cleanup.rule_deleted": _("Rule of clean-ups deleted"),
            "cleanup.exempted": _("Member exempted from clean-ups"),
            "cleanup.exemption_ended": _("Exemption from clean-ups ended"),
            "member.removed": _("Member removed from a group"),
            "member.removal_undone": _("Removal of a member taken back"),
        }
    )
    labels(
        {
            "until": _("until"),
            "at_once": _("out of the chat already"),
            "people": pgettext_lazy("history", "people"),
            "groups": _("groups"),
            "silent_days": _("silent for (days)"),
            "shy_days": _("not introduced after (days)"),
            "strikes": _("strikes"),
            "joined_days": _("joined more than (days) ago"),
            "never_bought": _("never bought anything"),
            "newcomer_days": _("spare who joined within (days)"),
            "spare_roles": _("spare who holds a role"),
            "spare_payers": _("spare who has bought"),
        }
    )
