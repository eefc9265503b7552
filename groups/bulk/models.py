"""Runs over many rows, and what became of each row."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from groups.bulk.querysets import BulkRunQuerySet


class BulkState(models.TextChoices):
    RUNNING = "running", pgettext_lazy("bulk run", "Running")
    DONE = "done", pgettext_lazy("bulk run", "Done")
    FAILED = "failed", pgettext_lazy("bulk run", "Stopped")
    UNDOING = "undoing", pgettext_lazy("bulk run", "Being undone")
    UNDONE = "undone", pgettext_lazy("bulk run", "Undone")


class RowState(models.TextChoices):
    WAITING = "waiting", pgettext_lazy("bulk row", "Waiting")
    CHANGED = "changed", pgettext_lazy("bulk row", "Changed")
    UNCHANGED = "unchanged", pgettext_lazy("bulk row", "Unchanged")
    FAILED = "failed", pgettext_lazy("bulk row", "Refused")
    UNDONE = "undone", pgettext_lazy("bulk row", "Taken back")
    KEPT = "kept", pgettext_lazy("bulk row", "Kept")


class BulkRun(models.Model):
    """One action on many rows. Each chunk is one transaction that also moves the counters, so that the successor of a
    killed worker goes on where it stopped. `key` is of the form that started it: sent twice, it is one run.

    `title` is what is done, in the words of the person who started it.
    """

    key = models.CharField(max_length=64, unique=True)
    subject = models.SlugField(max_length=20)
    action = models.CharField(max_length=60)
    params = models.JSONField(default=dict)
    title = models.CharField(max_length=300)
    started_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="bulk_runs")
    state = models.CharField(_("state"), max_length=10, choices=BulkState, default=BulkState.RUNNING)
    total = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    undone = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(_("started"))
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = BulkRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=BulkState.values), name="groups_bulkrun_state_known"),
        ]
        indexes = [models.Index(fields=["-created_at", "-id"], name="groups_bulkrun_latest")]

    def __str__(self) -> str:
        return self.title

    @property
    def is_at_work(self) -> bool:
        return self.state in (BulkState.RUNNING, BulkState.UNDOING)

    @property
    def percent(self) -> int:
        if self.state == BulkState.UNDOING:
            return 100 * (self.undone + self.kept) // max(self.changed, 1)
        return 100 * (self.changed + self.unchanged + self.failed) // max(self.total, 1)

    @property
    def can_undo(self) -> bool:
        return self.state in (BulkState.DONE, BulkState.FAILED) and self.changed > 0


class BulkRow(models.Model):
    """A row of a run: `subject_id` is its number in the table of the run's subject, `name` what it was called then."""

    run = models.ForeignKey(BulkRun, on_delete=models.CASCADE, related_name="rows")
    subject_id = models.BigIntegerField()
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=RowState, default=RowState.WAITING)
    note = models.CharField(max_length=300, blank=True)
    undo = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "subject_id"], name="groups_bulkrow_once"),
            models.CheckConstraint(condition=Q(state__in=RowState.values), name="groups_bulkrow_state_known"),
        ]
        indexes = [models.Index(fields=["run", "state", "id"], name="groups_bulkrow_state")]

    def __str__(self) -> str:
        return self.name
