"""Who gets the digest and when, and each letter: one a person and week, and those that a person asked for at once."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User


class Digest(models.Model):
    """What a person chose. `hour` is on the clock of the community; nothing that was due before `since` is sent."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="digest")
    is_on = models.BooleanField(pgettext_lazy("digest", "sent"), default=False)
    address = models.EmailField(_("e-mail address"), blank=True)
    weekday = models.PositiveSmallIntegerField(_("day"), default=0, help_text="0 is Monday")
    hour = models.PositiveSmallIntegerField(_("hour"), default=8)
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(weekday__lt=7, hour__lt=24), name="analytics_digest_time_known"),
            models.CheckConstraint(condition=Q(is_on=False) | ~Q(address=""), name="analytics_digest_addressed"),
        ]

    def __str__(self) -> str:
        return str(self.user)


class MailState(models.TextChoices):
    DUE = "due", pgettext_lazy("letter", "Waits to be sent")
    WRITING = "writing", pgettext_lazy("letter", "Is being written")
    SENDING = "sending", pgettext_lazy("letter", "Is being sent")
    SENT = "sent", pgettext_lazy("letter", "Sent")
    FAILED = "failed", pgettext_lazy("letter", "Refused by the mail server")
    UNKNOWN = "unknown", pgettext_lazy("letter", "Perhaps sent")
    SKIPPED = "skipped", pgettext_lazy("letter", "Not sent")


class DigestMail(models.Model):
    """A letter. `week` is the Monday of the week in which it was due, `tries` tells one try from the next.

    With `asked_at` it is one that the person had sent at once: it says what the letter of `due_at` says, and stands
    beside that one.

    Written, it may be written again; from SENDING on nobody but the mail server knows whether it left, so what is
    found there later is UNKNOWN and sent again by the person only.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="digest_mails")
    week = models.DateField()
    due_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=MailState, default=MailState.DUE)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(help_text="not tried before")
    changed_at = models.DateTimeField()
    reason = models.CharField(max_length=60, blank=True, help_text="a code: what the mail server or the network said")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "week"], condition=Q(asked_at=None), name="analytics_digestmail_once"
            ),
            models.CheckConstraint(condition=Q(state__in=MailState.values), name="analytics_digestmail_state_known"),
        ]
        indexes = [
            models.Index(
                fields=["state", "next_at"],
                condition=Q(state__in=["due", "writing", "sending"]),
                name="analytics_digestmail_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in the week of {self.week}"

    @property
    def at(self) -> datetime:
        return self.asked_at or self.due_at
