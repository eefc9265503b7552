"""What the entries about the health of groups mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import actions, labels, policies
from analytics.health.policy import HealthPolicy


def register() -> None:
    actions({"group.merged": _("Group merged"), "group.unmerged": _("Merge of a group undone")})
    labels({"into": pgettext_lazy("merge of groups", "into")})
    policies({HealthPolicy.KEY: _("Health of groups")})
