"""What the entries about rule sets mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, labels, subjects
from groups.rules.models import RuleSet


def register() -> None:
    subjects("groups.ruleset", Subject(_("Rule set"), RuleSet.objects.visible_to, "groups:rule_set"))
    actions(
        {
            "rule_set.created": _("Rule set made"),
            "rule_set.renamed": _("Rule set renamed"),
            "rule_set.archived": _("Rule set put out of use"),
            "rule_set.restored": _("Rule set in use again"),
            "rule_set.draft_opened": _("Draft of rules begun"),
            "rule_set.draft_saved": _("Draft of rules changed"),
            "rule_set.draft_discarded": _("Draft of rules thrown away"),
            "rule_set.published": _("Rules put in force"),
            "group.rules_assigned": _("Rules of the group changed"),
        }
    )
    labels(
        {
            "version": pgettext_lazy("history", "version"),
            "rules": pgettext_lazy("history", "rules"),
            "ladder": _("Ladder"),
        }
    )
