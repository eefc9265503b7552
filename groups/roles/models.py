"""Roles and their permissions; the staff who hold a role in a group. Members' roles live with the members."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from groups.roles.querysets import DutyQuerySet


class GroupRole(models.TextChoices):
    """What somebody is in one group. Owner and administrator may be staff; every role may be a member's."""

    OWNER = "owner", pgettext_lazy("role in a group", "Owner")
    ADMINISTRATOR = "administrator", pgettext_lazy("role in a group", "Administrator")
    LEADER = "leader", pgettext_lazy("role in a group", "Opinion leader")
    INITIATOR = "initiator", pgettext_lazy("role in a group", "Initiator")
    SEED = "seed", pgettext_lazy("role in a group", "Seed user")
    MEMBER = "member", pgettext_lazy("role in a group", "Member")


STAFF_ROLES = (GroupRole.OWNER, GroupRole.ADMINISTRATOR)


class Permission(models.TextChoices):
    """What a role in a group may allow."""

    POST = "post", pgettext_lazy("permission", "Post announcements")
    INVITE = "invite", pgettext_lazy("permission", "Invite")
    MODERATE = "moderate", pgettext_lazy("permission", "Moderate")
    ANSWER = "answer", pgettext_lazy("permission", "Answer questions")
    REVIEW = "review", pgettext_lazy("permission", "Review members")
    ENVELOPES = "envelopes", pgettext_lazy("permission", "Send red envelopes")


class RolePermission(models.Model):
    """A cell of the matrix that an administrator decided; cells without a row have their default.

    `role` is a GroupRole, or "operator": staff of the branch who hold no role in the group.
    """

    role = models.CharField(max_length=14)
    permission = models.CharField(max_length=12, choices=Permission)
    allowed = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["role", "permission"], name="groups_rolepermission_once"),
            models.CheckConstraint(
                condition=Q(role__in=[*GroupRole.values, "operator"]), name="groups_rolepermission_role_known"
            ),
            models.CheckConstraint(
                condition=Q(permission__in=Permission.values), name="groups_rolepermission_permission_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.permission}"


class StaffRole(models.Model):
    """A person of the staff as owner or administrator of a group."""

    group = models.ForeignKey("groups.Group", on_delete=models.CASCADE, related_name="staff_roles")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="group_roles")
    role = models.CharField(max_length=14, choices=[(role.value, role.label) for role in STAFF_ROLES])
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "user", "role"], name="groups_staffrole_once"),
            models.UniqueConstraint(
                fields=["group"], condition=Q(role=GroupRole.OWNER), name="groups_staffrole_one_owner"
            ),
            models.CheckConstraint(condition=Q(role__in=STAFF_ROLES), name="groups_staffrole_role_known"),
        ]
        indexes = [models.Index(fields=["user", "group"], name="groups_staffrole_user")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} of {self.group_id}"


class Rhythm(models.TextChoices):
    """How often a duty comes."""

    OPENING = "opening", pgettext_lazy("duty", "Once, before the group opens")
    DAILY = "daily", pgettext_lazy("duty", "Every day")
    WEEKLY = "weekly", pgettext_lazy("duty", "Every week")


class Duty(models.Model):
    """What a role in a group brings with it. A duty that was taken away keeps its row, and with it what was done."""

    role = models.CharField(max_length=14, choices=GroupRole)
    text = models.CharField(_("duty"), max_length=200)
    rhythm = models.CharField(_("rhythm"), max_length=8, choices=Rhythm, default=Rhythm.DAILY)
    position = models.PositiveSmallIntegerField(default=0)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = DutyQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(role__in=GroupRole.values), name="groups_duty_role_known"),
            models.CheckConstraint(condition=Q(rhythm__in=Rhythm.values), name="groups_duty_rhythm_known"),
        ]

    def __str__(self) -> str:
        return self.text


class DutyCheck(models.Model):
    """Somebody did a duty in a group. `period` is the first day of the day or week that it counts for; a duty that
    comes once has one fixed day."""

    duty = models.ForeignKey(Duty, on_delete=models.CASCADE, related_name="checks")
    group = models.ForeignKey("groups.Group", on_delete=models.CASCADE, related_name="duty_checks")
    period = models.DateField()
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    done_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["duty", "group", "period"], name="groups_dutycheck_once"),
        ]
        indexes = [models.Index(fields=["group", "done_at"], name="groups_dutycheck_group")]

    def __str__(self) -> str:
        return f"{self.duty_id} in {self.group_id} on {self.period}"
