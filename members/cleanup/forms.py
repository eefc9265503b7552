"""The forms of clean-ups."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from groups.models import Group, Permission
from members.cleanup.conditions import Conditions
from members.entry.forms import CheckedForm

# A longer choice is no help: the largest groups are offered, others are reached from their own page.
GROUPS_OFFERED = 200
NUMBERS = ("silent_days", "shy_days", "strikes", "joined_days", "newcomer_days")
BOXES = ("never_bought", "spare_roles", "spare_payers")


def _days(label: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=3650)


class ConditionsForm(CheckedForm):
    """What a clean-up looks for; it stands in the address, so that a link shares it."""

    group = forms.ModelChoiceField(label=_("Group"), queryset=Group.objects.none(), required=False)
    silent_days = _days(_("silent for (days)"))
    shy_days = _days(_("not introduced after (days)"))
    strikes = forms.IntegerField(label=_("strikes in force, at least"), required=False, min_value=0, max_value=100)
    joined_days = _days(_("joined more than (days) ago"))
    never_bought = forms.BooleanField(label=_("never bought anything"), required=False)
    newcomer_days = _days(_("spare who joined within (days)"))
    spare_roles = forms.BooleanField(label=_("spare who holds a role"), required=False)
    spare_payers = forms.BooleanField(label=_("spare who has bought"), required=False)

    def __init__(self, data: Any, *, user: User, initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial)
        groups = Group.objects.visible_to(user).permitted(user, Permission.REVIEW).open()
        largest = groups.order_by("-member_count", "pk").values_list("pk", flat=True)[:GROUPS_OFFERED]
        asked = str((data or {}).get("group") or initial.get("group") or "")
        offered = Q(pk__in=list(largest)) | Q(pk=int(asked) if asked.isdecimal() and len(asked) < 19 else 0)
        field = self.fields["group"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = groups.filter(offered)
        field.empty_label = str(_("All groups that are run"))
        field.widget.attrs["translate"] = "no"

    def conditions(self) -> Conditions:
        given = self.cleaned_data
        values: dict[str, Any] = {name: given[name] or 0 for name in NUMBERS}
        values |= {name: given[name] for name in BOXES}
        return Conditions(groups=[given["group"].pk] if given["group"] else [], **values)

    @staticmethod
    def initial_of(conditions: Conditions) -> dict[str, Any]:
        kept = conditions.kept()
        groups = kept.pop("groups")
        return {**{name: value or None for name, value in kept.items()}, "group": groups[0] if groups else None}


class StartForm(CheckedForm):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        help_text=_("Stays on record with each removal, and stands in the tasks."),
    )
    at_once = forms.ChoiceField(
        label=_("How"),
        choices=[
            ("", _("A task for each: staff remove them in WeChat")),
            ("1", _("They are out of the chat already: write it down now")),
        ],
        required=False,
        widget=forms.RadioSelect,
    )


class ExemptionForm(CheckedForm):
    reason = forms.CharField(label=_("Reason"), max_length=200)
    until = forms.DateField(
        label=_("Until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Empty: for good."),
    )

    def until_instant(self) -> datetime | None:
        """The end of the day that was chosen, in local time."""
        day = self.cleaned_data["until"]
        return datetime.combine(day, time.max, timezone.get_current_timezone()) if day else None
