"""Members of a group whose story shows the others what is possible."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from campaigns.posts.models import Post
from campaigns.stories.querysets import BenchmarkQuerySet
from delivery.models import Picture
from groups.models import Group
from members.models import Member


class BenchmarkState(models.TextChoices):
    NOMINATED = "nominated", pgettext_lazy("benchmark", "Nominated")
    SCHEDULED = "scheduled", pgettext_lazy("benchmark", "Scheduled")
    WITHDRAWN = "withdrawn", pgettext_lazy("benchmark", "Withdrawn")


class Benchmark(models.Model):
    """A member nominated in a group, with their story. Scheduled, it is a post; without the member's consent, which
    `consent` says in words, it never is."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="benchmarks")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="benchmarks")
    state = models.CharField(_("state"), max_length=10, choices=BenchmarkState, default=BenchmarkState.NOMINATED)
    title = models.CharField(_("title"), max_length=200, blank=True)
    story = models.TextField(_("story"), max_length=5000, blank=True)
    picture = models.ForeignKey(Picture, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    consent = models.CharField(_("consent"), max_length=200, blank=True)
    nominated_at = models.DateTimeField(_("nominated"))
    nominated_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    post = models.OneToOneField(Post, null=True, blank=True, on_delete=models.SET_NULL, related_name="benchmark")
    version = models.PositiveIntegerField(default=1, help_text="grows with each change, so that two editors notice")

    objects = BenchmarkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "member"], name="campaigns_benchmark_once"),
            models.CheckConstraint(
                condition=Q(state__in=BenchmarkState.values), name="campaigns_benchmark_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="scheduled") | (~Q(consent="") & ~Q(story="")),
                name="campaigns_benchmark_told_with_consent",
            ),
        ]

    def __str__(self) -> str:
        return str(self.member)
