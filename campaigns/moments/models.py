"""Plans of Moments, their slots, and what became of each on its day."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from campaigns.content.models import Piece, Series
from campaigns.moments.querysets import MomentsPlanQuerySet


class MomentsPlan(models.Model):
    """What one account posts. `account` is what the account is called in WeChat, `persona` who it is, in the words of
    those who write for it; `user` is who posts. `version` grows with each change, so that two editors notice."""

    account = models.CharField(_("account"), max_length=60)
    persona = models.TextField(_("who this account is"), max_length=2000, blank=True)
    user = models.ForeignKey(User, verbose_name=_("who posts"), on_delete=models.CASCADE, related_name="moments_plans")
    branch = models.ForeignKey(
        Branch, verbose_name=_("branch"), null=True, blank=True, on_delete=models.PROTECT, related_name="moments_plans"
    )
    is_active = models.BooleanField(_("gives tasks"), default=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    objects = MomentsPlanQuerySet.as_manager()

    class Meta:
        ordering = ["account", "id"]

    def __str__(self) -> str:
        return self.account

    def may_be_changed_by(self, user: User) -> bool:
        """Headquarters changes every plan, a branch its own."""
        return user.may_write and (user.branch_id is None or user.branch_id == self.branch_id)


class MomentsSlot(models.Model):
    """A time of day with what is posted then: a text of its own, a piece of the library, or the next of a series."""

    plan = models.ForeignKey(MomentsPlan, on_delete=models.CASCADE, related_name="slots")
    at = models.TimeField(_("time"))
    text = models.TextField(_("text"), max_length=2000, blank=True)
    piece = models.ForeignKey(Piece, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    series = models.ForeignKey(Series, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "at"], condition=Q(removed_at=None), name="campaigns_momentsslot_once"
            ),
            models.CheckConstraint(
                condition=(~Q(text="") & Q(piece=None, series=None))
                | (Q(text="", series=None) & Q(piece__isnull=False))
                | (Q(text="", piece=None) & Q(series__isnull=False)),
                name="campaigns_momentsslot_one_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%H:%M}"


class MomentsState(models.TextChoices):
    WAITING = "waiting", pgettext_lazy("moments", "To post")
    POSTED = "posted", pgettext_lazy("moments", "Posted")
    SKIPPED = "skipped", pgettext_lazy("moments", "Left out")
    MISSED = "missed", pgettext_lazy("moments", "Missed")
    EMPTY = "empty", pgettext_lazy("moments", "Nothing there to post")


class MomentsPost(models.Model):
    """A slot on one day: made when its time comes near, with what is to be posted and the task for it."""

    slot = models.ForeignKey(MomentsSlot, on_delete=models.CASCADE, related_name="posts")
    day = models.DateField()
    due_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=MomentsState, default=MomentsState.WAITING)
    text = models.TextField(blank=True)
    piece = models.ForeignKey(Piece, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    task_id = models.BigIntegerField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["due_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["slot", "day"], name="campaigns_momentspost_once"),
            models.CheckConstraint(
                condition=Q(state__in=MomentsState.values), name="campaigns_momentspost_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="campaigns_momentspost_waiting"),
            models.Index(fields=["piece", "due_at"], name="campaigns_momentspost_piece"),
        ]

    def __str__(self) -> str:
        return f"{self.slot_id} on {self.day}"
