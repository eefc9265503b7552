"""Figures of each group by day, and what was made of them."""

from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from groups.models import Group, HealthStage


class DailyGroupStat(models.Model):
    """What happened in a group on one local day. A day on which nothing happened has no row; its figures are zero.

    Counted from events, memberships and deliveries, and always equal to what counting them again gives
    (analytics.health.counting says how). `members` were present when the day ended; it holds until the next row.
    """

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="daily_stats")
    day = models.DateField()
    members = models.PositiveIntegerField(help_text="present at the end of the day")
    joined = models.PositiveIntegerField(help_text="first seen in the group on this day")
    left = models.PositiveIntegerField(help_text="gone since this day")
    active = models.PositiveIntegerField(help_text="members who did anything but leave")
    speakers = models.PositiveIntegerField(help_text="members who wrote, asked or answered")
    messages = models.PositiveIntegerField()
    questions = models.PositiveIntegerField()
    answers = models.PositiveIntegerField()
    likes = models.PositiveIntegerField()
    check_ins = models.PositiveIntegerField()
    orders = models.PositiveIntegerField()
    posts = models.PositiveIntegerField(help_text="deliveries that were sent")
    staff = models.PositiveIntegerField(help_text="what members who own or administer the group wrote and liked")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "day"], name="analytics_dailygroupstat_once")]
        indexes = [
            models.Index(fields=["day", "group"], name="analytics_dailygroupstat_day"),
            # What reports add up over the days of all groups, to be read without the rows: 33 bytes each in SQLite.
            models.Index(
                fields=[
                    *("group", "day", "active", "joined", "orders", "messages"),
                    *("members", "left", "posts", "staff", "answers"),
                ],
                name="analytics_dailygroupstat_sums",
            ),
            # The few days on which somebody came or went.
            models.Index(
                fields=["day", "group", "joined", "left"],
                condition=Q(joined__gt=0) | Q(left__gt=0),
                name="analytics_dailygroupstat_flow",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group_id} on {self.day}"

    @property
    def interactions(self) -> int:
        """What the brand did in the group: posts sent, and what its staff among the members did."""
        return self.posts + self.staff


class Alarm(models.IntegerChoices):
    NONE = 0, pgettext_lazy("health", "Nothing to do")
    LOOK = 1, pgettext_lazy("health", "Have a look")
    ACT = 2, pgettext_lazy("health", "Act now")


class GroupHealth(models.Model):
    """What a group's figures up to the end of a day said.

    `verdict` is what this day alone says; `stage` changes once two days in a row say the same, and stands `since` the
    first of them. `reasons` are `{"code": ..., figures}`, see analytics.health.reasons for their words. Rows are
    written once and stay as they were decided, also when thresholds change later.
    """

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="health")
    day = models.DateField()
    verdict = models.CharField(max_length=10, choices=HealthStage)
    stage = models.CharField(max_length=10, choices=HealthStage)
    since = models.DateField()
    warning = models.PositiveSmallIntegerField(choices=Alarm)
    noise = models.FloatField(help_text="messages a day for each member present, over seven days")
    reasons = models.JSONField(default=list)

    class Meta:
        ordering = ["group_id", "-day"]
        constraints = [
            models.UniqueConstraint(fields=["group", "day"], name="analytics_grouphealth_once"),
            models.CheckConstraint(
                condition=Q(stage__in=HealthStage.values, verdict__in=HealthStage.values),
                name="analytics_grouphealth_stage_known",
            ),
            models.CheckConstraint(condition=Q(warning__in=Alarm.values), name="analytics_grouphealth_warning_known"),
        ]
        indexes = [models.Index(fields=["day", "-warning", "group"], name="analytics_grouphealth_day")]

    def __str__(self) -> str:
        return f"{self.group_id} {self.stage} on {self.day}"


class FiguresChange(models.Model):
    """Some days of some groups, from `first` to `last`, were counted or judged anew.

    Copies of the figures learn here what to read anew (analytics.health.kept). Written under the lock of those who
    count, so a lower number never appears after a higher one. By its `key` a copy knows its own database again.
    """

    key = models.UUIDField(default=uuid4)
    groups = models.JSONField(default=list)
    first = models.DateField()
    last = models.DateField()

    def __str__(self) -> str:
        return f"{len(self.groups)} groups, {self.first} to {self.last}"


class HealthWalk(models.Model):
    """How far the nightly walk over all groups has come; one row. A walk that was killed goes on where it stopped.

    `day` is the last day that is judged for every group, `going` the one at work, `position` the last group done.
    Events up to number `settled_event` are in the figures for certain; `seen_event` was the newest at `seen_at`, when
    some with lower numbers may still have been on their way into the table. `settled_move` and `seen_move` are the same
    for events that were moved or taken back.

    `zone` is whose midnights divide the days. After it has changed every group is counted anew, and `recounted` is the
    last one that was; empty when that is done.
    """

    day = models.DateField(null=True)
    going = models.DateField(null=True)
    position = models.BigIntegerField(default=0)
    settled_event = models.BigIntegerField(default=0)
    seen_event = models.BigIntegerField(default=0)
    settled_move = models.BigIntegerField(default=0)
    seen_move = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField(null=True)
    zone = models.CharField(max_length=60, blank=True)
    recounted = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"health up to {self.day}"
