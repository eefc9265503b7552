"""Fixed-time posts: the rule, its planned occurrences, and the groups they go to. Deliveries lie in their own app."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from campaigns.posts.querysets import OccurrenceQuerySet, PostQuerySet
from delivery.models import Message, Missed
from groups.models import Group, Permission


class PostState(models.TextChoices):
    ACTIVE = "active", _("Active")
    PAUSED = "paused", _("Paused")
    STOPPED = "stopped", _("Stopped")
    FINISHED = "finished", _("Finished")


class Post(models.Model):
    """What is said, to which groups, and when: once (`at`) or by an RFC 5545 rule on the local clock of `timezone`."""

    title = models.CharField(_("title"), max_length=200)
    body = models.TextField(_("text"), max_length=5000)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="posts")
    created_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=PostState, default=PostState.ACTIVE)
    at = models.DateTimeField(_("time"), null=True, blank=True)
    rrule = models.CharField(_("recurrence"), max_length=500, blank=True)
    start_local = models.CharField(max_length=19, blank=True, help_text="first local time, ISO 8601 without an offset")
    timezone = models.CharField(_("time zone"), max_length=60)
    missed = models.CharField(_("when the time was missed"), max_length=10, choices=Missed, default=Missed.LATE)
    late_minutes = models.PositiveIntegerField(_("grace period in minutes"), default=30)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="+", help_text="title and text as sent")
    planned_until = models.DateTimeField(help_text="occurrences up to here exist")
    plan_again_at = models.DateTimeField(null=True, blank=True, help_text="empty: there are no more to come")
    groups: models.ManyToManyField[Group, PostGroup] = models.ManyToManyField(
        Group, through="PostGroup", related_name="posts"
    )

    objects = PostQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(at__isnull=False) & Q(rrule="")) | (Q(at__isnull=True) & ~Q(rrule="")),
                name="campaigns_post_one_schedule",
            ),
        ]
        indexes = [models.Index(fields=["plan_again_at"], name="campaigns_post_to_plan", condition=Q(state="active"))]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        """Whether it can still be changed, paused or stopped."""
        return self.state in (PostState.ACTIVE, PostState.PAUSED)

    def is_out_of_reach_of(self, user: User) -> bool:
        """Whether it also goes to groups of other branches: a branch cannot stop what others wait for."""
        # Not by self.groups, which a page may have narrowed to what the person sees.
        if user.branch_id is None:
            return False
        return PostGroup.objects.filter(post=self).exclude(group__branch_id=user.branch_id).exists()

    def refused_groups(self, user: User) -> list[str]:
        """The names of its groups to which this person's roles do not let them post."""
        permitted = Group.objects.permitted(user, Permission.POST)
        groups = Group.objects.filter(posts=self).exclude(pk__in=permitted.values("pk"))
        return list(groups.order_by("name", "pk").values_list("name", flat=True))

    def may_be_changed_by(self, user: User) -> bool:
        """Only who may write, reaches every group of the post, and may post to each."""
        if not user.may_write or self.is_out_of_reach_of(user):
            return False
        return user.is_admin or not self.refused_groups(user)


class PostGroup(models.Model):
    post = models.ForeignKey(Post, on_delete=models.CASCADE)
    group = models.ForeignKey(Group, on_delete=models.CASCADE)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["post", "group"], name="campaigns_postgroup_once")]

    def __str__(self) -> str:
        return f"{self.post_id} to {self.group_id}"


class Occurrence(models.Model):
    """One planned moment of a post. `local` is its identity: a rule that is planned twice makes it once."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="occurrences")
    local = models.CharField(max_length=19, help_text="local time of the post's zone, ISO 8601")
    due_at = models.DateTimeField()

    objects = OccurrenceQuerySet.as_manager()

    class Meta:
        ordering = ["due_at"]
        constraints = [models.UniqueConstraint(fields=["post", "local"], name="campaigns_occurrence_once")]
        indexes = [models.Index(fields=["due_at"], name="campaigns_occurrence_due")]

    def __str__(self) -> str:
        return self.local
