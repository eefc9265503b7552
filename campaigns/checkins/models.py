"""Programmes of check-ins, what members did in them, and what they reached."""

from __future__ import annotations

from datetime import date, time
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import F, Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from campaigns.checkins.querysets import (
    CheckInDayQuerySet,
    CheckInProgrammeQuerySet,
    CheckInQuerySet,
    CheckInStandingQuerySet,
)
from campaigns.checkins.rules import Calendar, Terms
from campaigns.prizes.models import Award, Prize
from groups.models import Group, Permission
from members.models import Member

LONGEST_PROOF = 1000


class ProgrammeState(models.TextChoices):
    RUNNING = "running", pgettext_lazy("check-in programme", "Running")
    PAUSED = "paused", pgettext_lazy("check-in programme", "Paused")
    STOPPED = "stopped", pgettext_lazy("check-in programme", "Stopped")


class Proof(models.TextChoices):
    NONE = "none", pgettext_lazy("proof of a check-in", "None")
    TEXT = "text", pgettext_lazy("proof of a check-in", "Text")
    PICTURE = "picture", pgettext_lazy("proof of a check-in", "Picture")
    EITHER = "either", pgettext_lazy("proof of a check-in", "Text or picture")


class Goal(models.TextChoices):
    NONE = "", pgettext_lazy("goal of a group", "None")
    PERCENT = "percent", pgettext_lazy("goal of a group", "Percent of the members present, each day")
    TOTAL = "total", pgettext_lazy("goal of a group", "Check-ins of the group in all")


def terms_kept(terms: Terms) -> dict[str, Any]:
    """Terms as the database keeps them."""
    return {
        "from": terms.from_day.isoformat(),
        "weekdays": sorted(terms.weekdays),
        "opens": f"{terms.opens:%H:%M}",
        "closes": f"{terms.closes:%H:%M}",
    }


def terms_read(kept: dict[str, Any]) -> Terms:
    return Terms(
        date.fromisoformat(kept["from"]),
        frozenset(kept["weekdays"]),
        time.fromisoformat(kept["opens"]),
        time.fromisoformat(kept["closes"]),
    )


class CheckInProgramme(models.Model):
    """A ritual of some groups: who does it says so once a day.

    The days follow from its zone, its terms and its pauses (`calendar`). `terms` are what holds from a day on, in the
    order of the days (see terms_kept); days that have begun keep theirs. `pauses` are pairs of the first and the last
    day on which it rests, the last one empty while it goes on. `keyword` empty means that messages do not count;
    `free_cards` and `card_price` say how many missed days a member may make up for nothing, and for how many points
    each after that (0: none can be bought), `card_days` how many local days back. `version` grows with each change.
    """

    name = models.CharField(_("name"), max_length=60)
    text = models.TextField(_("what members do"), max_length=1000, blank=True)
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    groups: models.ManyToManyField[Group, CheckInGroup] = models.ManyToManyField(
        Group, through="CheckInGroup", related_name="check_in_programmes"
    )
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"), null=True, blank=True)
    timezone = models.CharField(_("time zone"), max_length=60)
    terms = models.JSONField(default=list)
    pauses = models.JSONField(default=list)
    state = models.CharField(_("state"), max_length=8, choices=ProgrammeState, default=ProgrammeState.RUNNING)
    by_page = models.BooleanField(_("on the member page"), default=True)
    keyword = models.CharField(_("keyword"), max_length=20, blank=True)
    proof = models.CharField(_("proof"), max_length=8, choices=Proof, default=Proof.NONE)
    is_reviewed = models.BooleanField(_("staff look at each proof"), default=False)
    free_cards = models.PositiveSmallIntegerField(_("free make-up cards"), default=0)
    card_price = models.PositiveIntegerField(_("points for each further card"), default=0)
    card_days = models.PositiveSmallIntegerField(_("days back"), default=3)
    goal = models.CharField(_("goal of each group"), max_length=8, choices=Goal, blank=True, default=Goal.NONE)
    goal_value = models.PositiveIntegerField(_("goal"), default=0)
    remind_at = models.TimeField(_("reminder at"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = CheckInProgrammeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(last_day=None) | Q(last_day__gte=F("first_day")), name="campaigns_checkinprogramme_days"
            ),
            models.CheckConstraint(
                condition=Q(by_page=True) | ~Q(keyword=""), name="campaigns_checkinprogramme_has_a_way"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ProgrammeState.values), name="campaigns_checkinprogramme_state_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @cached_property
    def calendar(self) -> Calendar:
        """Its days."""
        return Calendar(
            zone=ZoneInfo(self.timezone),
            first_day=self.first_day,
            last_day=self.last_day,
            terms=tuple(terms_read(one) for one in self.terms),
            off=tuple(
                (date.fromisoformat(first), date.fromisoformat(last) if last else None) for first, last in self.pauses
            ),
        )

    def may_be_changed_by(self, user: User) -> bool:
        """Whether this person may post to each of its groups. Two queries at most."""
        if not user.may_write:
            return False
        reach = Group.objects.visible_to(user).permitted(user, Permission.POST)
        return not self.groups.exclude(pk__in=reach.values("pk")).exists()


class CheckInGroup(models.Model):
    """A group of a programme, from a day on, and up to one once it was taken out."""

    programme = models.ForeignKey(CheckInProgramme, on_delete=models.CASCADE, related_name="places")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="check_in_places")
    from_day = models.DateField()
    until_day = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["programme", "group"], name="campaigns_checkingroup_once"),
        ]

    def __str__(self) -> str:
        return f"{self.group_id} in {self.programme_id}"


class Source(models.TextChoices):
    PAGE = "page", pgettext_lazy("source of a check-in", "Member page")
    KEYWORD = "keyword", pgettext_lazy("source of a check-in", "Keyword")
    SYSTEM = "system", pgettext_lazy("source of a check-in", "Another system")
    MAKE_UP = "make_up", pgettext_lazy("source of a check-in", "Made up")
    STAFF = "staff", pgettext_lazy("source of a check-in", "Staff")


class CheckInState(models.TextChoices):
    COUNTED = "counted", pgettext_lazy("check-in", "Counts")
    WAITING = "waiting", pgettext_lazy("check-in", "Waits for review")
    REJECTED = "rejected", pgettext_lazy("check-in", "Rejected")


class CheckIn(models.Model):
    """A member's check-in of one day. `at` is when it was done, `noted_at` when it came to be known here.

    `picture` is a file of its own under a random name, which only staff and the member see. `price` is what a make-up
    card cost.
    """

    programme = models.ForeignKey(CheckInProgramme, on_delete=models.CASCADE, related_name="check_ins")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="check_ins")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="check_ins")
    day = models.DateField(_("day"))
    source = models.CharField(_("source"), max_length=8, choices=Source)
    state = models.CharField(_("state"), max_length=8, choices=CheckInState, default=CheckInState.COUNTED)
    at = models.DateTimeField(_("checked in"))
    noted_at = models.DateTimeField()
    text = models.CharField(_("text"), max_length=LONGEST_PROOF, blank=True)
    picture = models.FileField(upload_to="checkins/", blank=True)
    price = models.PositiveIntegerField(default=0)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    objects = CheckInQuerySet.as_manager()

    class Meta:
        ordering = ["-day", "-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["programme", "member", "day"], name="campaigns_checkin_once_a_day"),
            models.CheckConstraint(condition=Q(state__in=CheckInState.values), name="campaigns_checkin_state_known"),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="campaigns_checkin_source_known"),
        ]
        indexes = [
            # The rate of a group on a day, and who is missing.
            models.Index(fields=["programme", "group", "day"], name="campaigns_checkin_group_day"),
            # The queue of the reviewers.
            models.Index(fields=["at", "id"], condition=Q(state="waiting"), name="campaigns_checkin_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} on {self.day}"


class CheckInStanding(models.Model):
    """What a member has reached in a programme: always the outcome of rules.figures() over their check-ins, written by
    services.standing_write() and by nothing else.

    `current` holds until `ends_at`; empty: nothing can break it. `group` is where they checked in last.
    """

    programme = models.ForeignKey(CheckInProgramme, on_delete=models.CASCADE, related_name="standings")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="check_in_standings")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+")
    current = models.PositiveIntegerField(_("streak"), default=0)
    longest = models.PositiveIntegerField(_("longest streak"), default=0)
    total = models.PositiveIntegerField(_("days in all"), default=0)
    last_day = models.DateField(null=True, blank=True)
    longest_on = models.DateField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)

    objects = CheckInStandingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["programme", "member"], name="campaigns_checkinstanding_once"),
            models.CheckConstraint(
                condition=Q(current__lte=F("longest")) & Q(longest__lte=F("total")),
                name="campaigns_checkinstanding_plausible",
            ),
        ]
        indexes = [
            # The sweep that ends streaks.
            models.Index(fields=["ends_at"], condition=Q(ends_at__isnull=False), name="campaigns_checkinstanding_ends"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} in {self.programme_id}"

    @property
    def place(self) -> tuple[int, int]:
        """What the board ranks by; of a row that was read with at()."""
        return self.streak, self.total  # type: ignore[attr-defined]


class Reach(models.TextChoices):
    STREAK = "streak", pgettext_lazy("threshold", "days in a row")
    TOTAL = "total", pgettext_lazy("threshold", "days in all")


class CheckInThreshold(models.Model):
    """A figure that is rewarded. One that was taken out stays for those who had reached it."""

    programme = models.ForeignKey(CheckInProgramme, on_delete=models.CASCADE, related_name="thresholds")
    reach = models.CharField(max_length=6, choices=Reach)
    count = models.PositiveIntegerField()
    points = models.PositiveIntegerField(default=0)
    prize = models.ForeignKey(Prize, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["reach", "count", "id"]
        constraints = [
            models.UniqueConstraint(fields=["programme", "reach", "count"], name="campaigns_checkinthreshold_once"),
            models.CheckConstraint(condition=Q(count__gt=0), name="campaigns_checkinthreshold_positive"),
            models.CheckConstraint(
                condition=Q(points__gt=0) | Q(prize__isnull=False) | Q(removed_at__isnull=False),
                name="campaigns_checkinthreshold_gives_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.get_reach_display()}"


class CheckInReward(models.Model):
    """What a member was given for reaching a threshold, once for each. It stays, whatever becomes of the check-ins.

    With a `prize` but no `award` the prize had run out: it is still owed (see rewarding.prize_catch_up).
    """

    threshold = models.ForeignKey(CheckInThreshold, on_delete=models.PROTECT, related_name="rewards")
    programme = models.ForeignKey(CheckInProgramme, on_delete=models.CASCADE, related_name="rewards")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="check_in_rewards")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+")
    points = models.PositiveIntegerField(default=0)
    prize = models.ForeignKey(Prize, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    award = models.OneToOneField(
        Award, null=True, blank=True, on_delete=models.SET_NULL, related_name="check_in_reward"
    )
    given_at = models.DateTimeField()

    class Meta:
        ordering = ["-given_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["threshold", "member"], name="campaigns_checkinreward_once"),
        ]
        indexes = [
            # Prizes that are owed.
            models.Index(
                fields=["prize", "given_at"],
                condition=Q(prize__isnull=False, award=None),
                name="campaigns_checkinreward_owed",
            ),
        ]

    def __str__(self) -> str:
        return f"reward of {self.member_id}"

    @property
    def key(self) -> str:
        """What it is given for, once and for all, in the ledger and among the awards."""
        return f"check-in-reward:{self.threshold_id}:{self.member_id}"

    @property
    def is_owed(self) -> bool:
        return self.prize_id is not None and self.award_id is None


class CheckInDay(models.Model):
    """A day of a programme in a group, from shortly before it opens: what is due on it, and how it ended.

    `present` and `counted` are written when it closes: members present, and those of them who had checked in; what
    comes later than that moves `counted`.
    """

    programme = models.ForeignKey(CheckInProgramme, on_delete=models.CASCADE, related_name="days")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+")
    day = models.DateField(_("day"))
    remind_at = models.DateTimeField(null=True, blank=True)
    closes_at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    present = models.PositiveIntegerField(default=0)
    counted = models.PositiveIntegerField(default=0)

    objects = CheckInDayQuerySet.as_manager()

    class Meta:
        ordering = ["-day", "group__name"]
        constraints = [
            models.UniqueConstraint(fields=["programme", "group", "day"], name="campaigns_checkinday_once"),
        ]
        indexes = [
            models.Index(fields=["closes_at"], condition=Q(closed_at=None), name="campaigns_checkinday_open"),
        ]

    def __str__(self) -> str:
        return f"{self.day} in {self.group_id}"
