"""Copies made for people, what is left of those who were erased, and what retention took away."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from accounts.models import User


class Tombstone(models.Model):
    """Keeps imports and other systems from bringing an erased person back. It does not say who that was: `digest` is a
    keyed hash of the external id, and the key is not in the database."""

    digest = models.CharField(max_length=64, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.digest[:12]


class ExportState(models.TextChoices):
    WAITING = "waiting", pgettext_lazy("export", "Being made")
    READY = "ready", pgettext_lazy("export", "Ready")
    FAILED = "failed", pgettext_lazy("export", "Failed")


class MemberExport(models.Model):
    """A copy of everything held about one person, for whoever asked for it: somebody of the staff, or the member."""

    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="exports")
    asked_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    by_member = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=ExportState, default=ExportState.WAITING)
    path = models.CharField(max_length=120, blank=True, help_text="of the file, relative to MEDIA_ROOT")
    ready_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ExportState.values), name="members_memberexport_state_known"),
        ]

    def __str__(self) -> str:
        return f"export {self.pk}"


class RetentionRun(models.Model):
    """What one run of the retention periods took away: `removed` counts by kind of data."""

    at = models.DateTimeField()
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    removed = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d}"
