"""Brainstorms: plans, the sessions they give, answers and likes."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from campaigns.brainstorms.querysets import AnswerQuerySet, BrainstormPlanQuerySet, BrainstormQuerySet
from campaigns.content.models import Level, Piece
from campaigns.posts.models import Post
from groups.models import Group
from members.models import Member

LONGEST_QUESTION = 1000
LONGEST_ANSWER = 1000


class BrainstormPlan(models.Model):
    """When a question is asked, and in which groups: once (`at`), or by a rule on the local clock of `timezone`.

    The question is `question`, or, where that is empty, drawn for each time from the question bank, of this `level`
    (empty: any). With `branch` it is that branch's own. `version` grows with each change, so that two editors notice.
    """

    name = models.CharField(_("name"), max_length=60)
    question = models.TextField(_("question"), max_length=LONGEST_QUESTION, blank=True)
    level = models.CharField(_("level"), max_length=6, choices=Level, blank=True)
    groups = models.ManyToManyField(Group, verbose_name=_("groups"), related_name="brainstorm_plans")
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(null=True, blank=True)
    rrule = models.CharField(max_length=500, blank=True)
    start_local = models.CharField(max_length=19, blank=True)
    timezone = models.CharField(_("time zone"), max_length=60)
    minutes = models.PositiveSmallIntegerField(_("minutes"), default=60)
    announces = models.BooleanField(_("announced by a post when it opens"), default=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    plan_again_at = models.DateTimeField(null=True, blank=True, help_text="empty: nothing more is to come")
    version = models.PositiveIntegerField(default=1)

    objects = BrainstormPlanQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(at__isnull=False, rrule="") | (Q(at=None) & ~Q(rrule="")),
                name="campaigns_brainstormplan_once_or_by_rule",
            ),
            models.CheckConstraint(
                condition=Q(minutes__gte=5, minutes__lte=24 * 60), name="campaigns_brainstormplan_length"
            ),
        ]
        indexes = [
            models.Index(fields=["plan_again_at"], name="campaigns_brainstorm_to_plan", condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def runs(self) -> bool:
        return self.ended_at is None


class BrainstormState(models.TextChoices):
    PLANNED = "planned", pgettext_lazy("brainstorm", "Planned")
    OPEN = "open", pgettext_lazy("brainstorm", "Open")
    CLOSED = "closed", pgettext_lazy("brainstorm", "Closed")
    CANCELLED = "cancelled", pgettext_lazy("brainstorm", "Called off")


class Brainstorm(models.Model):
    """One session: a question in one group between two instants. `local` is its identity within its plan and group.

    Whether an answer counts is decided by the hours alone; the state says how far the sweep has come. `present` is how
    many members the group had when it closed. `problem` says why there is no announcement. `honours` is the post that
    shows its best answers.
    """

    plan = models.ForeignKey(BrainstormPlan, on_delete=models.CASCADE, related_name="sessions")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="brainstorms")
    local = models.CharField(max_length=19, help_text="local time of the plan's zone, ISO 8601")
    question = models.TextField(_("question"), max_length=LONGEST_QUESTION)
    piece = models.ForeignKey(Piece, null=True, blank=True, on_delete=models.SET_NULL, related_name="brainstorms")
    opens_at = models.DateTimeField(_("opens"))
    closes_at = models.DateTimeField(_("closes"))
    state = models.CharField(_("state"), max_length=9, choices=BrainstormState, default=BrainstormState.PLANNED)
    present = models.PositiveIntegerField(_("members"), null=True, blank=True)
    announcement = models.ForeignKey(Post, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    problem = models.CharField(max_length=300, blank=True)
    honours = models.ForeignKey(Post, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    version = models.PositiveIntegerField(default=1)

    objects = BrainstormQuerySet.as_manager()

    class Meta:
        ordering = ["-opens_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "group", "local"], name="campaigns_brainstorm_once"),
            models.CheckConstraint(
                condition=Q(state__in=BrainstormState.values), name="campaigns_brainstorm_state_known"
            ),
            models.CheckConstraint(condition=Q(closes_at__gt=F("opens_at")), name="campaigns_brainstorm_has_hours"),
        ]
        indexes = [
            models.Index(fields=["group", "opens_at"], name="campaigns_brainstorm_group"),
            models.Index(fields=["opens_at"], name="campaigns_brainstorm_opens", condition=Q(state="planned")),
            models.Index(fields=["closes_at"], name="campaigns_brainstorm_closes", condition=Q(state="open")),
        ]

    def __str__(self) -> str:
        return self.question[:80]

    def takes_answers(self, at: datetime) -> bool:
        """Whether what is said at this instant is an answer to it."""
        return self.state != BrainstormState.CANCELLED and self.opens_at <= at < self.closes_at

    @property
    def is_over(self) -> bool:
        return self.state in (BrainstormState.CLOSED, BrainstormState.CANCELLED)


class Answer(models.Model):
    """What a member said in a session. `digest` is of what they said: the same words twice are one answer, wherever
    they were written; it is empty where no words are known. `event` is the key of the event that counts it.

    `seen_at` is when staff liked it first: what is empty waits in their list.
    """

    session = models.ForeignKey(Brainstorm, on_delete=models.CASCADE, related_name="answers")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="brainstorm_answers")
    text = models.TextField(_("answer"), max_length=LONGEST_ANSWER, blank=True)
    digest = models.CharField(max_length=32, blank=True)
    event = models.CharField(max_length=32, unique=True)
    at = models.DateTimeField(_("answered"))
    by_message = models.BooleanField(default=False)
    seen_at = models.DateTimeField(_("liked"), null=True, blank=True)
    hidden_at = models.DateTimeField(null=True, blank=True)

    objects = AnswerQuerySet.as_manager()

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "member", "digest"],
                condition=~Q(digest=""),
                name="campaigns_answer_same_words_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["at", "id"], name="campaigns_answer_not_liked", condition=Q(seen_at=None, hidden_at=None)
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class AnswerLike(models.Model):
    """The like of one person, of the staff or a member."""

    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, related_name="likes")
    staff = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    member = models.ForeignKey(Member, null=True, blank=True, on_delete=models.CASCADE, related_name="answer_likes")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["answer", "staff"], name="campaigns_answerlike_staff_once"),
            models.UniqueConstraint(fields=["answer", "member"], name="campaigns_answerlike_member_once"),
            models.CheckConstraint(
                condition=Q(staff=None, member__isnull=False) | Q(staff__isnull=False, member=None),
                name="campaigns_answerlike_of_one",
            ),
        ]

    def __str__(self) -> str:
        return f"like of {self.answer_id}"
