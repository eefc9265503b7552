"""Needs as staff and members write them. Saving is done by the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from community_ops.lib.forms import MarkedForm
from groups.models import Group
from members.feedback.models import LONGEST_NEED, LONGEST_REPLY, Need, NeedCategory, NeedStatus
from members.models import Member, Membership


def owners_for(user: User, branch_id: int | None) -> Any:
    """Who may look after a need of a branch: its own staff, and headquarters."""
    people = User.objects.filter(is_active=True, role__in=["admin", "operator"])
    return people.filter(Q(branch=branch_id) | Q(branch=None)).order_by("username")


class _WithCategory(MarkedForm):
    category = forms.ModelChoiceField(
        label=_("Category"),
        queryset=NeedCategory.objects.none(),
        required=False,
        empty_label=pgettext_lazy("need", "None yet"),
    )

    def _offer(self, kept: int | None = None) -> None:
        field = self.fields["category"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = NeedCategory.objects.filter(Q(retired_at=None) | Q(pk=kept))


class NeedForm(_WithCategory):
    version = forms.IntegerField(widget=forms.HiddenInput)
    text = forms.CharField(
        label=_("The need, in a sentence"),
        max_length=LONGEST_NEED,
        widget=forms.Textarea(attrs={"rows": 3, "translate": "no"}),
    )
    status = forms.ChoiceField(label=_("State"), choices=NeedStatus.choices)
    owner = forms.ModelChoiceField(
        label=_("Who looks after it"),
        queryset=User.objects.none(),
        required=False,
        empty_label=pgettext_lazy("owner of a need", "Nobody yet"),
    )
    field_order = ("version", "text", "category", "status", "owner")

    def __init__(self, *args: Any, need: Need, user: User, **kwargs: Any) -> None:
        initial = {
            "version": need.version,
            "text": need.text,
            "category": need.category_id,
            "status": need.status,
            "owner": need.owner_id,
        }
        super().__init__(*args, initial=initial, **kwargs)
        self._offer(need.category_id)
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ModelChoiceField)
        owner.queryset = owners_for(user, need.branch_id)


class WhoForm(MarkedForm):
    """Somebody who asked, by the name that they have in a group."""

    group = forms.ModelChoiceField(label=_("Group"), queryset=Group.objects.none(), empty_label=None)
    name = forms.CharField(
        label=_("From whom"),
        max_length=120,
        help_text=_("The name in the group, exactly as it stands there."),
        widget=forms.TextInput(attrs={"translate": "no", "autocomplete": "off"}),
    )
    text = forms.CharField(
        label=_("In their words"),
        max_length=LONGEST_NEED,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "translate": "no"}),
    )

    def __init__(self, *args: Any, user: User, branch_id: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.member: Member | None = None
        group = self.fields["group"]
        assert isinstance(group, forms.ModelChoiceField)
        groups = Group.objects.visible_to(user).open().order_by("name")
        group.queryset = groups if branch_id is None else groups.filter(branch_id=branch_id)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if {"group", "name"} <= data.keys():
            present = Membership.objects.present().filter(group=data["group"]).values("member")
            named = list(Member.objects.current().filter(pk__in=present, name__iexact=data["name"].strip())[:2])
            if len(named) == 1:
                self.member = named[0]
            elif named:
                self.add_error("name", ValidationError(_("Several members of this group have this name.")))
            else:
                self.add_error("name", ValidationError(_("Nobody in this group has this name.")))
        return data


class HeardForm(WhoForm, _WithCategory):
    """What staff heard from a member."""

    field_order = ("group", "name", "text", "category")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer()
        self.fields["text"].required = True


class ReplyForm(MarkedForm):
    key = forms.CharField(widget=forms.HiddenInput, max_length=40)
    text = forms.CharField(
        label=_("Reply to all who asked"),
        max_length=LONGEST_REPLY,
        widget=forms.Textarea(attrs={"rows": 4, "translate": "no"}),
    )


class CategoriesForm(MarkedForm):
    names = forms.CharField(
        label=_("Categories, one a line"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 12, "translate": "no"}),
        help_text=_("Members choose among them. A line that goes is offered no longer; needs that have it keep it."),
    )
