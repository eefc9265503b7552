"""Groups and what they are for."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch
from delivery.models import Destination
from groups.bulk.models import BulkRow, BulkRun, BulkState, RowState
from groups.classes.models import Grade, Tier
from groups.presets.models import GroupPlan, PresetEdit
from groups.querysets import GroupQuerySet
from groups.roles.models import Duty, DutyCheck, GroupRole, Permission, Rhythm, RolePermission, StaffRole
from groups.rules.models import Action, Category, Detector, Rule, RuleSet, RuleSetVersion, VersionState

__all__ = [
    "Action",
    "BulkRow",
    "BulkRun",
    "BulkState",
    "Category",
    "CommunityType",
    "Detector",
    "Duty",
    "DutyCheck",
    "Grade",
    "Group",
    "GroupPlan",
    "GroupRole",
    "GroupState",
    "GroupTag",
    "HealthStage",
    "Motivation",
    "Permission",
    "PresetEdit",
    "Rhythm",
    "RolePermission",
    "RowState",
    "Rule",
    "RuleSet",
    "RuleSetVersion",
    "StaffRole",
    "Tier",
    "VersionState",
    "new_page_token",
]


class GroupState(models.TextChoices):
    FORMING = "forming", pgettext_lazy("group state", "Forming")
    ACTIVE = "active", pgettext_lazy("group state", "Active")
    ARCHIVED = "archived", pgettext_lazy("group state", "Archived")
    DISMISSED = "dismissed", pgettext_lazy("group state", "Dismissed")


class Motivation(models.TextChoices):
    """Why the brand runs the group."""

    SALES = "sales", pgettext_lazy("motivation", "Sales")
    SOCIAL = "social", pgettext_lazy("motivation", "Social circle")
    GROWTH = "growth", pgettext_lazy("motivation", "Growth")
    BRAND = "brand", pgettext_lazy("motivation", "Brand")
    FANS = "fans", pgettext_lazy("motivation", "Fan attraction")
    AGENTS = "agents", pgettext_lazy("motivation", "Agents")
    SERVICE = "service", pgettext_lazy("motivation", "Service")


class CommunityType(models.TextChoices):
    """What holds the members together."""

    PRODUCT = "product", pgettext_lazy("community type", "Product")
    LIKE_MINDED = "like_minded", pgettext_lazy("community type", "Like-minded")
    KNOWLEDGE = "knowledge", pgettext_lazy("community type", "Knowledge")
    RESOURCE = "resource", pgettext_lazy("community type", "Resource")
    PROJECT = "project", pgettext_lazy("community type", "Project collaboration")
    MIXED = "mixed", pgettext_lazy("community type", "Mixed")


class HealthStage(models.TextChoices):
    """Where a group stands in its life; analytics decides it for each day."""

    FORMING = "forming", pgettext_lazy("stage of a group", "Forming")
    GROWING = "growing", pgettext_lazy("stage of a group", "Growing")
    ACTIVE = "active", pgettext_lazy("stage of a group", "Active")
    DECLINING = "declining", pgettext_lazy("stage of a group", "Declining")
    DEAD = "dead", pgettext_lazy("stage of a group", "Dead")


class GroupTag(models.Model):
    """A word that staff put on groups to find them again. With a branch it is that branch's own."""

    name = models.CharField(_("name"), max_length=40)
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="group_tags")

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["branch", "name"], name="groups_grouptag_name"),
            # Empty branches do not count as equal, so the shared names need a constraint of their own.
            models.UniqueConstraint(fields=["name"], condition=Q(branch=None), name="groups_grouptag_name_shared"),
        ]

    def __str__(self) -> str:
        return self.name


def new_page_token() -> str:
    """The unguessable part of the address of a group's member page: 128 random bits."""
    return secrets.token_urlsafe(16)


class Group(models.Model):
    """A group chat and its positioning. A group is active once it says why it is run and what it is for.

    The audience (tier, identity, grade) says for whom it is; empty means anybody. `keeps_messages` is the group's
    consent to keep what is written in it; otherwise a text is kept only as evidence.
    `stage`, `stage_since` and `noise` are decided by analytics; `noise` is messages a day for each member present.
    `member_count`, `last_event_at`, `active_7d` and `messages_7d` are figures kept for the lists; the services of
    members recount them after every batch of events.
    """

    external_id = models.CharField(_("external id"), max_length=120, unique=True)
    name = models.CharField(_("name"), max_length=120)
    branch = models.ForeignKey(
        Branch, verbose_name=_("branch"), null=True, blank=True, on_delete=models.PROTECT, related_name="groups"
    )
    state = models.CharField(_("state"), max_length=12, choices=GroupState, default=GroupState.FORMING)
    motivation = models.CharField(_("motivation"), max_length=10, choices=Motivation, blank=True)
    community_type = models.CharField(_("community type"), max_length=12, choices=CommunityType, blank=True)
    purpose = models.TextField(_("purpose"), blank=True, max_length=1000)
    pain_point = models.TextField(_("pain point"), blank=True, max_length=1000)
    usage_scene = models.TextField(_("usage scene"), blank=True, max_length=1000)
    promise = models.TextField(_("promise to members"), blank=True, max_length=1000)
    slogan = models.CharField(_("slogan"), max_length=120, blank=True)
    internal_slogan = models.CharField(_("internal slogan"), max_length=120, blank=True)
    audience_tier = models.CharField(_("tier"), max_length=10, choices=Tier, blank=True)
    audience_identity = models.CharField(_("identity"), max_length=60, blank=True)
    audience_grade = models.ForeignKey(
        Grade, verbose_name=_("grade"), null=True, blank=True, on_delete=models.PROTECT, related_name="groups"
    )
    tags = models.ManyToManyField(GroupTag, verbose_name=_("tags"), blank=True, related_name="groups")
    rule_set = models.ForeignKey(
        RuleSet, verbose_name=_("rules"), null=True, blank=True, on_delete=models.PROTECT, related_name="groups"
    )
    keeps_messages = models.BooleanField(_("keep messages"), default=False)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="absorbed")
    capacity = models.PositiveSmallIntegerField(_("capacity"), default=500)
    destination = models.OneToOneField(
        Destination, null=True, blank=True, on_delete=models.SET_NULL, related_name="group"
    )
    page_token = models.CharField(max_length=22, unique=True, default=new_page_token)
    opened_at = models.DateTimeField(_("opened"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    member_count = models.PositiveIntegerField(_("members"), default=0)
    last_event_at = models.DateTimeField(_("last activity"), null=True, blank=True)
    active_7d = models.PositiveIntegerField(_("active in 7 days"), default=0)
    messages_7d = models.PositiveIntegerField(_("messages in 7 days"), default=0)
    stage = models.CharField(_("stage"), max_length=10, choices=HealthStage, blank=True)
    stage_since = models.DateField(_("stage since"), null=True, blank=True)
    noise = models.FloatField(_("noise"), null=True, blank=True)

    objects = GroupQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=GroupState.values), name="groups_group_state_known"),
            models.CheckConstraint(
                condition=~Q(state="active") | (~Q(motivation="") & ~Q(purpose="")),
                name="groups_group_active_is_positioned",
            ),
            models.CheckConstraint(condition=Q(stage__in=["", *HealthStage.values]), name="groups_group_stage_known"),
        ]
        indexes = [
            models.Index(fields=["branch", "state"], name="groups_group_branch_state"),
            models.Index(fields=["name", "id"], name="groups_group_name"),
            models.Index(fields=["stage", "id"], name="groups_group_stage"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_positioned(self) -> bool:
        """Whether the group says why it is run and what it is for, which it must before it can be active."""
        return bool(self.motivation and self.purpose)

    @property
    def may_be_posted_to(self) -> bool:
        return self.state == GroupState.ACTIVE
