"""Clean-up rules, runs, the people on them, and who is spared."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from members.cleanup.querysets import (
    CleanupExemptionQuerySet,
    CleanupItemQuerySet,
    CleanupRuleQuerySet,
    CleanupRunQuerySet,
)


class CleanupRule(models.Model):
    """Conditions kept under a name, see members.cleanup.conditions. With a branch it is that branch's own."""

    name = models.CharField(_("name"), max_length=80)
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="cleanup_rules")
    conditions = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    objects = CleanupRuleQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["branch", "name"], name="members_cleanuprule_name"),
            # Empty branches do not count as equal, so the shared names need a constraint of their own.
            models.UniqueConstraint(fields=["name"], condition=Q(branch=None), name="members_cleanuprule_name_shared"),
        ]

    def __str__(self) -> str:
        return self.name


class RunState(models.TextChoices):
    LISTING = "listing", pgettext_lazy("clean-up", "Listing")
    OPEN = "open", pgettext_lazy("clean-up", "Under way")
    UNDOING = "undoing", pgettext_lazy("clean-up", "Being undone")
    UNDONE = "undone", pgettext_lazy("clean-up", "Undone")


class CleanupRun(models.Model):
    """One clean-up. People are listed, and taken back, in batches by the number of their membership: `cursor` is the
    last one dealt with, so a killed worker's successor goes on. `until` is the highest there was when it began.

    `at_once`: they are out of the chat already, and the run writes it down; otherwise each is a task for staff.
    """

    rule = models.ForeignKey(CleanupRule, null=True, blank=True, on_delete=models.SET_NULL, related_name="runs")
    name = models.CharField(max_length=80, blank=True)
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    conditions = models.JSONField(default=dict)
    reason = models.CharField(_("reason"), max_length=200)
    at_once = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=RunState, default=RunState.LISTING)
    started_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    started_at = models.DateTimeField()
    undone_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    cursor = models.BigIntegerField(default=0)
    until = models.BigIntegerField(default=0)
    expected = models.PositiveIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)

    objects = CleanupRunQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="members_cleanuprun_state_known"),
        ]
        indexes = [
            models.Index(
                fields=["heartbeat_at"],
                condition=Q(state__in=["listing", "undoing"]),
                name="members_cleanuprun_at_work",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.reason

    @property
    def is_at_work(self) -> bool:
        return self.state in (RunState.LISTING, RunState.UNDOING)


class ItemState(models.TextChoices):
    OPEN = "open", pgettext_lazy("person on a clean-up", "To be removed")
    REMOVED = "removed", pgettext_lazy("person on a clean-up", "Removed")
    KEPT = "kept", pgettext_lazy("person on a clean-up", "Kept")
    UNDONE = "undone", pgettext_lazy("person on a clean-up", "Taken back")


class CleanupItem(models.Model):
    """A person on a clean-up: why, and what became of it. `why` is `[["silent", 45], ["strikes", 3], ...]`, see
    members.cleanup.conditions. Nobody is on two clean-ups at once."""

    run = models.ForeignKey(CleanupRun, on_delete=models.CASCADE, related_name="items")
    membership = models.ForeignKey("members.Membership", on_delete=models.CASCADE, related_name="cleanup_items")
    why = models.JSONField(default=list)
    state = models.CharField(_("state"), max_length=8, choices=ItemState, default=ItemState.OPEN)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    note = models.CharField(_("note"), max_length=500, blank=True)

    objects = CleanupItemQuerySet.as_manager()

    class Meta:
        ordering = ["run_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "membership"], name="members_cleanupitem_once"),
            models.UniqueConstraint(
                fields=["membership"], condition=Q(state="open"), name="members_cleanupitem_one_open"
            ),
            models.CheckConstraint(condition=Q(state__in=ItemState.values), name="members_cleanupitem_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.membership_id} on {self.run_id}"


class CleanupExemption(models.Model):
    """Somebody whom clean-ups of a group spare, until a date or for good."""

    membership = models.OneToOneField("members.Membership", on_delete=models.CASCADE, related_name="cleanup_exemption")
    reason = models.CharField(_("reason"), max_length=200)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    since = models.DateTimeField()
    granted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = CleanupExemptionQuerySet.as_manager()

    def __str__(self) -> str:
        return self.reason
