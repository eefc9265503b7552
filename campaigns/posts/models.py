"""Fixed-time posts: the rule, its planned occurrences, and the groups they go to. Deliveries lie in their own app."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from campaigns.content.models import Piece, Series
from campaigns.posts.querysets import OccurrenceQuerySet, PostQuerySet
from delivery.models import Message, Missed, Picture, Value
from groups.models import Group, Permission


class PostState(models.TextChoices):
    ACTIVE = "active", _("Active")
    PAUSED = "paused", _("Paused")
    STOPPED = "stopped", _("Stopped")
    FINISHED = "finished", _("Finished")


class Holidays(models.TextChoices):
    """What a recurring post does on a day off."""

    SEND = "send", pgettext_lazy("holidays", "Goes out as always")
    SKIP = "skip", pgettext_lazy("holidays", "Is left out")
    NEXT = "next", pgettext_lazy("holidays", "Goes out on the next working day")


class Post(models.Model):
    """What is said, to which groups, and when.

    What: its own title and text, a `piece` of the library, or the next piece of a `series`.
    To which: the groups listed, or, with an `audience`, those that match it in the moment of sending (the language of
    campaigns/posts/audience.py); the groups listed are then those that matched when it was last asked.
    When: once (`at`); by an RFC 5545 rule on the local clock of `timezone`, at the time of day of `start_local` or at
    each of `slots` ("09:00"); or, with a `scene`, on the day of a festival every year, `scene_days` days off it.
    `follows` is the post whose later times this one took over.
    """

    title = models.CharField(_("title"), max_length=200)
    body = models.TextField(_("text"), max_length=5000, blank=True)
    link = models.CharField(_("link"), max_length=500, blank=True)
    link_title = models.CharField(_("words of the link"), max_length=100, blank=True)
    picture = models.ForeignKey(
        Picture, verbose_name=_("picture"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    value = models.CharField(_("value"), max_length=12, choices=Value, blank=True)
    piece = models.ForeignKey(
        Piece, verbose_name=_("piece"), null=True, blank=True, on_delete=models.PROTECT, related_name="posts"
    )
    series = models.ForeignKey(
        Series, verbose_name=_("series"), null=True, blank=True, on_delete=models.PROTECT, related_name="posts"
    )
    audience = models.JSONField(null=True, blank=True, help_text="a filter of groups; null: the groups listed")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="posts")
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1, help_text="grows with each change, so that two editors notice")
    state = models.CharField(max_length=10, choices=PostState, default=PostState.ACTIVE)
    at = models.DateTimeField(_("time"), null=True, blank=True)
    rrule = models.CharField(_("recurrence"), max_length=500, blank=True)
    start_local = models.CharField(max_length=19, blank=True, help_text="first local time, ISO 8601 without an offset")
    slots = models.JSONField(default=list, blank=True, help_text="times of day, HH:MM; empty: that of start_local")
    scene = models.CharField(_("festival"), max_length=40, blank=True)
    scene_days = models.SmallIntegerField(default=0, help_text="days after the festival; negative: before")
    holidays = models.CharField(_("on holidays"), max_length=5, choices=Holidays, default=Holidays.SEND)
    keeps_limits = models.BooleanField(
        _("keeps quiet hours and daily limit"), default=True, help_text="what would break them is skipped"
    )
    timezone = models.CharField(_("time zone"), max_length=60)
    missed = models.CharField(_("when the time was missed"), max_length=10, choices=Missed, default=Missed.LATE)
    late_minutes = models.PositiveIntegerField(_("grace period in minutes"), default=30)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="+", help_text="title and text as sent")
    planned_until = models.DateTimeField(help_text="occurrences up to here exist")
    plan_again_at = models.DateTimeField(null=True, blank=True, help_text="empty: there are no more to come")
    follows = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="followed_by")
    groups: models.ManyToManyField[Group, PostGroup] = models.ManyToManyField(
        Group, through="PostGroup", related_name="posts"
    )

    objects = PostQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(at__isnull=False, rrule="", scene="")
                | (Q(at=None, scene="") & ~Q(rrule=""))
                | (Q(at=None, rrule="") & ~Q(scene="")),
                name="campaigns_post_one_schedule",
            ),
            models.CheckConstraint(
                condition=Q(piece=None) | Q(series=None),
                name="campaigns_post_one_source",
            ),
            models.CheckConstraint(condition=Q(value__in=["", *Value.values]), name="campaigns_post_value_known"),
            models.CheckConstraint(condition=Q(holidays__in=Holidays.values), name="campaigns_post_holidays_known"),
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
    """One planned moment of a post. `local` is its identity: a rule that is planned twice makes it once.

    A person may move it (`due_at` then differs from `local`), give it other words (`message`) or call it off; with
    `by_hand` a new planning of its post leaves it as it is. `piece` is what was drawn for it from the post's series.
    `resolved_at`: every group that gets it has its delivery. It stays empty until the time has come where an audience
    is asked once more then, or a series had nothing to draw.
    """

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="occurrences")
    local = models.CharField(max_length=19, help_text="local time of the post's zone, ISO 8601")
    due_at = models.DateTimeField()
    message = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="empty: the post's"
    )
    piece = models.ForeignKey(Piece, null=True, blank=True, on_delete=models.SET_NULL, related_name="occurrences")
    by_hand = models.BooleanField(default=False)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    is_filling = models.BooleanField(default=False, help_text="some of its deliveries are not written yet")

    objects = OccurrenceQuerySet.as_manager()

    class Meta:
        ordering = ["due_at"]
        constraints = [models.UniqueConstraint(fields=["post", "local"], name="campaigns_occurrence_once")]
        indexes = [
            models.Index(fields=["due_at"], name="campaigns_occurrence_due"),
            models.Index(fields=["due_at"], name="campaigns_occurrence_open", condition=Q(resolved_at=None)),
            models.Index(fields=["piece", "due_at"], name="campaigns_occurrence_piece"),
            models.Index(fields=["due_at"], name="campaigns_occurrence_filling", condition=Q(is_filling=True)),
        ]

    def __str__(self) -> str:
        return self.local


class DayKind(models.TextChoices):
    OFF = "off", pgettext_lazy("day", "Day off")
    WORKING = "working", pgettext_lazy("day", "Working day (moved)")


class SpecialDay(models.Model):
    """A day on which the brand does not work, or works although it is a weekend. Public holidays are decreed year by
    year, so administrators enter them; with a branch it holds for that branch alone."""

    day = models.DateField(_("day"))
    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(_("kind"), max_length=8, choices=DayKind, default=DayKind.OFF)
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="special_days")

    class Meta:
        ordering = ["day", "id"]
        constraints = [
            models.UniqueConstraint(fields=["day", "branch"], name="campaigns_specialday_once"),
            models.UniqueConstraint(fields=["day"], condition=Q(branch=None), name="campaigns_specialday_once_shared"),
            models.CheckConstraint(condition=Q(kind__in=DayKind.values), name="campaigns_specialday_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.name}"


class SceneCalendar(models.TextChoices):
    SOLAR = "solar", pgettext_lazy("calendar", "Every year, by the sun")
    LUNAR = "lunar", pgettext_lazy("calendar", "Every year, by the moon")
    ONCE = "once", pgettext_lazy("calendar", "One day only")


class Scene(models.Model):
    """An occasion of the brand's own on the marketing calendar, beside the festivals that the product knows
    (campaigns/posts/scenes.py): an anniversary, a hot topic."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=60)
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="scenes")
    calendar = models.CharField(_("calendar"), max_length=6, choices=SceneCalendar, default=SceneCalendar.SOLAR)
    month = models.PositiveSmallIntegerField(_("month"), null=True, blank=True)
    day = models.PositiveSmallIntegerField(_("day"), null=True, blank=True)
    on = models.DateField(_("date"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(calendar="once", on__isnull=False)
                | Q(calendar__in=["solar", "lunar"], month__isnull=False, day__isnull=False),
                name="campaigns_scene_has_its_day",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class GroupSending(models.Model):
    """What a group decides otherwise than the community (campaigns/posts/limits.py). Empty: as the community."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="sending")
    daily_quota = models.PositiveSmallIntegerField(_("posts a day at most"), null=True, blank=True)
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None) | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="campaigns_groupsending_whole_hours",
            ),
        ]

    def __str__(self) -> str:
        return f"sending to {self.group_id}"
