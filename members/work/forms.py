from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Role, User
from community_ops.lib.forms import MarkedForm
from groups.models import Group

# A choice list longer than this is no help; a task for another group is written from the group's own page.
GROUPS_OFFERED = 200


def staff_for(user: User) -> Any:
    """Those whom `user` may give a task to: who may change something and sees what `user` sees."""
    return (
        User.objects.visible_to(user).filter(is_active=True, role__in=[Role.ADMIN, Role.OPERATOR]).order_by("username")
    )


class TaskForm(MarkedForm):
    text = forms.CharField(
        label=_("What is to be done"), max_length=300, widget=forms.Textarea(attrs={"rows": 2, "maxlength": 300})
    )
    day = forms.DateField(
        label=pgettext_lazy("task", "Until"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    group = forms.ModelChoiceField(
        label=_("Group"), queryset=Group.objects.none(), required=False, empty_label=_("No group in particular")
    )
    assignee = forms.ModelChoiceField(
        label=pgettext_lazy("task", "For"),
        queryset=User.objects.none(),
        required=False,
        empty_label=_("Whoever runs the group"),
    )

    def __init__(self, *args: Any, user: User, now: datetime, group: Group | None = None, **kwargs: Any) -> None:
        initial = {"day": timezone.localdate(now), "group": group}
        super().__init__(*args, initial=initial, **kwargs)
        groups = Group.objects.visible_to(user)
        offered = list(groups.open().order_by("-member_count", "pk").values_list("pk", flat=True)[:GROUPS_OFFERED])
        offered += [group.pk] if group else []
        field = self.fields["group"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = groups.filter(pk__in=offered).order_by("name", "pk")
        field = self.fields["assignee"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = staff_for(user)

    def due_at(self) -> datetime:
        """The end of the day that was chosen."""
        after = self.cleaned_data["day"] + timedelta(days=1)
        return timezone.make_aware(datetime.combine(after, time())) - timedelta(minutes=1)
