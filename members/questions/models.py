"""Questions of members, their answers, what became knowledge; and when somebody is there to answer."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from groups.models import Group
from members.questions.querysets import KnowledgeQuerySet, QuestionQuerySet

DEFAULT = "default"
USUAL_TARGET = 60


def usual_windows() -> list[list[list[int]]]:
    """Every day from 9 to 21 o'clock."""
    return [[[9 * 60, 21 * 60]] for _weekday in range(7)]


def usual_ladder() -> list[dict[str, Any]]:
    return [
        {"after": 50, "unit": "percent", "to": "duty"},
        {"after": 100, "unit": "percent", "to": "owner"},
        {"after": 300, "unit": "seconds", "to": "head"},
    ]


class ServiceHours(models.Model):
    """When questions are answered, how quickly, and who is told when they are not: of one group, of a branch, or of the
    whole community. The closest one holds.

    `key` is "default", "branch:3" or "group:7". `windows` holds for each weekday from Monday pairs of minutes after
    midnight; `ladder` the steps as {"after", "unit", "to"}: unit is percent (of the target) or seconds of service.
    """

    key = models.CharField(max_length=40, unique=True)
    group = models.OneToOneField(Group, null=True, blank=True, on_delete=models.CASCADE, related_name="service_hours")
    branch = models.OneToOneField(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    timezone = models.CharField(_("time zone"), max_length=60)
    windows = models.JSONField(_("service hours"), default=usual_windows)
    target_seconds = models.PositiveIntegerField(_("target in seconds"), default=USUAL_TARGET)
    ladder = models.JSONField(_("steps"), default=usual_ladder)
    version = models.PositiveIntegerField(default=1, help_text="grows with each change, so that two editors notice")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(group=None) | Q(branch=None), name="members_servicehours_one_scope"),
            models.CheckConstraint(condition=Q(target_seconds__gt=0), name="members_servicehours_target"),
        ]

    def __str__(self) -> str:
        return str(self.group or self.branch or self.key)


class ClosedDay(models.Model):
    """A local day without service: of one branch, or with no branch of all."""

    day = models.DateField(_("day"))
    name = models.CharField(_("name"), max_length=60, blank=True)
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ["day", "id"]
        constraints = [
            models.UniqueConstraint(fields=["branch", "day"], name="members_closedday_once"),
            # Empty branches do not count as equal, so the shared days need a constraint of their own.
            models.UniqueConstraint(fields=["day"], condition=Q(branch=None), name="members_closedday_once_shared"),
        ]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"


class DutyWindow(models.Model):
    """A person of the staff on duty every week: for one group, for a branch, or with neither for headquarters.

    A group with windows of its own has those alone. Minutes after midnight, in the zone of the service hours.
    """

    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE, related_name="duty_windows")
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="duty_windows")
    weekday = models.PositiveSmallIntegerField(_("weekday"), help_text="0 is Monday")
    start = models.PositiveSmallIntegerField()
    end = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["weekday", "start", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(group=None) | Q(branch=None), name="members_dutywindow_one_scope"),
            models.CheckConstraint(
                condition=Q(weekday__lt=7, start__lt=models.F("end"), end__lte=24 * 60), name="members_dutywindow_times"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.weekday}"


class DutySwap(models.Model):
    """On one local day `substitute` is on duty in the place of `absent`, or nobody is."""

    day = models.DateField(_("day"))
    absent = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    substitute = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ["day", "id"]
        constraints = [models.UniqueConstraint(fields=["day", "absent"], name="members_dutyswap_once")]

    def __str__(self) -> str:
        return f"{self.absent_id} on {self.day:%Y-%m-%d}"


class QuestionState(models.TextChoices):
    OPEN = "open", pgettext_lazy("question", "Open")
    ANSWERED = "answered", pgettext_lazy("question", "Answered")
    ACCEPTED = "accepted", pgettext_lazy("question", "Accepted")
    CLOSED = "closed", pgettext_lazy("question", "Closed")
    WITHDRAWN = "withdrawn", pgettext_lazy("question", "Withdrawn")


class AskedBy(models.TextChoices):
    """The way in which a question came."""

    PAGE = "page", pgettext_lazy("question", "On the page")
    MESSAGE = "message", pgettext_lazy("question", "In the group")
    API = "api", pgettext_lazy("question", "By another system")


class CloseReason(models.TextChoices):
    ELSEWHERE = "elsewhere", pgettext_lazy("why a question is closed", "Answered elsewhere")
    NO_QUESTION = "no_question", pgettext_lazy("why a question is closed", "Not a question")
    RULES = "rules", pgettext_lazy("why a question is closed", "Against the rules")
    MERGED = "merged", pgettext_lazy("why a question is closed", "Asked before")


class Question(models.Model):
    """Something a member asked in a group.

    `due_at` is until when an answer is in time (empty: there are no service hours); it moves when the hours or the
    target change while nobody has answered. With the first answer `served_seconds` and `in_time` are decided, once and
    for all. `event_key` is that of the event it came with. `taken_by` is who is writing the answer.
    """

    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="questions")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="questions")
    text = models.TextField(_("question"), max_length=2000)
    picture = models.FileField(upload_to="questions/", blank=True)
    asked_at = models.DateTimeField(pgettext_lazy("question", "asked"))
    source = models.CharField(_("came"), max_length=8, choices=AskedBy)
    event_key = models.UUIDField(null=True, unique=True)
    noted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(_("state"), max_length=10, choices=QuestionState, default=QuestionState.OPEN)
    target_seconds = models.PositiveIntegerField(default=USUAL_TARGET)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    first_answer_at = models.DateTimeField(_("answered"), null=True, blank=True)
    served_seconds = models.FloatField(null=True, blank=True)
    in_time = models.BooleanField(_("in time"), null=True, blank=True)
    taken_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    taken_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    close_reason = models.CharField(max_length=12, choices=CloseReason, blank=True)
    close_note = models.CharField(_("note"), max_length=300, blank=True)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="merged")

    objects = QuestionQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=QuestionState.values), name="members_question_state_known"),
            models.CheckConstraint(condition=Q(source__in=AskedBy.values), name="members_question_source_known"),
            models.CheckConstraint(
                condition=Q(first_answer_at=None, in_time=None)
                | Q(first_answer_at__isnull=False, in_time__isnull=False),
                name="members_question_judged",
            ),
            models.CheckConstraint(
                condition=~Q(state="open", first_answer_at__isnull=False), name="members_question_open_is_unanswered"
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False) | ~Q(state="closed") & Q(closed_at=None),
                name="members_question_closed",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="open"), name="members_question_open"),
            models.Index(fields=["group", "-asked_at"], name="members_question_group"),
            models.Index(fields=["-asked_at"], name="members_question_asked"),
        ]

    def __str__(self) -> str:
        return self.text[:60] or f"#{self.pk}"

    @property
    def branch_id(self) -> int | None:
        return self.group.branch_id

    @property
    def is_open(self) -> bool:
        return self.state == QuestionState.OPEN

    @property
    def takes_answers(self) -> bool:
        return self.state in (QuestionState.OPEN, QuestionState.ANSWERED, QuestionState.ACCEPTED)


class Answer(models.Model):
    """An answer in three parts, of which at least the analysis or the plan is there: by staff, or by a member."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="answers")
    author = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    member = models.ForeignKey(
        "members.Member", null=True, blank=True, on_delete=models.CASCADE, related_name="answers_given"
    )
    analysis = models.TextField(_("analysis"), max_length=2000, blank=True)
    plan = models.TextField(_("plan"), max_length=2000, blank=True)
    resource = models.CharField(_("resource"), max_length=500, blank=True)
    at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["question"], condition=Q(accepted_at__isnull=False), name="members_answer_one_accepted"
            ),
        ]

    def __str__(self) -> str:
        return f"answer {self.pk} to {self.question_id}"

    @property
    def branch_id(self) -> int | None:
        return self.question.group.branch_id


class HelpfulVote(models.Model):
    """A member whom an answer helped."""

    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, related_name="votes")
    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["answer", "member"], name="members_helpfulvote_once")]

    def __str__(self) -> str:
        return f"{self.member_id} for {self.answer_id}"


class Visibility(models.TextChoices):
    GROUP = "group", pgettext_lazy("knowledge", "The group it was asked in")
    BRANCH = "branch", pgettext_lazy("knowledge", "All groups of the branch")
    ALL = "all", pgettext_lazy("knowledge", "Every group")


class Knowledge(models.Model):
    """An accepted answer, kept for others without the name of who asked or answered. `search` holds all its words in
    small letters."""

    answer = models.OneToOneField(Answer, null=True, blank=True, on_delete=models.SET_NULL, related_name="knowledge")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="knowledge")
    title = models.CharField(_("title"), max_length=120)
    tags = models.CharField(_("tags"), max_length=200, blank=True)
    analysis = models.TextField(_("analysis"), max_length=2000, blank=True)
    plan = models.TextField(_("plan"), max_length=2000, blank=True)
    resource = models.CharField(_("resource"), max_length=500, blank=True)
    visibility = models.CharField(_("who finds it"), max_length=6, choices=Visibility, default=Visibility.GROUP)
    created_at = models.DateTimeField(_("kept"))
    used = models.PositiveIntegerField(_("used"), default=0)
    retired_at = models.DateTimeField(null=True, blank=True)
    search = models.TextField()
    version = models.PositiveIntegerField(default=1, help_text="grows with each change, so that two editors notice")

    objects = KnowledgeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(visibility__in=Visibility.values), name="members_knowledge_visibility_known"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def branch_id(self) -> int | None:
        return self.group.branch_id

    def words(self) -> str:
        """What `search` holds."""
        return "\n".join((self.title, self.tags, self.analysis, self.plan, self.resource)).lower()


class StepTo(models.TextChoices):
    DUTY = "duty", pgettext_lazy("told of a question", "Who is on duty")
    OWNER = "owner", pgettext_lazy("told of a question", "The owner of the group")
    HEAD = "head", pgettext_lazy("told of a question", "The head of the branch")


class StepState(models.TextChoices):
    DUE = "due", pgettext_lazy("step", "To come")
    DONE = "done", pgettext_lazy("step", "Told")
    CANCELLED = "cancelled", pgettext_lazy("step", "Not needed any more")


class EscalationStep(models.Model):
    """A step of the ladder for one question. `after` is in seconds of service since it was asked."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    to = models.CharField(max_length=6, choices=StepTo)
    after = models.FloatField()
    due_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=StepState, default=StepState.DUE)
    settled_at = models.DateTimeField(null=True, blank=True)
    told = models.CharField(max_length=300, blank=True, help_text="names of those who were told")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["question", "position"], name="members_escalationstep_once"),
            models.CheckConstraint(condition=Q(state__in=StepState.values), name="members_escalationstep_state_known"),
            models.CheckConstraint(condition=Q(to__in=StepTo.values), name="members_escalationstep_to_known"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="due"), name="members_escalationstep_due"),
        ]

    def __str__(self) -> str:
        return f"step {self.position} of {self.question_id}"
