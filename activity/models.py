"""What members did. Events are added, and rarely moved or taken back; every report is computed from them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class BuiltInKind(models.TextChoices):
    """The kinds of event the product itself gives a meaning to. Others are registered as they come in."""

    JOINED = "joined", _("Joined the group")
    LEFT = "left", _("Left the group")
    INTRODUCED = "introduced", _("Introduced themselves")
    MESSAGE = "message", _("Message")
    QUESTION = "question", _("Asked a question")
    ANSWER = "answer", _("Answered a question")
    LIKE = "like", _("Liked something")
    CHECK_IN = "check_in", _("Checked in")
    POST_SEEN = "post_seen", _("Saw a post")
    LINK_CLICK = "link_click", _("Clicked a link")
    FRIENDED = "friended", _("Became a friend of the staff")
    LEAD = "lead", _("Became a lead")
    TRIAL = "trial", _("Took a trial")
    ORDERED = "ordered", _("Ordered")
    REFUNDED = "refunded", _("Was refunded")
    INVITED = "invited", _("Invited somebody")


# What people read for kinds that pages of the product write, beside those that it gives a meaning to.
WORDS = {
    "activity_attended": _("Came to an activity"),
    "activity_signup": _("Signed up for an activity"),
    "envelope_claimed": _("Opened a red envelope"),
}

# Kinds that only a person who is in the group can cause: they are evidence of membership.
PRESENCE_KINDS = frozenset(
    {
        BuiltInKind.JOINED,
        BuiltInKind.INTRODUCED,
        BuiltInKind.MESSAGE,
        BuiltInKind.QUESTION,
        BuiltInKind.ANSWER,
        BuiltInKind.LIKE,
        BuiltInKind.CHECK_IN,
    }
)


class EventKind(models.Model):
    """The dictionary of kinds: events store the number, people and the API use the slug."""

    slug = models.SlugField(max_length=60, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.slug

    @property
    def is_built_in(self) -> bool:
        return self.slug in BuiltInKind.values

    @property
    def label(self) -> str:
        """The name people read: translated for the product's own kinds, the slug for the others."""
        return str(BuiltInKind(self.slug).label if self.is_built_in else WORDS.get(self.slug, self.slug))


class Channel(models.Model):
    """The dictionary of acquisition channel codes that events carry ("poster7"). Numbers keep reports quick."""

    code = models.CharField(max_length=100, unique=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class Event(models.Model):
    """One thing one member did at one instant.

    `member_id` and `group_id` are plain numbers: the tables they point to lie above this app. `at` is kept to the
    millisecond, the resolution of every report; within one instant `id` tells the order in which events were sent.
    `key` is derived from the source and the source's own id; a second event with the same key is the same event.
    """

    member_id = models.BigIntegerField()
    group_id = models.BigIntegerField(null=True)
    kind = models.ForeignKey(EventKind, on_delete=models.PROTECT, db_index=False)
    at = models.DateTimeField()
    channel = models.ForeignKey(Channel, null=True, on_delete=models.PROTECT, db_index=False)
    value = models.DecimalField(max_digits=16, decimal_places=4, null=True)
    properties = models.JSONField(null=True)
    key = models.UUIDField(unique=True)

    class Meta:
        indexes = [
            # A member's timeline, and the order in which reports read.
            models.Index(fields=["member_id", "at"], name="activity_event_member_at"),
            # A group's chart and figures.
            models.Index(fields=["group_id", "at"], name="activity_event_group_at"),
            # The community over a range of days.
            models.Index(fields=["at"], name="activity_event_at"),
            # The few events that carry a channel: a member's first one, and all in a range of days.
            models.Index(
                fields=["member_id", "at"], condition=models.Q(channel__isnull=False), name="activity_event_touch"
            ),
            models.Index(fields=["at"], condition=models.Q(channel__isnull=False), name="activity_event_channel"),
            # The few events that are about money: what was refunded in a range of days.
            models.Index(fields=["kind", "at"], condition=models.Q(value__isnull=False), name="activity_event_value"),
        ]

    def __str__(self) -> str:
        return f"{self.kind_id} by {self.member_id} at {self.at:%Y-%m-%d %H:%M}"


class EventMove(models.Model):
    """A member whose events are not those of an hour ago: some were given to them, given away, or taken back.

    Copies of the events, which know each by its number, learn here whose to read anew. `group_id` is where an event
    was taken back: nothing else may be left that leads there.
    """

    member_id = models.BigIntegerField()
    group_id = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"events of {self.member_id}"
