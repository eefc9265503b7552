"""Activities, who comes to them, what members are told about them, and what they thought of them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from campaigns.activities.querysets import ActivityQuerySet, NoticeQuerySet, ReviewQuerySet, SignUpQuerySet
from delivery.models import Picture
from groups.models import Group, Permission
from members.models import Member

STARS = range(1, 6)


class ActivityKind(models.TextChoices):
    LECTURE = "lecture", pgettext_lazy("activity", "Lecture")
    COURSE = "course", pgettext_lazy("activity", "Live course")
    SHARING = "sharing", pgettext_lazy("activity", "Sharing")
    MEETING = "meeting", pgettext_lazy("activity", "Offline meeting")
    TOPIC = "topic", pgettext_lazy("activity", "Topic")
    OTHER = "other", pgettext_lazy("activity", "Other")


class Decided(models.TextChoices):
    """What people decided about an activity; the rest of its state follows from the time and the places."""

    DRAFT = "draft", pgettext_lazy("activity", "Draft")
    OPEN = "open", pgettext_lazy("activity", "Open")
    CANCELLED = "cancelled", pgettext_lazy("activity", "Cancelled")


class ActivityState(models.TextChoices):
    DRAFT = "draft", pgettext_lazy("activity", "Draft")
    OPEN = "open", pgettext_lazy("activity", "Open")
    FULL = "full", pgettext_lazy("activity", "Full")
    RUNNING = "running", pgettext_lazy("activity", "Running")
    OVER = "over", pgettext_lazy("activity", "Over")
    CANCELLED = "cancelled", pgettext_lazy("activity", "Cancelled")


class Activity(models.Model):
    """Something at a time, online (`link`) or at a `place`, to which the members of its groups are invited.

    A draft may lack its times. Instants are kept; `timezone` says on which clock people read them. Without `capacity`
    everybody who wants to has a place. `questions` are asked at sign-up, as texts. `organiser` is asked for attendance
    and for the review. `follows` is the activity of which this is the copy a week later.
    """

    title = models.CharField(_("title"), max_length=200)
    text = models.TextField(_("text"), max_length=5000, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=ActivityKind, default=ActivityKind.OTHER)
    picture = models.ForeignKey(
        Picture, verbose_name=_("picture"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    link = models.CharField(_("link"), max_length=500, blank=True)
    place = models.CharField(pgettext_lazy("activity", "place"), max_length=200, blank=True)
    directions = models.CharField(_("how to get there"), max_length=500, blank=True)
    groups = models.ManyToManyField(Group, verbose_name=_("groups"), related_name="activities")
    timezone = models.CharField(_("time zone"), max_length=60)
    starts_at = models.DateTimeField(_("begins"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)
    opens_at = models.DateTimeField(_("sign-up from"), null=True, blank=True)
    closes_at = models.DateTimeField(_("sign-up until"), null=True, blank=True)
    capacity = models.PositiveIntegerField(_("places"), null=True, blank=True)
    has_waiting_list = models.BooleanField(_("waiting list"), default=True)
    walk_ins = models.BooleanField(_("walk-ins"), default=False)
    questions = models.JSONField(_("questions"), default=list, blank=True)
    reminds_day_before = models.BooleanField(_("reminder the day before"), default=True)
    reminds_hour_before = models.BooleanField(_("reminder an hour before"), default=True)
    reminds_groups = models.BooleanField(_("reminder in the groups"), default=True)
    reminder = models.CharField(_("text of the reminder"), max_length=1000, blank=True)
    points = models.PositiveIntegerField(_("points for coming"), default=0)
    decided = models.CharField(_("state"), max_length=10, choices=Decided, default=Decided.DRAFT)
    cancel_reason = models.CharField(_("reason"), max_length=300, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    organiser = models.ForeignKey(
        User, verbose_name=_("organised by"), null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    follows = models.OneToOneField("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="next_week")
    closed_at = models.DateTimeField(null=True, blank=True, help_text="when what follows the end was done")
    version = models.PositiveIntegerField(default=1, help_text="grows with each change, so that two editors notice")

    objects = ActivityQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ActivityKind.values), name="campaigns_activity_kind_known"),
            models.CheckConstraint(condition=Q(decided__in=Decided.values), name="campaigns_activity_decided_known"),
            models.CheckConstraint(
                condition=~Q(decided="open") | Q(starts_at__isnull=False, ends_at__isnull=False),
                name="campaigns_activity_open_has_times",
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at__gt=F("starts_at")), name="campaigns_activity_ends_later"
            ),
            models.CheckConstraint(
                condition=Q(capacity=None) | Q(capacity__gt=0), name="campaigns_activity_places_positive"
            ),
        ]
        indexes = [
            models.Index(fields=["starts_at"], name="campaigns_activity_starts"),
            models.Index(
                fields=["ends_at"], name="campaigns_activity_to_close", condition=Q(decided="open", closed_at=None)
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def signup_ends_at(self) -> datetime | None:
        """Sign-up ends when staff say so, at the latest when it begins."""
        return self.closes_at or self.starts_at

    def state_at(self, now: datetime, taken: int) -> ActivityState:
        """The state that members and staff read, `taken` being how many places are."""
        if self.decided != Decided.OPEN:
            return ActivityState(self.decided)
        assert self.starts_at is not None
        assert self.ends_at is not None
        if now >= self.ends_at:
            return ActivityState.OVER
        if now >= self.starts_at:
            return ActivityState.RUNNING
        return ActivityState.FULL if self.capacity is not None and taken >= self.capacity else ActivityState.OPEN

    def takes_signups(self, now: datetime) -> bool:
        """Whether sign-up is open: there may still be no place."""
        until = self.signup_ends_at
        begun = self.opens_at is None or now >= self.opens_at
        return self.decided == Decided.OPEN and begun and until is not None and now < until

    def may_be_changed_by(self, user: User) -> bool:
        """Only who may write, and may post to every group of it: its announcements go there."""
        if not user.may_write:
            return False
        groups = Group.objects.filter(activities=self)
        permitted = Group.objects.visible_to(user).permitted(user, Permission.POST)
        return not groups.exclude(pk__in=permitted.values("pk")).exists()


class SignUpState(models.TextChoices):
    GOING = "going", pgettext_lazy("sign-up", "Has a place")
    WAITING = "waiting", pgettext_lazy("sign-up", "Waiting list")
    CANCELLED = "cancelled", pgettext_lazy("sign-up", "Cancelled")
    ATTENDED = "attended", pgettext_lazy("sign-up", "Came")
    MISSED = "missed", pgettext_lazy("sign-up", "Missed it")


# Whoever came or missed it had a place.
HAS_PLACE = (SignUpState.GOING, SignUpState.ATTENDED, SignUpState.MISSED)


class SignUp(models.Model):
    """A member and an activity: one row, whatever becomes of it. The waiting list is first come, first served by
    `signed_at`. `taken_back` counts how often attendance was taken back, so that each time is booked once."""

    activity = models.ForeignKey(Activity, on_delete=models.CASCADE, related_name="signups")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="activity_signups")
    group = models.ForeignKey(Group, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(_("state"), max_length=10, choices=SignUpState, default=SignUpState.GOING)
    signed_at = models.DateTimeField(_("signed up"))
    moved_up_at = models.DateTimeField(_("moved up"), null=True, blank=True)
    attended_at = models.DateTimeField(pgettext_lazy("sign-up", "came"), null=True, blank=True)
    answers = models.JSONField(_("answers"), default=list, blank=True)
    is_walk_in = models.BooleanField(_("walk-in"), default=False)
    taken_back = models.PositiveSmallIntegerField(default=0)

    objects = SignUpQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["activity", "member"], name="campaigns_signup_once"),
            models.CheckConstraint(condition=Q(state__in=SignUpState.values), name="campaigns_signup_state_known"),
            models.CheckConstraint(
                condition=Q(state="attended", attended_at__isnull=False) | (~Q(state="attended") & Q(attended_at=None)),
                name="campaigns_signup_came_at_a_time",
            ),
        ]
        indexes = [models.Index(fields=["activity", "state", "signed_at"], name="campaigns_signup_places")]

    def __str__(self) -> str:
        return f"{self.member_id} to {self.activity_id}"

    @property
    def has_place(self) -> bool:
        return self.state in HAS_PLACE

    @property
    def is_standing(self) -> bool:
        """As in SignUpQuerySet.standing()."""
        return self.state in (SignUpState.GOING, SignUpState.WAITING)


class ReminderKind(models.TextChoices):
    DAY = "day", pgettext_lazy("reminder", "The day before")
    HOUR = "hour", pgettext_lazy("reminder", "An hour before")


class ActivityReminder(models.Model):
    """A reminder that is due. It is given once: `done_at` is set by whoever gives it, in the same transaction."""

    activity = models.ForeignKey(Activity, on_delete=models.CASCADE, related_name="reminders")
    kind = models.CharField(max_length=4, choices=ReminderKind)
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["activity", "kind"], name="campaigns_reminder_once"),
            models.CheckConstraint(condition=Q(kind__in=ReminderKind.values), name="campaigns_reminder_kind_known"),
        ]
        indexes = [models.Index(fields=["due_at"], name="campaigns_reminder_due", condition=Q(done_at=None))]

    def __str__(self) -> str:
        return f"{self.kind} of {self.activity_id}"


class NoticeKind(models.TextChoices):
    DAY = "day", pgettext_lazy("notice", "It is tomorrow")
    HOUR = "hour", pgettext_lazy("notice", "It begins in an hour")
    MOVED_UP = "moved_up", pgettext_lazy("notice", "A place became free: you are in")
    MOVED = "moved", pgettext_lazy("notice", "The time has changed")
    CANCELLED = "cancelled", pgettext_lazy("notice", "It does not take place")
    TAKEN_OFF = "taken_off", pgettext_lazy("notice", "The team took you off the list")


class ActivityNotice(models.Model):
    """Something that the pages of one member tell about an activity. `about` makes it one notice however often it is
    given: a reminder names the time that it reminds of."""

    signup = models.ForeignKey(SignUp, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=10, choices=NoticeKind)
    about = models.CharField(max_length=40)
    at = models.DateTimeField()

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["signup", "kind", "about"], name="campaigns_notice_once"),
            models.CheckConstraint(condition=Q(kind__in=NoticeKind.values), name="campaigns_notice_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.signup_id}"


class ActivityReview(models.Model):
    """What a member thought of an activity: 1 to 5 stars, and words where they have any."""

    activity = models.ForeignKey(Activity, on_delete=models.CASCADE, related_name="reviews")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="activity_reviews")
    group = models.ForeignKey(Group, null=True, on_delete=models.SET_NULL, related_name="+")
    stars = models.PositiveSmallIntegerField(_("stars"))
    text = models.TextField(_("review"), max_length=1000, blank=True)
    created_at = models.DateTimeField(_("written"))
    changed_at = models.DateTimeField(null=True, blank=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["activity", "member"], name="campaigns_review_once"),
            models.CheckConstraint(condition=Q(stars__gte=1, stars__lte=5), name="campaigns_review_stars"),
        ]

    def __str__(self) -> str:
        return f"{self.stars} of 5 by {self.member_id}"
