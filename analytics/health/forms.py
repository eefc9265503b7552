from __future__ import annotations

from dataclasses import fields
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from analytics.health.policy import HealthPolicy
from community_ops.lib.forms import MarkedForm


def _number(label: Any, least: int, most: int, help_text: Any = "") -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=least, max_value=most, help_text=help_text)


class HealthForm(MarkedForm):
    """The thresholds of health; one field for each of the policy."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    new_days = _number(_("A group is new for (days)"), 1, 60)
    least_members = _number(_("Fewer members than this are no group yet"), 2, 100)
    least_activity = _number(
        _("Activity that can be compared"),
        2,
        200,
        _("Active members in a usual fortnight, counted by day. A dead group lives again with as many."),
    )
    dead_activity = _number(
        _("Dead up to"), 0, 50, _("Active members in a fortnight, counted by day, up to which a group is dead.")
    )
    decline = _number(_("Decline from (%)"), 10, 90, _("How far activity falls below what was usual in eight weeks."))
    leaving = _number(_("Leaving from (%)"), 5, 90, _("Members who leave within a fortnight make a decline as well."))
    growth = _number(_("Growth from (%)"), 1, 100, _("More members within a fortnight."))
    floor = _number(_("Interactions by staff a day, at least"), 1, 50)
    noise_ceiling = _number(
        _("Messages a day, at most"), 10, 5000, _("For groups whose preset brings no ceiling of its own.")
    )
    quiet_days = _number(_("Quiet after a warning was left (days)"), 1, 90)
    off_topic = _number(_("Off-topic messages, at most (%)"), 0, 100)
    advertising = _number(_("Advertising messages, at most (%)"), 0, 100)
    post_quota = _number(_("Posts a day, at most"), 1, 50)
    top_share = _number(_("Three members carry the group from (%)"), 10, 100)
    selling = _number(_("Posts that sell, at most (%)"), 0, 100)
    spread_minutes = _number(_("Push times may be off by (minutes)"), 1, 720)
    selling_words = forms.CharField(
        label=_("A post sells when it says one of"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "translate": "no"}),
        help_text=_("Words separated by commas."),
    )

    SECTIONS = (
        (_("Stages"), ("new_days", "least_members", "least_activity", "dead_activity", "decline", "leaving", "growth")),
        (_("Warnings"), ("floor", "noise_ceiling", "quiet_days")),
        (
            _("Six mistakes"),
            ("off_topic", "top_share", "advertising", "post_quota", "spread_minutes", "selling", "selling_words"),
        ),
    )

    def __init__(self, data: Any, *, policy: HealthPolicy, version: int) -> None:
        stands = {field.name: getattr(policy, field.name) for field in fields(HealthPolicy)}
        initial = {**stands, "selling_words": ", ".join(policy.selling_words), "version": version}
        super().__init__(data, initial=initial)

    def clean_selling_words(self) -> list[str]:
        text = self.cleaned_data["selling_words"].replace("，", ",").replace("、", ",").replace("\n", ",")
        return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))

    @property
    def sections(self) -> list[tuple[Any, list[forms.BoundField]]]:
        return [(label, [self[name] for name in names]) for label, names in self.SECTIONS]

    def policy(self) -> HealthPolicy:
        return HealthPolicy(**{name: value for name, value in self.cleaned_data.items() if name != "version"})


class MergeForm(forms.Form):
    """The group to merge into."""

    into = forms.IntegerField(min_value=1, max_value=2**62)
