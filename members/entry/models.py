"""How a group is entered, what a newcomer meets in the first days, and the titles it gives."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from members.entry.querysets import ApplicationQuerySet, NewcomerQuerySet


class Approval(models.TextChoices):
    HAND = "hand", pgettext_lazy("approval", "A person decides about each")
    ANSWERS = "answers", pgettext_lazy("approval", "Whoever answers as wanted is let in at once")


class EntryPlan(models.Model):
    """How one group is entered. A group without a row is not applied for, welcomes nobody and onboards nobody.

    `revision` grows with each save, so that two editors notice each other.
    """

    group = models.OneToOneField("groups.Group", on_delete=models.CASCADE, related_name="entry_plan")
    is_open = models.BooleanField(_("take applications"), default=False)
    approval = models.CharField(_("approval"), max_length=8, choices=Approval, default=Approval.HAND)
    next_steps = models.TextField(_("what to do once approved"), blank=True, max_length=1000)
    welcomes = models.BooleanField(_("welcome newcomers"), default=False)
    welcome_text = models.TextField(_("welcome message"), blank=True, max_length=2000)
    welcome_minutes = models.PositiveSmallIntegerField(_("gather newcomers for (minutes)"), default=10)
    onboards = models.BooleanField(_("give staff a task for each newcomer"), default=False)
    befriend_text = models.TextField(_("words of the friend request"), blank=True, max_length=500)
    tell_text = models.TextField(_("the three things to tell"), blank=True, max_length=2000)
    remind_text = models.TextField(_("words that ask for an introduction"), blank=True, max_length=1000)
    revision = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(approval__in=Approval.values), name="members_entryplan_approval_known"),
            models.CheckConstraint(
                condition=Q(welcomes=False) | ~Q(welcome_text=""), name="members_entryplan_welcome_says_something"
            ),
        ]

    def __str__(self) -> str:
        return f"entry of {self.group_id}"


class QuestionKind(models.TextChoices):
    TEXT = "text", pgettext_lazy("question", "Free text")
    CHOICE = "choice", pgettext_lazy("question", "One of these answers")


class EntryQuestion(models.Model):
    """A question of a group's application. `wanted` are the choices with which one is let in at once; empty: any."""

    group = models.ForeignKey("groups.Group", on_delete=models.CASCADE, related_name="entry_questions")
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    text = models.CharField(_("question"), max_length=200)
    kind = models.CharField(_("kind"), max_length=8, choices=QuestionKind, default=QuestionKind.TEXT)
    choices = models.JSONField(default=list, blank=True)
    wanted = models.JSONField(default=list, blank=True)
    required = models.BooleanField(_("required"), default=True)

    class Meta:
        ordering = ["group_id", "position", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=QuestionKind.values), name="members_entryquestion_kind_known"),
        ]

    def __str__(self) -> str:
        return self.text


class ApplicationState(models.TextChoices):
    PENDING = "pending", pgettext_lazy("application", "Waiting")
    APPROVED = "approved", pgettext_lazy("application", "Approved")
    REJECTED = "rejected", pgettext_lazy("application", "Rejected")
    WITHDRAWN = "withdrawn", pgettext_lazy("application", "Withdrawn")
    EXPIRED = "expired", pgettext_lazy("application", "Expired")


def new_application_token() -> str:
    """The unguessable part of the address of an applicant's own page: 128 random bits."""
    return secrets.token_urlsafe(16)


class Application(models.Model):
    """Somebody asks to be let into a group.

    `answers` copies the questions as they were: `[{"question": id, "text": "...", "answer": "...", "wanted": bool}]`,
    `wanted` missing where any answer will do. `fits` says that every answer is a wanted one. While the group is full a
    waiting application is on the waiting list, in the order of their coming. `sender` is a keyed digest of the
    address it came from on its day, by which a flood is noticed without keeping addresses. `devices` counts those that
    the applicant signed in on the page of the approved application. `wechat` is who WeChat said that the applicant is,
    until the approval (see members.visitors.wechat).
    """

    group = models.ForeignKey("groups.Group", on_delete=models.CASCADE, related_name="applications")
    token = models.CharField(max_length=22, unique=True, default=new_application_token)
    name = models.CharField(_("name"), max_length=120)
    contact = models.CharField(_("WeChat id"), max_length=60, blank=True)
    external_id = models.CharField(_("id in other systems"), max_length=120, blank=True)
    member = models.ForeignKey(
        "members.Member", null=True, blank=True, on_delete=models.SET_NULL, related_name="applications"
    )
    answers = models.JSONField(default=list, blank=True)
    fits = models.BooleanField(default=False)
    referrer = models.CharField(_("invited by"), max_length=120, blank=True)
    channel = models.CharField(_("channel"), max_length=100, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=ApplicationState, default=ApplicationState.PENDING)
    created_at = models.DateTimeField(_("applied"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    sender = models.CharField(max_length=32, blank=True)
    devices = models.PositiveSmallIntegerField(default=0)
    wechat = models.JSONField(default=dict, blank=True)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                "group",
                Lower("contact"),
                condition=Q(state="pending") & ~Q(contact=""),
                name="members_application_one_waiting",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ApplicationState.values), name="members_application_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="pending", decided_at=None) | (~Q(state="pending") & Q(decided_at__isnull=False)),
                name="members_application_decided",
            ),
        ]
        indexes = [
            models.Index(fields=["group", "state", "created_at"], name="members_application_queue"),
            models.Index(fields=["sender", "created_at"], condition=~Q(sender=""), name="members_application_sender"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def page_url(self) -> str:
        """The whole address of the applicant's own page."""
        return f"{settings.PUBLIC_URL}{reverse('member:application', args=[self.token])}"


class Newcomer(models.Model):
    """One joining of a group, from the welcome to the end of the first days.

    `number` counts the joinings of a membership: who left and came back is a newcomer again. `welcomed_at` is when the
    welcome was planned (`delivery_id`); `told_at` when somebody told the three things.
    """

    membership = models.ForeignKey("members.Membership", on_delete=models.CASCADE, related_name="joinings")
    group = models.ForeignKey("groups.Group", on_delete=models.CASCADE, related_name="newcomers")
    number = models.PositiveSmallIntegerField()
    joined_at = models.DateTimeField()
    welcomed_at = models.DateTimeField(null=True, blank=True)
    delivery_id = models.BigIntegerField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)

    objects = NewcomerQuerySet.as_manager()

    class Meta:
        ordering = ["-joined_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["membership", "number"], name="members_newcomer_once"),
        ]
        indexes = [
            models.Index(fields=["group", "-joined_at"], name="members_newcomer_group"),
            models.Index(fields=["group", "joined_at"], condition=Q(welcomed_at=None), name="members_newcomer_unmet"),
        ]

    def __str__(self) -> str:
        return f"{self.membership_id} #{self.number}"


class GroupTitle(models.Model):
    """A title that a group gives its members. An exclusive one has one holder at a time."""

    group = models.ForeignKey("groups.Group", on_delete=models.CASCADE, related_name="titles")
    name = models.CharField(pgettext_lazy("honour", "title"), max_length=20)
    meaning = models.CharField(_("what it is given for"), max_length=200, blank=True)
    exclusive = models.BooleanField(_("one holder at a time"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        ordering = ["group_id", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["group", "name"], name="members_grouptitle_name"),
        ]

    def __str__(self) -> str:
        return self.name
