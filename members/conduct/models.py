"""What is known of how members keep to the rules of their groups."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from groups.models import Action
from members.conduct.querysets import DryRunQuerySet, KeptMessageQuerySet, ViolationQuerySet


class MessageType(models.TextChoices):
    TEXT = "text", pgettext_lazy("type of message", "Text")
    IMAGE = "image", pgettext_lazy("type of message", "Picture")
    LINK = "link", pgettext_lazy("type of message", "Link")
    CARD = "card", pgettext_lazy("type of message", "Contact card")
    MINI_PROGRAM = "mini_program", pgettext_lazy("type of message", "Mini program")
    FILE = "file", pgettext_lazy("type of message", "File")
    VOICE = "voice", pgettext_lazy("type of message", "Voice")
    VIDEO = "video", pgettext_lazy("type of message", "Video")
    LOCATION = "location", pgettext_lazy("type of message", "Location")
    STICKER = "sticker", pgettext_lazy("type of message", "Sticker")
    OTHER = "other", pgettext_lazy("type of message", "Other")


class KeptMessage(models.Model):
    """The text of a message, until `delete_after`.

    A group that keeps messages keeps them for dry runs. In the others a text is held only as long as a rule that looks
    at several messages (flood, split message) may still need it, minutes as a rule.
    """

    key = models.UUIDField(unique=True, help_text="of the event")
    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="+")
    group = models.ForeignKey("groups.Group", on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    type = models.CharField(max_length=12, choices=MessageType)
    text = models.TextField()
    delete_after = models.DateTimeField()

    objects = KeptMessageQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["group", "at"], name="members_keptmessage_group"),
            models.Index(fields=["member", "group", "at"], name="members_keptmessage_recent"),
            models.Index(fields=["delete_after"], name="members_keptmessage_due"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(type__in=MessageType.values), name="members_keptmessage_type_known"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} in {self.group_id} at {self.at:%Y-%m-%d %H:%M}"


class Source(models.TextChoices):
    """Who noticed."""

    DETECTOR = "detector", pgettext_lazy("violation", "Noticed by a rule")
    REPORT = "report", pgettext_lazy("violation", "Reported by a member")
    STAFF = "staff", pgettext_lazy("violation", "Recorded by staff")


class ViolationState(models.TextChoices):
    OPEN = "open", pgettext_lazy("violation", "To check")
    CONFIRMED = "confirmed", pgettext_lazy("violation", "Confirmed")
    DISMISSED = "dismissed", pgettext_lazy("violation", "Dismissed")
    APPEALED = "appealed", pgettext_lazy("violation", "Appealed")
    UPHELD = "upheld", pgettext_lazy("violation", "Upheld")
    OVERTURNED = "overturned", pgettext_lazy("violation", "Overturned")


class Violation(models.Model):
    """A rule that a member broke in a group, with its evidence.

    One message makes one violation, however many rules it breaks and however often it arrives: `message_key` is unique.
    `rule` is the one that leads to the hardest action; `hits` lists all of them as
    `{"rule", "start", "end", "detail"}` with offsets into `text`. `context` holds the messages before, where a rule
    looks at several.

    `strikes` count from the beginning where a rule or staff noticed, and once it is confirmed where a member reported
    it; until `strike_until`. `standing` is how many were in force, these included, when `action` was decided.
    Texts are erased after `evidence_until`.
    """

    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="violations")
    group = models.ForeignKey("groups.Group", on_delete=models.CASCADE, related_name="violations")
    rule = models.ForeignKey("groups.Rule", on_delete=models.PROTECT, related_name="violations")
    source = models.CharField(_("noticed by"), max_length=10, choices=Source)
    reporter = models.ForeignKey("members.Member", null=True, on_delete=models.SET_NULL, related_name="reports_made")
    recorded_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    message_key = models.UUIDField(null=True, unique=True)
    message_type = models.CharField(max_length=12, choices=MessageType, default=MessageType.TEXT)
    text = models.TextField(_("evidence"), blank=True)
    hits = models.JSONField(default=list)
    context = models.JSONField(default=list)
    at = models.DateTimeField(_("when"))
    noted_at = models.DateTimeField()
    evidence_until = models.DateTimeField(null=True)
    state = models.CharField(_("state"), max_length=10, choices=ViolationState, default=ViolationState.OPEN)
    strikes = models.PositiveSmallIntegerField(_("strikes"), default=0)
    strike_until = models.DateTimeField()
    standing = models.PositiveSmallIntegerField(default=0)
    action = models.CharField(_("action"), max_length=8, choices=Action, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    note = models.CharField(_("note"), max_length=500, blank=True)

    objects = ViolationQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ViolationState.values), name="members_violation_state_known"),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="members_violation_source_known"),
            models.CheckConstraint(condition=Q(action__in=["", *Action.values]), name="members_violation_action_known"),
        ]
        indexes = [
            models.Index(fields=["state", "-at"], name="members_violation_queue"),
            models.Index(fields=["group", "-at"], name="members_violation_group"),
            models.Index(fields=["member", "group", "strike_until"], name="members_violation_strikes"),
            models.Index(
                fields=["evidence_until"],
                condition=Q(evidence_until__isnull=False),
                name="members_violation_evidence",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member}: {self.rule}"

    @property
    def is_final(self) -> bool:
        return self.state in (ViolationState.DISMISSED, ViolationState.UPHELD, ViolationState.OVERTURNED)

    @property
    def may_be_appealed(self) -> bool:
        """Once, by the member or by staff for them, while something is held against the member."""
        return self.state == ViolationState.CONFIRMED or (
            self.state == ViolationState.OPEN and self.source != Source.REPORT
        )

    def counts(self, now: datetime) -> bool:
        """Whether its strikes are in force; the same question as ViolationQuerySet.in_force()."""
        held = self.state in (ViolationState.CONFIRMED, ViolationState.APPEALED, ViolationState.UPHELD)
        noticed = self.state == ViolationState.OPEN and self.source != Source.REPORT
        return (held or noticed) and self.strike_until > now


class Appeal(models.Model):
    """A member's word against a violation, and what somebody else than the first judge decided."""

    violation = models.OneToOneField(Violation, on_delete=models.CASCADE, related_name="appeal")
    text = models.TextField(_("appeal"), max_length=1000)
    at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    by_same_person = models.BooleanField(default=False, help_text="an administrator decided on their own judgement")

    def __str__(self) -> str:
        return f"against {self.violation_id}"


class AcknowledgedBy(models.TextChoices):
    LINK = "link", pgettext_lazy("rules were read", "On their own page")
    STAFF = "staff", pgettext_lazy("rules were read", "Told to staff")
    API = "api", pgettext_lazy("rules were read", "Told by another system")


class Acknowledgement(models.Model):
    """A member has read the rules of a group in one version."""

    membership = models.ForeignKey("members.Membership", on_delete=models.CASCADE, related_name="acknowledgements")
    version = models.ForeignKey("groups.RuleSetVersion", on_delete=models.CASCADE, related_name="acknowledgements")
    at = models.DateTimeField()
    source = models.CharField(max_length=6, choices=AcknowledgedBy)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "version"], name="members_acknowledgement_once"),
            models.CheckConstraint(
                condition=Q(source__in=AcknowledgedBy.values), name="members_acknowledgement_source_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.membership_id} read {self.version_id}"


class Every(models.TextChoices):
    NEVER = "", pgettext_lazy("rules are posted", "Never")
    WEEK = "week", pgettext_lazy("rules are posted", "Every week")
    MONTH = "month", pgettext_lazy("rules are posted", "Every month")


class GroupConduct(models.Model):
    """How the rules are kept alive in a group: when they are posted again, and how reminders go out.

    `repost_day` is the weekday (0 is Monday) or the day of the month (1 to 28), `repost_at` the local time of day.
    """

    group = models.OneToOneField("groups.Group", on_delete=models.CASCADE, related_name="conduct")
    repost_every = models.CharField(_("post the rules again"), max_length=5, choices=Every, blank=True)
    repost_day = models.PositiveSmallIntegerField(default=0)
    repost_hour = models.PositiveSmallIntegerField(_("hour"), default=9)
    next_repost_at = models.DateTimeField(null=True)
    last_repost_at = models.DateTimeField(null=True)
    reminds_in_channel = models.BooleanField(_("send reminders through the group's channel"), default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(repost_every__in=Every.values), name="members_groupconduct_every_known"),
            models.CheckConstraint(condition=Q(repost_hour__lt=24), name="members_groupconduct_hour"),
        ]
        indexes = [
            models.Index(
                fields=["next_repost_at"],
                condition=Q(next_repost_at__isnull=False),
                name="members_groupconduct_due",
            )
        ]

    def __str__(self) -> str:
        return f"rules of {self.group_id}"


class DryRunState(models.TextChoices):
    WAITING = "waiting", pgettext_lazy("dry run", "Waiting")
    RUNNING = "running", pgettext_lazy("dry run", "Running")
    DONE = "done", pgettext_lazy("dry run", "Done")
    FAILED = "failed", pgettext_lazy("dry run", "Failed")


class DryRun(models.Model):
    """A version of rules tried on messages that were written already; nobody is told and nothing is held against them.

    `groups` are the numbers of the groups whose kept messages are read, or empty when a file is; `result` is the
    summary as members.conduct.trial makes it.
    """

    version = models.ForeignKey("groups.RuleSetVersion", on_delete=models.CASCADE, related_name="dry_runs")
    revision = models.PositiveIntegerField(default=1)
    started_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    groups = models.JSONField(default=list)
    file_name = models.CharField(max_length=255, blank=True)
    path = models.CharField(max_length=300, blank=True)
    mapping = models.JSONField(default=dict)
    timezone = models.CharField(max_length=60, blank=True)
    state = models.CharField(max_length=10, choices=DryRunState, default=DryRunState.WAITING)
    error = models.CharField(max_length=500, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = DryRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=DryRunState.values), name="members_dryrun_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} at {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0


class Compared(models.TextChoices):
    """How a hit stands against the version in force."""

    NEW = "new", pgettext_lazy("hit", "New")
    SAME = "same", pgettext_lazy("hit", "As now")
    LOST = "lost", pgettext_lazy("hit", "No longer found")


class DryRunHit(models.Model):
    """A message that the tried version, or only the version in force (`compared` lost), would have held against
    somebody. `doubts` are the reasons why it may be a false alarm; `is_false_alarm` is what a person said."""

    run = models.ForeignKey(DryRun, on_delete=models.CASCADE, related_name="hits")
    member_name = models.CharField(max_length=120)
    group_name = models.CharField(max_length=120)
    member = models.ForeignKey("members.Member", null=True, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    type = models.CharField(max_length=12, choices=MessageType)
    text = models.TextField()
    rule = models.CharField(max_length=40, help_text="code of the rule that leads")
    hits = models.JSONField(default=list)
    action = models.CharField(max_length=8, choices=Action, blank=True)
    compared = models.CharField(max_length=4, choices=Compared)
    doubts = models.JSONField(default=list)
    is_doubtful = models.BooleanField(default=False)
    is_false_alarm = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(compared__in=Compared.values), name="members_dryrunhit_compared_known"),
        ]
        indexes = [models.Index(fields=["run", "rule"], name="members_dryrunhit_rule")]

    def __str__(self) -> str:
        return f"{self.rule} in {self.run_id}"
