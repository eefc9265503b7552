"""Tags and who has them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from members.tags.querysets import TagQuerySet


class Tag(models.Model):
    """A word for members. With a branch it is that branch's own. With a `rule` (see members.segments) the product puts
    it on and takes it off by itself."""

    name = models.CharField(_("name"), max_length=40)
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="member_tags")
    rule = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField()

    objects = TagQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["branch", "name"], name="members_tag_name"),
            # Empty branches do not count as equal, so the shared names need a constraint of their own.
            models.UniqueConstraint(fields=["name"], condition=Q(branch=None), name="members_tag_name_shared"),
        ]

    def __str__(self) -> str:
        return self.name


class TagSource(models.TextChoices):
    HAND = "hand", pgettext_lazy("tag", "By hand")
    RULE = "rule", pgettext_lazy("tag", "By its rule")
    API = "api", pgettext_lazy("tag", "By another system")


class MemberTag(models.Model):
    """A tag on a member."""

    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="member_tags")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="member_tags")
    source = models.CharField(max_length=6, choices=TagSource, default=TagSource.HAND)
    since = models.DateTimeField()
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member", "tag"], name="members_membertag_once"),
            models.CheckConstraint(condition=Q(source__in=TagSource.values), name="members_membertag_source_known"),
        ]
        indexes = [models.Index(fields=["tag", "member"], name="members_membertag_tag")]

    def __str__(self) -> str:
        return f"{self.tag_id} on {self.member_id}"
