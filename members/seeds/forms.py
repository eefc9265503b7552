from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q
from django.forms.boundfield import BoundField
from django.utils.translation import gettext_lazy as _

from accounts.models import Role, User
from accounts.policies import policy_version
from community_ops.lib.forms import MarkedForm
from groups.models import Group
from members.models import Membership, SeedProfile, SeedUser
from members.seeds.criteria import BY_KEY, CRITERIA, REPORTED, Criterion, SeedPolicy
from members.seeds.services import seed_version

YES_NO = [("", _("Not known")), ("yes", _("Yes")), ("no", _("No"))]
WEIGHTS = "weight_"
FULL = "full_"


def staff_for(user: User, seed: SeedUser | None = None) -> list[tuple[str, str]]:
    """The staff who may look after seed users of this programme, as choices."""
    people = User.objects.filter(is_active=True).exclude(role=Role.MANAGER)
    branch = seed.branch_id if seed else user.branch_id
    within = Q(branch=None) | Q(branch=branch) if branch else Q()
    return [(str(person.pk), str(person)) for person in people.filter(within).order_by("display_name", "username")]


class SeedForm(MarkedForm):
    """Who looks after a seed user, where they act, and what is next."""

    version = forms.CharField(required=False, widget=forms.HiddenInput)
    owner = forms.ChoiceField(label=_("Looked after by"), required=False)
    group = forms.ChoiceField(
        label=_("Acts in"),
        required=False,
        help_text=_("There the member holds the role of a seed user once they have accepted."),
    )
    next_step = forms.CharField(
        label=_("Next step"), required=False, max_length=200, help_text=_("Shown on the card, for the whole team.")
    )

    def __init__(self, data: Any = None, *, user: User, seed: SeedUser) -> None:
        initial = {
            "owner": str(seed.owner_id or ""),
            "group": str(seed.group_id or ""),
            "next_step": seed.next_step,
            "version": seed_version(seed),
        }
        super().__init__(data, initial=initial)
        present = Membership.objects.present().filter(member=seed.member_id)
        groups = Group.objects.visible_to(user).open().filter(pk__in=present.values("group"))
        if seed.branch_id:
            groups = groups.filter(branch=seed.branch_id)
        self._groups = {str(group.pk): group for group in groups}
        if seed.group and str(seed.group_id) not in self._groups:
            self._groups[str(seed.group_id)] = seed.group
        for name, choices in (
            ("owner", [("", _("Nobody yet")), *staff_for(user, seed)]),
            ("group", [("", _("In no group")), *((key, group.name) for key, group in self._groups.items())]),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices
            field.widget.attrs["translate"] = "no"

    def values(self) -> dict[str, Any]:
        """What seed_update() takes."""
        owner = self.cleaned_data["owner"]
        return {
            "owner": User.objects.get(pk=owner) if owner else None,
            "group": self._groups.get(self.cleaned_data["group"]),
            "next_step": self.cleaned_data["next_step"].strip(),
        }


class AnswersForm(MarkedForm):
    """What a member says of themselves; an empty field is not known."""

    def __init__(self, data: Any = None, *, profile: SeedProfile | None) -> None:
        super().__init__(data)
        for key in REPORTED:
            self.fields[key] = field = _answer_field(BY_KEY[key])
            value = getattr(profile, key) if profile else None
            if key == "creates":
                value = {True: "yes", False: "no", None: ""}[value]
            field.initial = value
            field.widget.attrs["class"] = "form-select" if isinstance(field, forms.ChoiceField) else "form-control"

    def answers(self) -> dict[str, Any]:
        """What seed_report() takes."""
        said = dict(self.cleaned_data)
        said["creates"] = {"yes": True, "no": False, "": None}[said["creates"]]
        return said


def _answer_field(criterion: Criterion) -> forms.Field:
    if criterion.key == "creates":
        return forms.ChoiceField(label=criterion.label, choices=YES_NO, required=False)
    most = criterion.limit or 2_000_000_000
    return forms.IntegerField(
        label=criterion.label, help_text=criterion.help, required=False, min_value=0, max_value=most
    )


class CriteriaForm(MarkedForm):
    """Weights and full marks of the criteria, and what else administrators decide of the programme."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    window_days = forms.IntegerField(
        label=_("Days that are measured"), min_value=7, max_value=180, help_text=_("7 to 180, today included.")
    )
    offer = forms.CharField(
        label=_("What the brand offers"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Goes into the words of each invitation."),
    )
    invite_days = forms.IntegerField(
        label=_("Days for an invitation"), min_value=1, max_value=60, help_text=_("Within these the owner invites.")
    )
    follow_up_days = forms.IntegerField(
        label=_("Days until asking again"),
        min_value=1,
        max_value=60,
        help_text=_("For those who think about it or were not reached."),
    )

    def __init__(self, data: Any = None, *, policy: SeedPolicy) -> None:
        initial = {
            "version": policy_version(SeedPolicy),
            "window_days": policy.window_days,
            "offer": policy.offer,
            "invite_days": policy.invite_days,
            "follow_up_days": policy.follow_up_days,
        }
        super().__init__(data, initial=initial)
        for item in CRITERIA:
            weight = forms.IntegerField(label=_("Weight"), min_value=0, max_value=100, initial=policy.weight(item.key))
            full = forms.IntegerField(
                label=_("Full marks at"),
                min_value=1,
                max_value=item.limit or 10_000_000,
                initial=policy.full_marks(item.key),
            )
            for prefix, field in ((WEIGHTS, weight), (FULL, full)):
                field.widget.attrs |= {"class": "form-control", "aria-describedby": f"about_{item.key}"}
                self.fields[prefix + item.key] = field

    def clean(self) -> dict[str, Any]:
        weights = [self.cleaned_data.get(WEIGHTS + item.key) for item in CRITERIA]
        if all(weight == 0 for weight in weights):
            self.add_error(None, _("Give at least one criterion a weight."))
        return self.cleaned_data

    def rows(self) -> list[tuple[Criterion, BoundField, BoundField]]:
        return [(item, self[WEIGHTS + item.key], self[FULL + item.key]) for item in CRITERIA]

    def policy(self) -> SeedPolicy:
        values = self.cleaned_data
        return SeedPolicy(
            window_days=values["window_days"],
            weights={item.key: values[WEIGHTS + item.key] for item in CRITERIA},
            full={item.key: values[FULL + item.key] for item in CRITERIA},
            offer=values["offer"].strip(),
            invite_days=values["invite_days"],
            follow_up_days=values["follow_up_days"],
        )
