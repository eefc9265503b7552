"""How tiers changed, how far they are computed, and the yearly moves up by grade."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from groups.classes.models import Grade, Tier


class TierChange(models.Model):
    """A member's tier became another one, because of orders or refunds, or because the thresholds were changed."""

    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="tier_changes")
    at = models.DateTimeField()
    before = models.CharField(max_length=10, choices=Tier)
    after = models.CharField(max_length=10, choices=Tier)

    class Meta:
        indexes = [models.Index(fields=["member", "-at"], name="members_tierchange_member")]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.before} → {self.after}"


class TierMark(models.Model):
    """The one row that says up to which event tiers are computed."""

    event_id = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.event_id)


class PromotionRun(models.Model):
    """A yearly move up. A year has one that counts; after an undo it may be run again by hand."""

    year = models.PositiveSmallIntegerField(_("year"))
    at = models.DateTimeField()
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    groups = models.PositiveIntegerField(default=0)
    members = models.PositiveIntegerField(default=0)
    left_alone = models.PositiveIntegerField(default=0)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    kept = models.PositiveIntegerField(default=0, help_text="changed since the run, and so left alone by its undo")

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["year"], condition=Q(undone_at=None), name="members_promotionrun_once_a_year"
            ),
        ]

    def __str__(self) -> str:
        return str(self.year)


class MoveKind(models.TextChoices):
    GROUP = "group", pgettext_lazy("promotion", "Group")
    MEMBER = "member", pgettext_lazy("promotion", "Member")


class PromotionMove(models.Model):
    """What one run did to one group or member, so that it can be taken back exactly."""

    run = models.ForeignKey(PromotionRun, on_delete=models.CASCADE, related_name="moves")
    kind = models.CharField(max_length=6, choices=MoveKind)
    subject_id = models.BigIntegerField()
    grade_before = models.ForeignKey(Grade, null=True, on_delete=models.SET_NULL, related_name="+")
    grade_after = models.ForeignKey(Grade, null=True, on_delete=models.SET_NULL, related_name="+")
    name_before = models.CharField(max_length=120, blank=True)
    name_after = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "kind", "subject_id"], name="members_promotionmove_once"),
            models.CheckConstraint(condition=Q(kind__in=MoveKind.values), name="members_promotionmove_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"
