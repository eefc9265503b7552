from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Role, User
from community_ops.lib.forms import MarkedForm
from groups.models import Group
from groups.roles.models import STAFF_ROLES, GroupRole
from members.roles.leaders import LeaderPolicy
from members.roles.models import MEMBER_ROLES


class StaffRoleForm(MarkedForm):
    user = forms.ModelChoiceField(label=_("Person"), queryset=User.objects.none(), empty_label=_("Choose a person"))
    role = forms.ChoiceField(label=_("Role"), choices=[(role.value, role.label) for role in STAFF_ROLES])

    def __init__(self, *args: Any, user: User, group: Group, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        staff = User.objects.visible_to(user).filter(is_active=True, role__in=[Role.ADMIN, Role.OPERATOR])
        field = self.fields["user"]
        assert isinstance(field, forms.ModelChoiceField)
        in_reach = staff.filter(branch=None) | staff.filter(branch=group.branch)
        field.queryset = in_reach.order_by("username")


class MemberRoleForm(MarkedForm):
    who = forms.CharField(
        label=_("Member"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": _("Name or id")}),
    )
    role = forms.ChoiceField(
        label=_("Role"), choices=[(role.value, role.label) for role in MEMBER_ROLES], initial=GroupRole.LEADER
    )


class LeaderPolicyForm(MarkedForm):
    share = forms.IntegerField(label=_("Opinion leaders in a group (percent)"), min_value=1, max_value=50)
    window_days = forms.IntegerField(label=_("Candidates are measured over (days)"), min_value=7, max_value=365)
    again_days = forms.IntegerField(
        label=_("Proposed again after (days)"),
        min_value=1,
        max_value=730,
        help_text=_("How long a candidate rests whom somebody did not want for now."),
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def policy(self) -> LeaderPolicy:
        return LeaderPolicy(**{name: self.cleaned_data[name] for name in ("share", "window_days", "again_days")})
