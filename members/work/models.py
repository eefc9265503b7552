"""Tasks for staff."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from members.work.querysets import StaffTaskQuerySet


class TaskState(models.TextChoices):
    OPEN = "open", pgettext_lazy("task", "Open")
    DONE = "done", pgettext_lazy("task", "Done")
    SKIPPED = "skipped", pgettext_lazy("task", "Not needed")
    CANCELLED = "cancelled", pgettext_lazy("task", "Cancelled")


class StaffTask(models.Model):
    """Something a person has to do, because no call of WeChat does it or because only a person can judge it.

    `kind` is a TaskKind of members.work.kinds, which knows the words and what follows when it is settled. `key` says
    what the task is about once and for all: a second task with it is the same task. `subject_id` is the number of
    the row it is about, of a table that the kind knows. Whose staff see it: `branch`; empty is headquarters.
    """

    kind = models.SlugField(max_length=40)
    key = models.CharField(max_length=200, unique=True)
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    group = models.ForeignKey("groups.Group", null=True, blank=True, on_delete=models.CASCADE, related_name="tasks")
    member = models.ForeignKey(
        "members.Member", null=True, blank=True, on_delete=models.CASCADE, related_name="staff_tasks"
    )
    subject_id = models.BigIntegerField(null=True, blank=True)
    data = models.JSONField(default=dict, blank=True)
    assignee = models.ForeignKey(
        User, verbose_name=_("for"), null=True, blank=True, on_delete=models.SET_NULL, related_name="staff_tasks"
    )
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(_("due"))
    state = models.CharField(max_length=10, choices=TaskState, default=TaskState.OPEN)
    outcome = models.CharField(max_length=40, blank=True, help_text="one of the kind's outcomes")
    note = models.CharField(_("note"), max_length=500, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects = StaffTaskQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=TaskState.values), name="members_stafftask_state_known"),
            models.CheckConstraint(
                condition=Q(state="open", settled_at=None) | (~Q(state="open") & Q(settled_at__isnull=False)),
                name="members_stafftask_settled",
            ),
        ]
        indexes = [
            models.Index(fields=["branch", "due_at"], condition=Q(state="open"), name="members_stafftask_open"),
            models.Index(fields=["kind", "subject_id"], name="members_stafftask_subject"),
        ]

    def __str__(self) -> str:
        about = [str(about) for about in (self.member, self.group) if about]
        return " · ".join(about) or str(self.data.get("text", ""))
