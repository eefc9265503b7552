"""Merges and what was decided about likely duplicates."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class MergeRun(models.Model):
    """One merge. `moved` keeps what is needed to take it back: see members.merging.services."""

    winner = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="merges_won")
    loser = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="merges_lost")
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(_("merged"))
    moved = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["loser"], condition=Q(undone_at=None), name="members_mergerun_loses_once"),
            models.CheckConstraint(condition=~Q(winner=F("loser")), name="members_mergerun_two"),
        ]

    def __str__(self) -> str:
        return f"{self.loser_id} into {self.winner_id}"


class NotDuplicates(models.Model):
    """Somebody said that these two are different people. `first` has the smaller number."""

    first = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "not duplicates"
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="members_notduplicates_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="members_notduplicates_order"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} is not {self.second_id}"
