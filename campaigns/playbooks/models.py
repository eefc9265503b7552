"""Playbooks, their steps and versions, and what becomes of them for each member and group."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from campaigns.content.models import Piece, Series
from campaigns.playbooks.querysets import PlaybookQuerySet, PlaybookRunQuerySet, StepRunQuerySet
from groups.models import Group, GroupRole, Motivation
from members.models import Membership

# A weekly rhythm counts its days from Monday; the others from the day that is their first.
WEEK = 7
FIRST_DAY = 1


class Starts(models.TextChoices):
    """What the days of a playbook are counted from."""

    JOINING = "joining", pgettext_lazy("playbook", "When a member joins")
    OPENING = "opening", pgettext_lazy("playbook", "When a group opens")
    DATE = "date", pgettext_lazy("playbook", "On a date")
    WEEKDAY = "weekday", pgettext_lazy("playbook", "Every week")


class PlaybookState(models.TextChoices):
    DRAFT = "draft", pgettext_lazy("playbook", "Draft")
    RUNNING = "running", pgettext_lazy("playbook", "Running")
    PAUSED = "paused", pgettext_lazy("playbook", "Paused")
    RETIRED = "retired", pgettext_lazy("playbook", "Retired")


class Playbook(models.Model):
    """A list of steps, each on a day, that begins anew for every member, group or week.

    For which groups: those listed and those with one of `motivations`; with neither, all within reach. Reach is the
    branch; without one, every group. `version` is the number of the text that holds. `preset` says from the plan of
    which motivation it was made; there is one of each at most.
    """

    name = models.CharField(_("name"), max_length=80)
    about = models.CharField(pgettext_lazy("playbook", "what it is for"), max_length=500, blank=True)
    branch = models.ForeignKey(
        Branch, verbose_name=_("branch"), null=True, blank=True, on_delete=models.PROTECT, related_name="playbooks"
    )
    starts = models.CharField(pgettext_lazy("playbook", "starts"), max_length=8, choices=Starts)
    date = models.DateField(_("date"), null=True, blank=True)
    motivations = models.JSONField(default=list, blank=True)
    groups = models.ManyToManyField(Group, blank=True, related_name="playbooks")
    state = models.CharField(_("state"), max_length=8, choices=PlaybookState, default=PlaybookState.DRAFT)
    running_since = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=0)
    preset = models.CharField(max_length=10, blank=True, choices=Motivation)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = PlaybookQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(starts__in=Starts.values), name="campaigns_playbook_starts_known"),
            models.CheckConstraint(condition=Q(state__in=PlaybookState.values), name="campaigns_playbook_state_known"),
            models.CheckConstraint(
                condition=Q(starts="date", date__isnull=False) | (~Q(starts="date") & Q(date=None)),
                name="campaigns_playbook_date_where_needed",
            ),
            models.UniqueConstraint(
                fields=["preset"], condition=~Q(preset=""), name="campaigns_playbook_one_of_a_preset"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.state != PlaybookState.RETIRED

    def may_be_changed_by(self, user: User) -> bool:
        """Headquarters changes every playbook, a branch its own."""
        return user.may_write and (user.branch_id is None or user.branch_id == self.branch_id)


class PlaybookVersion(models.Model):
    """A text of a playbook as somebody saved it."""

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    saved_at = models.DateTimeField()
    saved_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["playbook", "number"], name="campaigns_playbookversion_once")]

    def __str__(self) -> str:
        return f"{self.playbook_id} v{self.number}"


class PlaybookOff(models.Model):
    """A group in which a playbook does not run, although it is one of its groups."""

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="offs")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["playbook", "group"], name="campaigns_playbookoff_once")]

    def __str__(self) -> str:
        return f"{self.playbook_id} off in {self.group_id}"


class StepKind(models.TextChoices):
    MESSAGE = "message", pgettext_lazy("step", "Message to the group")
    TASK = "task", pgettext_lazy("step", "Task for staff")
    PERSONAL = "personal", pgettext_lazy("step", "Message to one member, by hand")


class StepTask(models.TextChoices):
    BEFRIEND = "befriend", pgettext_lazy("step", "Add as a friend")
    TELL = "tell", pgettext_lazy("step", "Tell the three things")
    BENCHMARK = "benchmark", pgettext_lazy("step", "Set up a benchmark member")
    HELLO = "hello", pgettext_lazy("step", "Say hello")
    POST = "post", pgettext_lazy("step", "Post by hand")
    DO = "do", pgettext_lazy("step", "In own words")


class Late(models.TextChoices):
    """What becomes of a message whose time passed while nothing could be sent."""

    LATE = "late", pgettext_lazy("step", "Send late, within the grace period")
    SKIP = "skip", pgettext_lazy("step", "Skip it")


class PlaybookStep(models.Model):
    """A step. `key` names it over all versions: a step that is moved or reworded keeps it.

    `day` 1 is the day itself, -1 the day before; of a weekly rhythm 1 is Monday. A task shows at `at` and is due
    `within_hours` later; it is given to whoever of the staff has `role` in the group. A step that was taken out keeps
    its row, so that what was done by it still has a name.
    """

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="steps")
    key = models.SlugField(max_length=40)
    position = models.PositiveSmallIntegerField(default=0)
    day = models.SmallIntegerField(_("day"))
    at = models.TimeField(_("time"))
    kind = models.CharField(_("kind"), max_length=8, choices=StepKind)
    task = models.CharField(max_length=10, choices=StepTask, blank=True)
    title = models.CharField(_("title"), max_length=120)
    text = models.TextField(_("text"), max_length=5000, blank=True)
    piece = models.ForeignKey(Piece, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    series = models.ForeignKey(Series, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    late = models.CharField(max_length=4, choices=Late, default=Late.LATE)
    late_minutes = models.PositiveIntegerField(default=60)
    within_hours = models.PositiveIntegerField(default=24)
    role = models.CharField(max_length=13, choices=GroupRole, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["day", "at", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["playbook", "key"], name="campaigns_playbookstep_key"),
            models.CheckConstraint(condition=Q(kind__in=StepKind.values), name="campaigns_playbookstep_kind_known"),
            models.CheckConstraint(
                condition=Q(kind="task", task__in=StepTask.values) | (~Q(kind="task") & Q(task="")),
                name="campaigns_playbookstep_task_known",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def offset(self) -> timedelta:
        """From the first day of a run to the step's."""
        return timedelta(days=self.day - FIRST_DAY if self.day > 0 else self.day)


class RunState(models.TextChoices):
    RUNNING = "running", pgettext_lazy("playbook run", "Running")
    FINISHED = "finished", pgettext_lazy("playbook run", "Through")
    STOPPED = "stopped", pgettext_lazy("playbook run", "Stopped")
    CANCELLED = "cancelled", pgettext_lazy("playbook run", "Ended early")


class Why(models.TextChoices):
    """Why a run or a step ended otherwise than by being done."""

    LEFT = "left", pgettext_lazy("why", "The member left")
    CLOSED = "closed", pgettext_lazy("why", "The group was closed")
    STOPPED = "stopped", pgettext_lazy("why", "Stopped by a person")
    RETIRED = "retired", pgettext_lazy("why", "The playbook was retired")
    OFF = "off", pgettext_lazy("why", "Switched off in this group")
    REMOVED = "removed", pgettext_lazy("why", "Taken out of the playbook")
    BEFORE = "before", pgettext_lazy("why", "Its time had passed at the start")
    TOO_LATE = "too_late", pgettext_lazy("why", "Too late to be sent")
    BY_PERSON = "by_person", pgettext_lazy("why", "Skipped by a person")
    ENTRY = "entry", pgettext_lazy("why", "The entry of the group sees to it")
    NO_CONTENT = "no_content", pgettext_lazy("why", "Nothing there to send")
    SAID = "said", pgettext_lazy("why", "Said before the member came")


class PlaybookRun(models.Model):
    """One going through a playbook: of a member's joining, of a group, or of a group's week.

    `key` is what it is about: a second run with it is the same one. `starts_on` is the local day that counts as day 1.
    """

    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="runs")
    key = models.CharField(max_length=60)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="playbook_runs")
    membership = models.ForeignKey(
        Membership, null=True, blank=True, on_delete=models.CASCADE, related_name="playbook_runs"
    )
    started_at = models.DateTimeField()
    starts_on = models.DateField()
    state = models.CharField(max_length=9, choices=RunState, default=RunState.RUNNING)
    ended_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=10, choices=Why, blank=True)

    # What PlaybookRunQuerySet.with_step() adds.
    at_step: int | None
    at_deadline: datetime | None

    objects = PlaybookRunQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["playbook", "key"], name="campaigns_playbookrun_once"),
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="campaigns_playbookrun_state_known"),
            models.CheckConstraint(
                condition=Q(state="running", ended_at=None) | (~Q(state="running") & Q(ended_at__isnull=False)),
                name="campaigns_playbookrun_ended",
            ),
        ]
        indexes = [
            models.Index(fields=["playbook", "state"], name="campaigns_playbookrun_state"),
            models.Index(fields=["group", "state"], name="campaigns_playbookrun_group"),
        ]

    def __str__(self) -> str:
        return self.key


class StepState(models.TextChoices):
    PLANNED = "planned", pgettext_lazy("step", "Planned")
    WAITING = "waiting", pgettext_lazy("step", "With the staff")
    DONE = "done", pgettext_lazy("step", "Done")
    SKIPPED = "skipped", pgettext_lazy("step", "Skipped")
    CANCELLED = "cancelled", pgettext_lazy("step", "Called off")


class StepRun(models.Model):
    """A step of one run.

    planned -> done (a message, handed to the outbox) | waiting (a task, with the staff) -> done | skipped, with
    cancelled beside them. Each move is an UPDATE filtered on the state before it. It is overdue when `deadline`, the
    time until which it should be done, has passed while it is planned or waiting.
    """

    run = models.ForeignKey(PlaybookRun, on_delete=models.CASCADE, related_name="steps")
    step = models.ForeignKey(PlaybookStep, on_delete=models.CASCADE, related_name="runs")
    due_at = models.DateTimeField()
    deadline = models.DateTimeField()
    state = models.CharField(max_length=9, choices=StepState, default=StepState.PLANNED)
    why = models.CharField(max_length=10, choices=Why, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    delivery_id = models.BigIntegerField(null=True, blank=True)
    task_id = models.BigIntegerField(null=True, blank=True)

    objects = StepRunQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "step"], name="campaigns_steprun_once"),
            models.CheckConstraint(condition=Q(state__in=StepState.values), name="campaigns_steprun_state_known"),
            models.CheckConstraint(
                condition=Q(state__in=["planned", "waiting"], settled_at=None)
                | (~Q(state__in=["planned", "waiting"]) & Q(settled_at__isnull=False)),
                name="campaigns_steprun_settled",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="campaigns_steprun_due", condition=Q(state="planned")),
            models.Index(fields=["step", "state", "due_at"], name="campaigns_steprun_step"),
        ]

    def __str__(self) -> str:
        return f"{self.step_id} of {self.run_id}"
