"""The text that members agree to, in versions, and their word on it."""

from __future__ import annotations

import hashlib

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from members.consent.querysets import ConsentQuerySet, ConsentTextQuerySet
from members.visitors.models import OpenedBy


class ConsentText(models.Model):
    """One version: what is kept, for what and how long. A published one never changes; the newest is in force.

    The one that is not published is the draft; its `revision` grows with each save, so that two editors notice.
    """

    version = models.PositiveSmallIntegerField(_("version"), unique=True)
    body_zh = models.TextField(_("text in Chinese"), max_length=8000)
    body_en = models.TextField(_("text in English"), max_length=8000)
    created_at = models.DateTimeField()
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    published_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    revision = models.PositiveIntegerField(default=1)

    objects = ConsentTextQuerySet.as_manager()

    class Meta:
        ordering = ["-version"]

    def __str__(self) -> str:
        return str(self.version)

    @property
    def body(self) -> str:
        """In the language of the page."""
        return self.body_zh if (get_language() or "").startswith("zh") else self.body_en

    @property
    def digest(self) -> str:
        """SHA-256 of both texts: proves later what was agreed to."""
        return hashlib.sha256(f"{self.body_zh}\0{self.body_en}".encode()).hexdigest()


class Consent(models.Model):
    """A member agreed to a version, until they take it back. `channel` is how their device was signed in."""

    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="consents")
    text = models.ForeignKey(
        ConsentText,
        verbose_name=pgettext_lazy("consent", "text"),
        on_delete=models.PROTECT,
        related_name="consents",
    )
    at = models.DateTimeField(_("agreed"))
    channel = models.CharField(_("way in"), max_length=12, choices=OpenedBy)
    digest = models.CharField(max_length=64)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["member", "text"], condition=Q(withdrawn_at=None), name="members_consent_once"
            ),
            models.CheckConstraint(condition=Q(channel__in=OpenedBy.values), name="members_consent_channel_known"),
        ]

    def __str__(self) -> str:
        return f"consent {self.pk}"
