"""How a message leaves: where to, what, and what became of it. One row a delivery; the row is the truth."""

from __future__ import annotations

import secrets
import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from community_ops.lib.crypto import CannotDecryptError, decrypt
from delivery.querysets import DeliveryQuerySet, FeedItemQuerySet
from delivery.reasons import reason


class Kind(models.TextChoices):
    """The ways out. Each has one adapter in delivery/adapters/, found by delivery/registry.py."""

    INAPP = "inapp", _("Member page")
    WEBHOOK = "webhook", _("Webhook")
    ROBOT = "robot", _("WeCom group robot")


class Destination(models.Model):
    """Where a group's messages go. The secret is stored encrypted and shown by its last four characters.

    The secret of a webhook signs, that of a robot is its key; `key_hash` tells which destinations share one robot.
    """

    kind = models.CharField(_("channel"), max_length=20, choices=Kind, default=Kind.INAPP)
    url = models.CharField(_("address"), max_length=500, blank=True)
    secret_encrypted = models.TextField(blank=True)
    key_hash = models.CharField(max_length=64, blank=True, help_text="of the key of a robot")
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_code = models.CharField(max_length=60, blank=True, help_text="why, see delivery/reasons.py")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="delivery_destination_kind_known"),
            models.CheckConstraint(
                condition=Q(key_hash="") | Q(kind="robot"), name="delivery_destination_only_robots_have_keys"
            ),
        ]
        indexes = [models.Index(fields=["key_hash"], name="delivery_destination_key", condition=~Q(key_hash=""))]

    def __str__(self) -> str:
        return str(self.get_kind_display())

    @property
    def secret(self) -> str:
        """The signing secret in the clear. Raises CannotDecryptError when the SECRET_KEY it was kept under is gone."""
        return decrypt(self.secret_encrypted)

    @property
    def secret_hint(self) -> str:
        """The last four characters, by which a person knows the secret again."""
        try:
            return self.secret[-4:]
        except CannotDecryptError:
            return ""

    @property
    def disabled_reason(self) -> str:
        return reason(self.disabled_code, "")


class Value(models.TextChoices):
    """What a piece of content gives its readers."""

    INFORMATION = "information", pgettext_lazy("value of content", "Information")
    BENEFIT = "benefit", pgettext_lazy("value of content", "Benefit")
    OPINION = "opinion", pgettext_lazy("value of content", "Opinion")
    LEARNING = "learning", pgettext_lazy("value of content", "Learning")
    LINK = "link", pgettext_lazy("value of content", "Connection")


def new_picture_token() -> str:
    """The unguessable part of a picture's address: 128 random bits."""
    return secrets.token_urlsafe(16)


class Picture(models.Model):
    """A picture that can be sent: encoded anew when it came in, so it carries no metadata and is what it says it is.

    `token` is its address for receivers, who do not sign in. The same bytes uploaded twice are one row for each branch.
    """

    token = models.CharField(max_length=22, unique=True, default=new_picture_token)
    file = models.FileField(upload_to="pictures/")
    sha256 = models.CharField(max_length=64)
    mime = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField(help_text="bytes")
    branch_id = models.BigIntegerField(null=True, blank=True, help_text="whose staff may choose it; empty: everybody's")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["branch_id", "sha256"], name="delivery_picture_once"),
            # Empty branches do not count as equal, so the shared pictures need a constraint of their own.
            models.UniqueConstraint(
                fields=["sha256"], condition=Q(branch_id=None), name="delivery_picture_once_shared"
            ),
        ]

    def __str__(self) -> str:
        return self.token


class Message(models.Model):
    """What is said. Never changed: an edited post gets a new message, so a delivery always knows what it sent.

    With `has_variables` it is filled in for each group in the moment before it is sent: the delivery then gets a
    message of its own, `filled_from` this one. `piece_id` is the piece of the content library it was taken from.
    """

    title = models.CharField(max_length=200)
    text = models.TextField()
    link = models.CharField(max_length=500, blank=True)
    link_title = models.CharField(max_length=100, blank=True)
    picture = models.ForeignKey(Picture, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    value = models.CharField(max_length=12, choices=Value, blank=True)
    piece_id = models.BigIntegerField(null=True, blank=True)
    has_variables = models.BooleanField(default=False)
    filled_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(value__in=["", *Value.values]), name="delivery_message_value_known"),
        ]
        indexes = [
            models.Index(fields=["piece_id"], name="delivery_message_piece", condition=Q(piece_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.title


class State(models.TextChoices):
    PLANNED = "planned", _("Planned")
    QUEUED = "queued", _("Queued")
    SENDING = "sending", _("Sending")
    WAITING = "waiting_for_owner", _("Waiting for a person")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")
    CANCELLED = "cancelled", _("Cancelled")
    UNKNOWN = "unknown", _("Unknown")


class Missed(models.TextChoices):
    """What to do with a delivery whose time passed while nothing could be sent."""

    LATE = "late", _("Send late, within the grace period")
    SKIP = "skip", _("Skip it")
    ASK = "ask", _("Ask a person")


class Delivery(models.Model):
    """One message to one group at one time.

    planned -> queued -> sending -> sent | failed | unknown, with waiting_for_owner, skipped and cancelled beside them.
    Each step is an UPDATE filtered on the state before it, so two workers can never both take a row.
    `failed` with `retry_at` will be tried again; without it the failure is final.
    """

    key = models.UUIDField(default=uuid.uuid4, unique=True, help_text="webhook-id: the same over all tries")
    dedupe_key = models.CharField(max_length=120)
    destination = models.ForeignKey(Destination, null=True, on_delete=models.SET_NULL, related_name="deliveries")
    kind = models.CharField(max_length=20, choices=Kind)
    group_id = models.BigIntegerField()
    group_ref = models.CharField(max_length=120, help_text="the group's external id, as receivers know it")
    post_id = models.BigIntegerField(null=True)
    occurrence_id = models.BigIntegerField(null=True)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="deliveries")
    state = models.CharField(max_length=20, choices=State, default=State.PLANNED)
    due_at = models.DateTimeField()
    missed = models.CharField(max_length=10, choices=Missed, default=Missed.LATE)
    late_until = models.DateTimeField(help_text="after this instant the missed-time policy decides")
    attempts = models.PositiveSmallIntegerField(default=0)
    queued_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    by_hand = models.BooleanField(default=False, help_text="a person ordered it: limits do not hold it back")
    counted_on = models.DateField(null=True, blank=True, help_text="the local day on whose quota it counts")
    error_code = models.CharField(max_length=60, blank=True)
    error = models.CharField(max_length=500, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "dedupe_key"], name="delivery_delivery_sent_once"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="delivery_delivery_state_known"),
            models.CheckConstraint(
                condition=~Q(state__in=["sent", "skipped", "cancelled"]) | Q(settled_at__isnull=False),
                name="delivery_delivery_settled_has_time",
            ),
        ]
        indexes = [
            # What the dispatcher looks for every two seconds; settled rows, nearly all, are not in these.
            models.Index(fields=["due_at"], name="delivery_due", condition=Q(state="planned")),
            models.Index(
                fields=["state", "queued_at"], name="delivery_at_work", condition=Q(state__in=["queued", "sending"])
            ),
            models.Index(
                fields=["retry_at"], name="delivery_retry", condition=Q(state="failed", retry_at__isnull=False)
            ),
            # The page of deliveries and Today read the newest of all groups, whatever their state.
            models.Index(fields=["-due_at"], name="delivery_all_due"),
            models.Index(fields=["group_id", "-due_at"], name="delivery_group_due"),
            models.Index(fields=["post_id", "-due_at"], name="delivery_post_due"),
            models.Index(fields=["occurrence_id", "group_id"], name="delivery_occurrence"),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id} {self.state}"

    @property
    def webhook_id(self) -> str:
        """The id that receivers know this delivery by, the same over all tries."""
        return f"msg_{self.key.hex}"

    @property
    def reason(self) -> str:
        """Why it was not sent, in a sentence; empty when there is nothing to say."""
        return reason(self.error_code, self.error)


class GroupDay(models.Model):
    """How much of its daily quota a group has used up: moved by an UPDATE that names the limit, so that of two workers
    at once none exceeds it."""

    group_id = models.BigIntegerField()
    day = models.DateField()
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group_id", "day"], name="delivery_groupday_once")]

    def __str__(self) -> str:
        return f"{self.group_id} {self.day}: {self.used}"


class FeedItem(models.Model):
    """A message on a group's member page: what the in-app adapter writes. One per delivery, so it may write twice."""

    delivery = models.OneToOneField(Delivery, on_delete=models.CASCADE, related_name="feed_item")
    group_id = models.BigIntegerField()
    message = models.ForeignKey(Message, on_delete=models.PROTECT)
    published_at = models.DateTimeField()

    objects = FeedItemQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["group_id", "-published_at"], name="delivery_feed_group")]

    def __str__(self) -> str:
        return str(self.message_id)
