from __future__ import annotations

from datetime import time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from campaigns.checkins.models import LONGEST_PROOF, CheckInProgramme, Goal, Proof, Reach
from campaigns.checkins.programmes import MOST_CARD_DAYS, MOST_POINTS, ProgrammeDraft, ThresholdDraft
from campaigns.prizes.models import Prize
from community_ops.lib.forms import MarkedForm
from community_ops.lib.images import ACCEPTED
from groups.models import Group, Permission

ROWS = 12
GROUPS_FOUND = 20
CHECKS = ("by_page", "is_reviewed")


class ProofForm(forms.Form):
    """What a member shows for a check-in; the fields that the programme asks for."""

    text = forms.CharField(
        label=_("What did you do?"),
        max_length=LONGEST_PROOF,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "translate": "no"}),
    )
    picture = forms.FileField(
        label=_("Picture"),
        required=False,
        help_text=_("It is kept without what it tells of place and camera; only you and the staff see it."),
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
    )

    def __init__(self, *args: Any, programme: CheckInProgramme, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if programme.proof not in (Proof.TEXT, Proof.EITHER):
            del self.fields["text"]
        if programme.proof not in (Proof.PICTURE, Proof.EITHER):
            del self.fields["picture"]


def _day_input() -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})


def _clock_input() -> forms.TimeInput:
    return forms.TimeInput(format="%H:%M", attrs={"type": "time"})


class ProgrammeForm(MarkedForm):
    """A programme as it is written; `draft` once it is valid. Thresholds come as rows of their own (`rows`)."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=60, widget=forms.TextInput(attrs={"translate": "no"}))
    text = forms.CharField(
        label=_("What members do"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "translate": "no"}),
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("Groups"),
        queryset=Group.objects.none(),
        required=False,
        error_messages={"invalid_choice": _("One of the groups cannot be posted to any more.")},
    )
    first_day = forms.DateField(label=_("First day"), widget=_day_input())
    last_day = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=_day_input(),
        help_text=_("21 days make a habit. Empty: it goes on."),
    )
    weekdays = forms.MultipleChoiceField(
        label=_("Weekdays"),
        choices=[(str(number), WEEKDAYS[number]) for number in range(7)],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    opens = forms.TimeField(label=_("Opens at"), widget=_clock_input())
    closes = forms.TimeField(
        label=_("Closes at"),
        widget=_clock_input(),
        help_text=_("At or before it opens: on the next day. 00:00 to 00:00 is the whole day."),
    )
    timezone = forms.CharField(label=_("Time zone"), max_length=60, widget=forms.TextInput(attrs={"translate": "no"}))
    from_day = forms.DateField(
        label=_("New hours hold from"),
        required=False,
        widget=_day_input(),
        help_text=_("Empty: from tomorrow. Days that have begun keep theirs."),
    )
    by_page = forms.BooleanField(label=_("By a button on the member page"), required=False)
    keyword = forms.CharField(
        label=_("Keyword"),
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"translate": "no"}),
        help_text=_("A message that begins with it counts. Empty: messages do not count."),
    )
    proof = forms.ChoiceField(label=_("Proof"), choices=Proof.choices)
    is_reviewed = forms.BooleanField(label=_("Staff look at each proof before it counts"), required=False)
    free_cards = forms.IntegerField(label=_("Free make-up cards for each member"), min_value=0, max_value=100)
    card_price = forms.IntegerField(
        label=_("Points for each further card"),
        min_value=0,
        max_value=MOST_POINTS,
        help_text=_("0: none can be bought."),
    )
    card_days = forms.IntegerField(label=_("Days back that can be made up"), min_value=1, max_value=MOST_CARD_DAYS)
    goal = forms.ChoiceField(label=_("Goal of each group"), choices=Goal.choices, required=False)
    goal_value = forms.IntegerField(label=_("Goal"), min_value=0, max_value=10_000_000, required=False)
    remind_at = forms.TimeField(
        label=_("Reminder at"),
        required=False,
        widget=_clock_input(),
        help_text=_("A post to the group that says how many have checked in; it names nobody. Empty: none."),
    )

    def __init__(
        self, data: Any = None, *, user: User, programme: CheckInProgramme | None, initial: dict[str, Any]
    ) -> None:
        super().__init__(data, initial=initial)
        for name in CHECKS:
            self.fields[name].widget.attrs["class"] = "form-check-input"
        self.user = user
        self.programme = programme
        self.postable = Group.objects.visible_to(user).postable().permitted(user, Permission.POST)
        groups = self.fields["groups"]
        assert isinstance(groups, forms.ModelChoiceField)
        held = Group.objects.filter(check_in_places__programme=programme) if programme else Group.objects.none()
        groups.queryset = Group.objects.filter(pk__in=self.postable.values("pk")) | Group.objects.filter(
            pk__in=held.values("pk")
        )
        self.rows = _rows(data) if data is not None else initial.get("rows", [])
        self.draft: ProgrammeDraft | None = None

    def prizes(self) -> list[Prize]:
        return list(Prize.objects.visible_to(self.user).order_by("title", "pk")[:200])

    def picker(self) -> dict[str, Any]:
        """The groups to tick, for console/campaigns/post_picker.html."""
        asked = (
            self.data.getlist("groups")
            if isinstance(self.data, QueryDict)
            else [str(pk) for pk in self.initial.get("groups", [])]
        )
        ids = [int(pk) for pk in asked if pk.isascii() and pk.isdigit() and len(pk) < 19]
        field = self.fields["groups"]
        assert isinstance(field, forms.ModelChoiceField)
        assert field.queryset is not None
        chosen = list(field.queryset.filter(pk__in=ids).order_by("name", "pk"))
        found = list(self.postable.exclude(pk__in=ids).order_by("name", "pk")[: GROUPS_FOUND + 1])
        return {
            "name": "groups",
            "chosen": chosen,
            "is_required": True,
            "found": found[:GROUPS_FOUND],
            "more": len(found) > GROUPS_FOUND,
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        thresholds = self._thresholds()
        if not self.errors:
            names = ("name", "text", "first_day", "last_day", "opens", "closes", "from_day", "by_page", "proof")
            numbers = ("free_cards", "card_price", "card_days")
            self.draft = ProgrammeDraft(
                **{name: data[name] for name in (*names, *numbers)},
                groups=list(data["groups"]),
                timezone=data["timezone"],
                weekdays=frozenset(int(number) for number in data["weekdays"]),
                keyword=data["keyword"],
                is_reviewed=data["is_reviewed"],
                goal=data["goal"],
                goal_value=data["goal_value"] or 0,
                remind_at=data["remind_at"],
                thresholds=thresholds,
            )
        return data

    def _thresholds(self) -> list[ThresholdDraft]:
        drafts = []
        prizes = {str(prize.pk): prize for prize in self.prizes()} if self.rows else {}
        for row in self.rows:
            if not any(row[name] for name in ("count", "points", "prize")):
                continue
            if not (_is_number(row["count"]) and _is_number(row["points"] or "0") and row["reach"] in Reach.values):
                self.add_error(
                    None, ValidationError(_("A threshold needs a number of days, and what it is rewarded with."))
                )
                break
            prize = prizes.get(row["prize"])
            drafts.append(ThresholdDraft(row["reach"], int(row["count"]), int(row["points"] or 0), prize))
        return drafts


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 8


def _rows(data: Any) -> list[dict[str, str]]:
    columns = (data.getlist(f"threshold_{name}") for name in ("reach", "count", "points", "prize"))
    return [
        {"reach": reach, "count": count.strip(), "points": points.strip(), "prize": prize}
        for reach, count, points, prize in list(zip(*columns, strict=False))[:ROWS]
    ]


def standing_values(programme: CheckInProgramme) -> dict[str, Any]:
    """What the form shows of a programme."""
    names = (
        "version", "name", "text", "first_day", "last_day", "timezone", "by_page", "keyword", "proof", "is_reviewed",
        "free_cards", "card_price", "card_days", "goal", "goal_value", "remind_at",
    )  # fmt: skip
    terms = programme.calendar.terms[-1]
    thresholds = programme.thresholds.filter(removed_at=None)
    return {
        **{name: getattr(programme, name) for name in names},
        "groups": list(programme.places.filter(until_day=None).values_list("group_id", flat=True)),
        "weekdays": [str(number) for number in sorted(terms.weekdays)],
        "opens": terms.opens,
        "closes": terms.closes,
        "rows": [
            {
                "reach": row.reach,
                "count": str(row.count),
                "points": str(row.points or ""),
                "prize": str(row.prize_id or ""),
            }
            for row in thresholds
        ],
    }


SUGGESTED: dict[str, Any] = {
    "weekdays": [str(number) for number in range(7)],
    "opens": time(0),
    "closes": time(0),
    "by_page": True,
    "keyword": "打卡",
    "proof": Proof.NONE,
    "free_cards": 2,
    "card_price": 0,
    "card_days": 3,
    "goal": Goal.PERCENT,
    "goal_value": 70,
    "rows": [
        {"reach": Reach.STREAK, "count": "7", "points": "20", "prize": ""},
        {"reach": Reach.STREAK, "count": "21", "points": "100", "prize": ""},
    ],
}
