"""What is known of members as seed users, and where each stands on the way."""

from __future__ import annotations

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from members.seeds.querysets import SeedProfileQuerySet, SeedUserQuerySet

TEN = [MaxValueValidator(10)]


class SeedProfile(models.Model):
    """What speaks for a member as a seed user, and the score that follows from it (see members.seeds.criteria).

    The first five columns are said by the member and noted by staff or another system; empty is not known. The others
    are measured over the window of the policy, which ended at `measured_at`.
    """

    member = models.OneToOneField("members.Member", on_delete=models.CASCADE, related_name="seed_profile")
    need = models.PositiveSmallIntegerField(_("urgent need"), null=True, blank=True, validators=TEN)
    imperfect = models.PositiveSmallIntegerField(
        _("willing to use an imperfect product"), null=True, blank=True, validators=TEN
    )
    suggests = models.PositiveSmallIntegerField(_("willing to give suggestions"), null=True, blank=True, validators=TEN)
    creates = models.BooleanField(_("KOL or makes content"), null=True, blank=True)
    audience = models.PositiveIntegerField(
        _("audience size"), null=True, blank=True, validators=[MaxValueValidator(2_000_000_000)]
    )
    active_days = models.PositiveIntegerField(_("active days"), default=0)
    messages = models.PositiveIntegerField(_("messages"), default=0)
    questions = models.PositiveIntegerField(_("questions asked"), default=0)
    answers = models.PositiveIntegerField(_("answers given"), default=0)
    likes = models.PositiveIntegerField(_("likes given"), default=0)
    invited = models.PositiveIntegerField(_("members invited"), default=0)
    orders = models.PositiveIntegerField(_("orders"), default=0)
    score = models.FloatField(_("score"), default=0)
    certainty = models.PositiveSmallIntegerField(_("certainty"), default=0, help_text="percent")
    measured_at = models.DateTimeField(null=True, blank=True)
    reported_at = models.DateTimeField(null=True, blank=True)
    reported_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects = SeedProfileQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["-score", "member"], name="members_seedprofile_score")]
        constraints = [
            models.CheckConstraint(
                condition=Q(score__gte=0, score__lte=100, certainty__lte=100), name="members_seedprofile_score_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.score}"


class SeedStage(models.TextChoices):
    CANDIDATE = "candidate", pgettext_lazy("seed user", "Candidate")
    INVITED = "invited", pgettext_lazy("seed user", "Invited")
    ACCEPTED = "accepted", pgettext_lazy("seed user", "Accepted")
    ACTIVE = "active", pgettext_lazy("seed user", "Active")
    GRADUATED = "graduated", pgettext_lazy("seed user", "Graduated")
    DROPPED = "dropped", pgettext_lazy("seed user", "Dropped")


ENDED = (SeedStage.GRADUATED, SeedStage.DROPPED)


class SeedUser(models.Model):
    """A member on the way of a programme: that of `branch`, or of the whole community where it is empty.

    `group` is where the member holds the role of a seed user while they have accepted or are active.
    """

    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="seed_users")
    branch = models.ForeignKey(
        Branch, verbose_name=_("branch"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    stage = models.CharField(_("stage"), max_length=10, choices=SeedStage, default=SeedStage.CANDIDATE)
    stage_since = models.DateTimeField(_("stage since"))
    owner = models.ForeignKey(
        User,
        verbose_name=pgettext_lazy("seed user", "looked after by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    group = models.ForeignKey(
        "groups.Group", verbose_name=_("group"), null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    next_step = models.CharField(_("next step"), max_length=200, blank=True)
    created_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = SeedUserQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "branch"], condition=Q(ended_at=None), name="members_seeduser_once"
            ),
            # Empty branches do not count as equal, so the shared programme needs a constraint of its own.
            models.UniqueConstraint(
                fields=["member"], condition=Q(ended_at=None, branch=None), name="members_seeduser_once_shared"
            ),
            models.CheckConstraint(condition=Q(stage__in=SeedStage.values), name="members_seeduser_stage_known"),
            models.CheckConstraint(
                condition=Q(stage__in=ENDED, ended_at__isnull=False) | (~Q(stage__in=ENDED) & Q(ended_at=None)),
                name="members_seeduser_ended",
            ),
        ]
        indexes = [models.Index(fields=["stage", "branch", "-stage_since"], name="members_seeduser_stage")]

    def __str__(self) -> str:
        return str(self.member)


class SeedMove(models.Model):
    """One step of a seed user from a stage to another; the first comes from nowhere."""

    seed = models.ForeignKey(SeedUser, on_delete=models.CASCADE, related_name="moves")
    from_stage = models.CharField(max_length=10, choices=SeedStage, blank=True)
    to_stage = models.CharField(max_length=10, choices=SeedStage)
    at = models.DateTimeField()
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(from_stage__in=["", *SeedStage.values], to_stage__in=SeedStage.values),
                name="members_seedmove_stages_known",
            ),
        ]
        indexes = [
            models.Index(fields=["seed", "-at"], name="members_seedmove_seed"),
            models.Index(fields=["at"], name="members_seedmove_at"),
        ]

    def __str__(self) -> str:
        return f"{self.from_stage} -> {self.to_stage}"


class SeedExclusion(models.Model):
    """A member who is not proposed to a programme, and why."""

    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="seed_exclusions")
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(_("reason"), max_length=200)
    at = models.DateTimeField()
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member", "branch"], name="members_seedexclusion_once"),
            # Empty branches do not count as equal, so the shared programme needs a constraint of its own.
            models.UniqueConstraint(
                fields=["member"], condition=Q(branch=None), name="members_seedexclusion_once_shared"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.reason}"


class ScoringState(models.TextChoices):
    QUEUED = "queued", pgettext_lazy("seed scoring", "Waiting")
    RUNNING = "running", pgettext_lazy("seed scoring", "Running")
    DONE = "done", pgettext_lazy("seed scoring", "Done")


class SeedScoring(models.Model):
    """One computation of all scores: each night, and after the criteria changed."""

    state = models.CharField(max_length=8, choices=ScoringState, default=ScoringState.QUEUED)
    created_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    done = models.PositiveIntegerField(default=0, help_text="steps: a day read, or a batch of members written")
    total = models.PositiveIntegerField(default=0)
    members = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ScoringState.values), name="members_seedscoring_state_known"),
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="queued"), name="members_seedscoring_one_waiting"
            ),
        ]

    def __str__(self) -> str:
        return self.state

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0
