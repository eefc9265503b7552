"""Needs of members: what they asked for, in whose words, and what was replied."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from groups.models import Group
from members.feedback.querysets import NeedAskQuerySet, NeedCategoryQuerySet, NeedQuerySet

LONGEST_NEED = 1000
LONGEST_REPLY = 1000


class NeedCategory(models.Model):
    """What needs are sorted by. Administrators name them; a retired one stays where it was chosen."""

    name = models.CharField(_("name"), max_length=40, unique=True)
    position = models.PositiveSmallIntegerField(default=0)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = NeedCategoryQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class NeedStatus(models.TextChoices):
    NEW = "new", pgettext_lazy("need", "New")
    PLANNED = "planned", pgettext_lazy("need", "Planned")
    DOING = "doing", pgettext_lazy("need", "Being done")
    DONE = "done", pgettext_lazy("need", "Done")
    DECLINED = "declined", pgettext_lazy("need", "Declined")


class Need(models.Model):
    """One need, however many asked for it. `text` is how staff put it: at first the words of who asked first.

    It belongs to a branch, as its groups do. One that was merged leads to the need it became part of. `version` grows
    with each change, so that two editors notice.
    """

    text = models.TextField(_("need"), max_length=LONGEST_NEED)
    category = models.ForeignKey(
        NeedCategory, verbose_name=_("category"), null=True, blank=True, on_delete=models.PROTECT, related_name="needs"
    )
    status = models.CharField(_("state"), max_length=8, choices=NeedStatus, default=NeedStatus.NEW)
    owner = models.ForeignKey(
        User, verbose_name=_("owner"), null=True, blank=True, on_delete=models.SET_NULL, related_name="needs"
    )
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.PROTECT, related_name="needs")
    created_at = models.DateTimeField(_("first asked"))
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="merged")
    version = models.PositiveIntegerField(default=1)

    objects = NeedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=NeedStatus.values), name="members_need_status_known"),
            models.CheckConstraint(
                condition=Q(merged_into=None) | ~Q(merged_into=F("id")), name="members_need_not_into_itself"
            ),
        ]
        indexes = [models.Index(fields=["branch", "status", "-created_at"], name="members_need_list")]

    def __str__(self) -> str:
        return self.text[:80]


class NeedAsk(models.Model):
    """Somebody asked for it, in their own words: on their page, or told to the staff, then `heard_by` wrote it down.

    `digest` is of the words: the same words of one member in one group are one ask, however often a form is sent. It is
    empty once the words are forgotten.
    """

    need = models.ForeignKey(Need, on_delete=models.CASCADE, related_name="asks")
    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="need_asks")
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.SET_NULL, related_name="need_asks")
    text = models.TextField(_("words"), max_length=LONGEST_NEED, blank=True)
    digest = models.CharField(max_length=32, blank=True)
    heard_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(_("asked"))

    objects = NeedAskQuerySet.as_manager()

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["member", "group", "digest"], condition=~Q(digest=""), name="members_needask_same_words_once"
            ),
        ]
        indexes = [models.Index(fields=["need", "member"], name="members_needask_who")]

    def __str__(self) -> str:
        return self.text[:80]


class NeedReply(models.Model):
    """What was replied to all who had asked for a need by then. `key` comes with the form: sent twice, it is one."""

    need = models.ForeignKey(Need, on_delete=models.CASCADE, related_name="replies")
    text = models.TextField(_("reply"), max_length=LONGEST_REPLY)
    key = models.CharField(max_length=40, unique=True)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "id"]
        verbose_name_plural = "need replies"

    def __str__(self) -> str:
        return self.text[:80]


class NeedReceipt(models.Model):
    """A reply on the page of one who asked, and when they saw it."""

    reply = models.ForeignKey(NeedReply, on_delete=models.CASCADE, related_name="receipts")
    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="need_receipts")
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reply", "member"], name="members_needreceipt_once"),
        ]
        indexes = [models.Index(fields=["member"], name="members_needreceipt_new", condition=Q(seen_at=None))]

    def __str__(self) -> str:
        return f"reply {self.reply_id}"


class NeedMerge(models.Model):
    """One need became part of another. `asks` and `replies` are the numbers of what moved, so that it can go back."""

    winner = models.ForeignKey(Need, on_delete=models.CASCADE, related_name="merges_won")
    loser = models.ForeignKey(Need, on_delete=models.CASCADE, related_name="merges_lost")
    asks = models.JSONField(default=list)
    replies = models.JSONField(default=list)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(_("merged"))
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["loser"], condition=Q(undone_at=None), name="members_needmerge_loses_once"),
            models.CheckConstraint(condition=~Q(winner=F("loser")), name="members_needmerge_two"),
        ]

    def __str__(self) -> str:
        return f"{self.loser_id} into {self.winner_id}"
