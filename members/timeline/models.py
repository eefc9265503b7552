"""What staff write down about members."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Branch, User
from members.timeline.querysets import NoteQuerySet


class Note(models.Model):
    """A note about a member. It belongs to the branch of whoever wrote it: another branch never reads it."""

    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="notes")
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    text = models.TextField(_("note"), max_length=2000)
    at = models.DateTimeField()
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = NoteQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["member", "-at"], name="members_note_member"),
            models.Index(fields=["at"], name="members_note_at"),
        ]

    def __str__(self) -> str:
        return f"note {self.pk}"
