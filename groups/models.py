"""Groups and what they are for."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch
from delivery.models import Destination
from groups.querysets import GroupQuerySet


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


def new_page_token() -> str:
    """The unguessable part of the address of a group's member page: 128 random bits."""
    return secrets.token_urlsafe(16)


class Group(models.Model):
    """A group chat and its positioning. A group is active once it says why it is run and what it is for.

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

    objects = GroupQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=GroupState.values), name="groups_group_state_known"),
            models.CheckConstraint(
                condition=~Q(state="active") | (~Q(motivation="") & ~Q(purpose="")),
                name="groups_group_active_is_positioned",
            ),
        ]
        indexes = [
            models.Index(fields=["branch", "state"], name="groups_group_branch_state"),
            models.Index(fields=["name", "id"], name="groups_group_name"),
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
