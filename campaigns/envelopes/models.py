"""Red envelopes, their rounds and shares, and the budgets that pay for them."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from campaigns.envelopes.querysets import BudgetQuerySet, EnvelopeQuerySet, RoundQuerySet, ShareQuerySet
from campaigns.posts.models import Post
from groups.models import Group, GroupRole
from members.models import Account, Member


class EnvelopeBudget(models.Model):
    """What may be given away in a month, by a branch (empty: by headquarters) or for a purpose. Administrators set it.

    Each month has an account of its own in the ledger, filled to the limit when it is first planned in: what it holds
    is what can still be planned, so that the ledger itself keeps everybody within it.
    """

    name = models.CharField(_("name"), max_length=60)
    branch = models.ForeignKey(
        Branch, verbose_name=_("branch"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    month_limit = models.PositiveIntegerField(_("points a month"))
    is_open = models.BooleanField(pgettext_lazy("budget", "in use"), default=True)
    version = models.PositiveIntegerField(default=1, help_text="grows with each change, so that two editors notice")

    objects = BudgetQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["branch", "name"], name="campaigns_envelopebudget_name"),
            # Empty branches do not count as equal, so the shared names need a constraint of their own.
            models.UniqueConstraint(
                fields=["name"], condition=Q(branch=None), name="campaigns_envelopebudget_name_shared"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BudgetMonth(models.Model):
    """A budget in one local month, by its first day. `ended_at`: what was left has gone back to where it came from."""

    budget = models.ForeignKey(EnvelopeBudget, on_delete=models.PROTECT, related_name="months")
    month = models.DateField()
    limit = models.PositiveIntegerField()
    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-month"]
        constraints = [models.UniqueConstraint(fields=["budget", "month"], name="campaigns_budgetmonth_once")]

    def __str__(self) -> str:
        return f"{self.budget_id} {self.month:%Y-%m}"


class Split(models.TextChoices):
    RANDOM = "random", pgettext_lazy("red envelope", "At random")
    EQUAL = "equal", pgettext_lazy("red envelope", "Equal")


class Envelope(models.Model):
    """A red envelope as it was planned: each of its rounds puts `amount` points in `shares` shares into each group.

    With a role, a tag or a segment it is for those members of the group only. Tag and segment are plain numbers: an
    audience that was deleted is nobody, never everybody.
    """

    greeting = models.CharField(_("greeting"), max_length=100)
    budget = models.ForeignKey(EnvelopeBudget, on_delete=models.PROTECT, related_name="envelopes")
    amount = models.PositiveIntegerField(_("points in a round"))
    shares = models.PositiveSmallIntegerField(_("shares"))
    split = models.CharField(_("division"), max_length=6, choices=Split, default=Split.RANDOM)
    role = models.CharField(_("role in the group"), max_length=14, choices=GroupRole, blank=True)
    tag_id = models.BigIntegerField(_("tag"), null=True, blank=True)
    segment_id = models.BigIntegerField(_("segment"), null=True, blank=True)
    shows_luckiest = models.BooleanField(_("shows who was luckiest"), default=True)
    open_minutes = models.PositiveIntegerField(_("minutes that it stays open"), default=60)
    created_at = models.DateTimeField(_("planned"))
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects = EnvelopeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(shares__gt=0, amount__gte=F("shares")), name="campaigns_envelope_a_point_each"
            ),
            models.CheckConstraint(condition=Q(split__in=Split.values), name="campaigns_envelope_split_known"),
            models.CheckConstraint(condition=Q(open_minutes__gt=0), name="campaigns_envelope_stays_open"),
        ]

    def __str__(self) -> str:
        return self.greeting


class RoundState(models.TextChoices):
    PLANNED = "planned", pgettext_lazy("red envelope", "Planned")
    OPEN = "open", pgettext_lazy("round of a red envelope", "Open")
    ENDED = "ended", pgettext_lazy("red envelope", "Over")
    STOPPED = "stopped", pgettext_lazy("red envelope", "Stopped")


class EnvelopeRound(models.Model):
    """An envelope in one group at one time. Its account holds what was put in and not yet claimed.

    `refunded` is what went back to the budget when it ended; empty until then.
    """

    envelope = models.ForeignKey(Envelope, on_delete=models.CASCADE, related_name="rounds")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="envelope_rounds")
    number = models.PositiveSmallIntegerField(_("round"))
    opens_at = models.DateTimeField(_("opens"))
    expires_at = models.DateTimeField(_("ends"))
    state = models.CharField(_("state"), max_length=7, choices=RoundState, default=RoundState.PLANNED)
    month = models.ForeignKey(BudgetMonth, on_delete=models.PROTECT, related_name="rounds")
    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="+")
    post = models.ForeignKey(Post, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    opened_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    refunded = models.PositiveIntegerField(null=True, blank=True)

    objects = RoundQuerySet.as_manager()

    claimed: int  # by with_results()
    given: int

    class Meta:
        ordering = ["opens_at", "group_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["envelope", "group", "number"], name="campaigns_enveloperound_once"),
            models.CheckConstraint(
                condition=Q(state__in=RoundState.values), name="campaigns_enveloperound_state_known"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("opens_at")), name="campaigns_enveloperound_ends_later"
            ),
        ]
        indexes = [
            # What is to be opened or ended, and what is open in a group.
            models.Index(fields=["opens_at"], name="campaigns_round_to_open", condition=Q(state="planned")),
            models.Index(fields=["expires_at"], name="campaigns_round_to_end", condition=Q(state="open")),
            models.Index(fields=["group", "-opens_at"], name="campaigns_round_group"),
        ]

    def __str__(self) -> str:
        return f"{self.envelope_id} round {self.number} in {self.group_id}"

    def is_open_at(self, now: datetime) -> bool:
        """Whether members can claim: also where nobody came round to opening or ending it yet."""
        return self.state in (RoundState.PLANNED, RoundState.OPEN) and self.opens_at <= now < self.expires_at


class EnvelopeShare(models.Model):
    """A share of a round, made when it opened. It belongs to one member, or was void when the round ended.

    `is_recorded`: the event that the member claimed it is written.
    """

    round = models.ForeignKey(EnvelopeRound, on_delete=models.CASCADE, related_name="shares")
    number = models.PositiveSmallIntegerField()
    amount = models.PositiveIntegerField(_("points"))
    member = models.ForeignKey(Member, null=True, blank=True, on_delete=models.CASCADE, related_name="envelope_shares")
    claimed_at = models.DateTimeField(_("claimed"), null=True, blank=True)
    is_void = models.BooleanField(default=False)
    is_recorded = models.BooleanField(default=False)

    objects = ShareQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["round", "number"], name="campaigns_envelopeshare_number"),
            models.UniqueConstraint(
                fields=["round", "member"], condition=Q(member__isnull=False), name="campaigns_envelopeshare_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="campaigns_envelopeshare_never_empty"),
            models.CheckConstraint(
                condition=Q(member=None, claimed_at=None)
                | Q(member__isnull=False, claimed_at__isnull=False, is_void=False),
                name="campaigns_envelopeshare_claimed_or_not",
            ),
        ]
        indexes = [
            models.Index(
                fields=["round", "number"], name="campaigns_share_free", condition=Q(member=None, is_void=False)
            ),
            models.Index(
                fields=["claimed_at"],
                name="campaigns_share_to_record",
                condition=Q(member__isnull=False, is_recorded=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} of {self.round_id}"
