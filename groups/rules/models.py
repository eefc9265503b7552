"""Rule sets and their versions."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from groups.rules.querysets import RuleSetQuerySet


class VersionState(models.TextChoices):
    DRAFT = "draft", pgettext_lazy("version", "Draft")
    PUBLISHED = "published", pgettext_lazy("version", "In force")
    RETIRED = "retired", pgettext_lazy("version", "Retired")


class Category(models.TextChoices):
    ADVERTISING = "advertising", pgettext_lazy("rule", "Advertising")
    ADDING_FRIENDS = "adding_friends", pgettext_lazy("rule", "Adding friends at random")
    OFF_TOPIC = "off_topic", pgettext_lazy("rule", "Off-topic talk")
    SPLIT_QUESTIONS = "split_questions", pgettext_lazy("rule", "Questions in many messages")
    ABUSE = "abuse", pgettext_lazy("rule", "Abuse")
    FRAUD = "fraud", pgettext_lazy("rule", "Fraud")
    OTHER = "other", pgettext_lazy("rule", "Other")


class Detector(models.TextChoices):
    """How a broken rule is noticed. A rule without a detector is only told, and reported by people."""

    NONE = "none", pgettext_lazy("detector", "Reported by people")
    KEYWORDS = "keywords", pgettext_lazy("detector", "Keywords")
    PATTERN = "pattern", pgettext_lazy("detector", "Pattern")
    LINK = "link", pgettext_lazy("detector", "Link")
    CONTACT = "contact", pgettext_lazy("detector", "Contact card or QR code")
    FLOOD = "flood", pgettext_lazy("detector", "Flood")
    SPLIT = "split", pgettext_lazy("detector", "Split message")


class Action(models.TextChoices):
    """What follows, from mild to hard."""

    REMIND = "remind", pgettext_lazy("action", "Remind")
    WARN = "warn", pgettext_lazy("action", "Warn")
    MUTE = "mute", pgettext_lazy("action", "Mute")
    REMOVE = "remove", pgettext_lazy("action", "Remove")


class RuleSet(models.Model):
    """Rules of one or many groups. With a branch it serves that branch's groups, without one it is shared by all.

    Groups follow the version in force. At most one version is in force and at most one is a draft.
    """

    name = models.CharField(_("name"), max_length=120)
    branch = models.ForeignKey(
        Branch, verbose_name=_("branch"), null=True, blank=True, on_delete=models.PROTECT, related_name="rule_sets"
    )
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = RuleSetQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["branch", "name"], name="groups_ruleset_name"),
            # Empty branches do not count as equal, so the shared names need a constraint of their own.
            models.UniqueConstraint(fields=["name"], condition=Q(branch=None), name="groups_ruleset_name_shared"),
        ]

    def __str__(self) -> str:
        return self.name

    def may_be_changed_by(self, user: User) -> bool:
        """Administrators change them: those of headquarters all, those of a branch its own."""
        return user.is_admin and (user.branch_id is None or user.branch_id == self.branch_id)


class RuleSetVersion(models.Model):
    """The rules as they stand, stood or shall stand. Published versions never change.

    `ladder` lists the actions that strikes lead to: `[{"strikes": 1, "action": "remind"}, ...]`, ascending; a strike
    counts for `strike_days` days. `revision` grows with each save of a draft, so that two editors notice each other.
    `fingerprint` is a hash of what the rules look for. `note` tells members what changed; with `reacknowledge` those
    who had read an earlier version are asked again.
    """

    rule_set = models.ForeignKey(RuleSet, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=VersionState, default=VersionState.DRAFT)
    preamble = models.TextField(_("preamble"), blank=True, max_length=2000)
    ladder = models.JSONField(default=list)
    strike_days = models.PositiveSmallIntegerField(_("a strike counts for (days)"), default=90)
    revision = models.PositiveIntegerField(default=1)
    fingerprint = models.CharField(max_length=64, blank=True)
    reacknowledge = models.BooleanField(_("members must read it again"), default=False)
    note = models.TextField(_("what changed"), blank=True, max_length=500)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["rule_set_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["rule_set", "number"], name="groups_rulesetversion_number"),
            models.UniqueConstraint(
                fields=["rule_set"], condition=Q(state="published"), name="groups_rulesetversion_one_in_force"
            ),
            models.UniqueConstraint(
                fields=["rule_set"], condition=Q(state="draft"), name="groups_rulesetversion_one_draft"
            ),
            models.CheckConstraint(
                condition=Q(state__in=VersionState.values), name="groups_rulesetversion_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_set_id} v{self.number}"


class Rule(models.Model):
    """One rule of a version. `code` stays the same from version to version, so that rules can be compared and counted.

    `params` belong to the detector, see groups.rules.detection. `action` is the least that follows at once; the ladder
    of the version may ask for more. `strikes` is how many strikes one breach counts for (0: none).
    """

    version = models.ForeignKey(RuleSetVersion, on_delete=models.CASCADE, related_name="rules")
    code = models.SlugField(max_length=40)
    position = models.PositiveSmallIntegerField(default=0)
    category = models.CharField(_("category"), max_length=20, choices=Category, default=Category.OTHER)
    text = models.CharField(_("rule"), max_length=500)
    detector = models.CharField(_("detector"), max_length=10, choices=Detector, default=Detector.NONE)
    params = models.JSONField(default=dict, blank=True)
    action = models.CharField(_("action"), max_length=8, choices=Action, default=Action.REMIND)
    strikes = models.PositiveSmallIntegerField(_("strikes"), default=1)
    reporter_points = models.PositiveSmallIntegerField(_("points for the reporter"), default=0)

    class Meta:
        ordering = ["version_id", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["version", "code"], name="groups_rule_code"),
            models.CheckConstraint(condition=Q(category__in=Category.values), name="groups_rule_category_known"),
            models.CheckConstraint(condition=Q(detector__in=Detector.values), name="groups_rule_detector_known"),
            models.CheckConstraint(condition=Q(action__in=Action.values), name="groups_rule_action_known"),
        ]

    def __str__(self) -> str:
        return self.text[:60]
