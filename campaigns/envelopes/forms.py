from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import Branch, User
from campaigns.envelopes.models import EnvelopeBudget, Split
from campaigns.envelopes.services import LONGEST_OPEN, MOST_ROUNDS, MOST_SHARES, Plan
from community_ops.lib.forms import MarkedForm
from groups.models import Group, GroupRole, Permission
from members.models import Segment, Tag

MOST = 1_000_000
PLAIN = {"translate": "no"}


class EnvelopeForm(MarkedForm):
    greeting = forms.CharField(
        label=gettext_lazy("Greeting"),
        max_length=100,
        widget=forms.TextInput(attrs=PLAIN),
        help_text=gettext_lazy("Members read it on the envelope, and it is the title of the announcement."),
    )
    budget = forms.ModelChoiceField(
        label=gettext_lazy("Budget"),
        queryset=EnvelopeBudget.objects.none(),
        empty_label=gettext_lazy("Choose a budget"),
    )
    amount = forms.IntegerField(label=gettext_lazy("Points in a round"), min_value=1, max_value=MOST, initial=100)
    shares = forms.IntegerField(label=gettext_lazy("Shares"), min_value=1, max_value=MOST_SHARES, initial=10)
    split = forms.ChoiceField(label=gettext_lazy("Division"), choices=Split.choices, initial=Split.RANDOM)
    groups = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Groups"),
        queryset=Group.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one group.")},
    )
    times = forms.CharField(
        label=gettext_lazy("Opens at"),
        widget=forms.Textarea(attrs={"rows": 3, **PLAIN}),
        help_text=gettext_lazy(
            "One time in a line, as 2026-03-02 19:55: each is a round of its own, such as three before a lesson."
        ),
    )
    open_minutes = forms.IntegerField(
        label=gettext_lazy("Open for, in minutes"), min_value=1, max_value=LONGEST_OPEN, initial=60
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role in the group"),
        required=False,
        choices=[("", pgettext_lazy("red envelope", "Everybody in the group")), *GroupRole.choices[:-1]],
    )
    tag = forms.ModelChoiceField(
        label=gettext_lazy("Tag"),
        queryset=Tag.objects.none(),
        required=False,
        empty_label=pgettext_lazy("red envelope", "With any tag or none"),
    )
    segment = forms.ModelChoiceField(
        label=gettext_lazy("Segment"),
        queryset=Segment.objects.none(),
        required=False,
        empty_label=pgettext_lazy("red envelope", "In any segment or none"),
    )
    shows_luckiest = forms.BooleanField(
        label=gettext_lazy("Show members who was luckiest"), required=False, initial=True
    )
    announces = forms.BooleanField(
        label=gettext_lazy("Announce each round in the group by a post when it opens"), required=False, initial=True
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        now = timezone.localtime()
        super().__init__(*args, initial={"times": f"{now:%Y-%m-%d} 19:55"}, **kwargs)
        for name in ("shows_luckiest", "announces"):
            self.fields[name].widget.attrs["class"] = "form-check-input"
        choices: dict[str, Any] = {
            "budget": EnvelopeBudget.objects.visible_to(user).filter(is_open=True),
            "groups": Group.objects.visible_to(user).permitted(user, Permission.ENVELOPES).postable().order_by("name"),
            "tag": Tag.objects.visible_to(user),
            "segment": Segment.objects.visible_to(user),
        }
        for name, rows in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = rows

    def clean_times(self) -> list[datetime]:
        times = []
        for line in self.cleaned_data["times"].splitlines():
            if not line.strip():
                continue
            try:
                local = datetime.fromisoformat(line.strip().replace("/", "-"))
            except ValueError:
                raise ValidationError(_("“%(line)s” is no time like 2026-03-02 19:55.") % {"line": line}) from None
            times.append(timezone.make_aware(local) if timezone.is_naive(local) else local)
            if len(times) > MOST_ROUNDS:
                raise ValidationError(_("Between 1 and %(most)d times.") % {"most": MOST_ROUNDS})
        return times

    def plan(self) -> Plan:
        data = self.cleaned_data
        return Plan(**{**data, "groups": list(data["groups"])})


class BudgetForm(MarkedForm):
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60, widget=forms.TextInput(attrs=PLAIN))
    branch = forms.ModelChoiceField(
        label=gettext_lazy("Branch"),
        queryset=Branch.objects.none(),
        required=False,
        empty_label=gettext_lazy("Headquarters"),
        help_text=gettext_lazy("Whose staff may plan with it."),
    )
    month_limit = forms.IntegerField(
        label=gettext_lazy("Points a month"),
        min_value=0,
        max_value=100 * MOST,
        help_text=gettext_lazy("From this month on. What is planned already stays."),
    )
    is_open = forms.BooleanField(label=pgettext_lazy("budget", "In use"), required=False, initial=True)

    def __init__(self, *args: Any, user: User, budget: EnvelopeBudget | None, **kwargs: Any) -> None:
        names = ("version", "name", "month_limit", "is_open")
        initial = {name: getattr(budget, name) for name in names} if budget else {}
        super().__init__(*args, initial=initial, **kwargs)
        self.fields["is_open"].widget.attrs["class"] = "form-check-input"
        if budget is not None or not user.is_headquarters:
            del self.fields["branch"]
        else:
            branch = self.fields["branch"]
            assert isinstance(branch, forms.ModelChoiceField)
            branch.queryset = Branch.objects.all()
