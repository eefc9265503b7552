"""Questions of report pages under a name, and who has which of them on the dashboard."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from analytics.saved.querysets import PinQuerySet, SavedReportQuerySet

MOST_PINS = 12


class Sharing(models.TextChoices):
    OWNER = "owner", pgettext_lazy("shared with", "Only me")
    BRANCH = "branch", pgettext_lazy("shared with", "My branch")
    ALL = "all", pgettext_lazy("shared with", "Everybody")


class SavedReport(models.Model):
    """A question of a report page, as its address asks it: "the last 30 days" stay the last 30 days.

    `branch` is that of the owner when it was last saved; sharing it shares the question only. A deleted one is kept
    for a day, so that it can be brought back.
    """

    owner = models.ForeignKey(User, verbose_name=_("owner"), on_delete=models.CASCADE, related_name="saved_reports")
    branch = models.ForeignKey(
        Branch, verbose_name=_("branch"), null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    name = models.CharField(_("name"), max_length=80)
    kind = models.SlugField(max_length=40, help_text="a report of analytics.saved.registry")
    question = models.TextField(blank=True, max_length=8000, help_text="the query of the report's address")
    sharing = models.CharField(
        pgettext_lazy("report", "shared with"), max_length=10, choices=Sharing, default=Sharing.OWNER
    )
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1, help_text="grows with each change, so that two editors notice")

    objects = SavedReportQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(sharing__in=Sharing.values), name="analytics_savedreport_sharing_known"),
            models.CheckConstraint(condition=~Q(name=""), name="analytics_savedreport_named"),
        ]

    def __str__(self) -> str:
        return self.name

    def may_be_changed_by(self, user: User) -> bool:
        """Its owner, also a manager; and administrators of headquarters, who tidy up after those who left."""
        return user.pk == self.owner_id or (user.is_admin and user.is_headquarters)


class Pin(models.Model):
    """A report on somebody's dashboard: their own, or one that is shared with them."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="pins")
    report = models.ForeignKey(SavedReport, on_delete=models.CASCADE, related_name="pins")
    position = models.PositiveSmallIntegerField()

    objects = PinQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "report"], name="analytics_pin_once"),
            models.CheckConstraint(condition=Q(position__lt=MOST_PINS), name="analytics_pin_few"),
        ]

    def __str__(self) -> str:
        return f"{self.report_id} at {self.position}"
