"""The tabs of a group, in their order. Pages of the apps above are known by their URL names only."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Tab:
    key: str
    label: Promise
    name: str


TABS = (
    Tab("overview", _("Overview"), "groups:detail"),
    Tab("health", _("Health"), "analytics:group_health"),
    Tab("members", _("Members"), "groups:members"),
    Tab("team", _("Team"), "members:team"),
    Tab("rules", _("Rules"), "members:group_rules"),
    Tab("entry", _("Entry"), "members:group_entry"),
    Tab("coming", _("Coming"), "campaigns:group_coming"),
    Tab("feed", _("Feed"), "groups:feed"),
    Tab("deliveries", _("Deliveries"), "groups:deliveries"),
    Tab("channel", _("Channel and page"), "campaigns:group_channel"),
)
