"""Saved filters, and how many members they held day by day."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Branch, User
from members.segments.querysets import MemberListQuerySet, SegmentQuerySet


class Segment(models.Model):
    """A filter of members with a name. With a branch it is that branch's own, without one it is shared by all; either
    way each person sees only the members that they may see. `definition` is in the language of filters.py."""

    name = models.CharField(_("name"), max_length=60)
    branch = models.ForeignKey(
        Branch, verbose_name=_("branch"), null=True, blank=True, on_delete=models.CASCADE, related_name="segments"
    )
    owner = models.ForeignKey(
        User, verbose_name=_("owner"), null=True, blank=True, on_delete=models.SET_NULL, related_name="segments"
    )
    definition = models.JSONField()
    version = models.PositiveIntegerField(default=1, help_text="grows with each change, so that forms notice others'")
    created_at = models.DateTimeField()

    objects = SegmentQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["branch", "name"], name="members_segment_name"),
            # Empty branches do not count as equal, so the shared names need a constraint of their own.
            models.UniqueConstraint(fields=["name"], condition=Q(branch=None), name="members_segment_name_shared"),
        ]

    def __str__(self) -> str:
        return self.name

    def may_be_changed_by(self, user: User) -> bool:
        """Headquarters changes every segment, a branch its own."""
        return user.may_write and (user.branch_id is None or user.branch_id == self.branch_id)


class SegmentCount(models.Model):
    """How many members a segment held at the end of a local day: all of them, or of one branch's staff's view."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="counts")
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    members = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["segment", "branch", "day"], name="members_segmentcount_once"),
            models.UniqueConstraint(
                fields=["segment", "day"], condition=Q(branch=None), name="members_segmentcount_once_whole"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.day}: {self.members}"


class MemberList(models.Model):
    """Members who were kept as they stood at one moment, as those behind a number of a report. Definitions of segments
    name it (the field `listed`); with the last that does, it goes. `branch` as of a segment."""

    name = models.CharField(max_length=60)
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="member_lists")
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    objects = MemberListQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name


class ListedMember(models.Model):
    list = models.ForeignKey(MemberList, on_delete=models.CASCADE, related_name="entries", db_index=False)
    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="listed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["list", "member"], name="members_listedmember_once")]

    def __str__(self) -> str:
        return f"{self.member_id} on {self.list_id}"
