"""The roles that members hold in groups."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import User
from groups.roles.models import GroupRole

MEMBER_ROLES = [role for role in GroupRole if role != GroupRole.MEMBER]


class MemberRole(models.Model):
    """A role that a member holds, or held until `ended_at`, in a group. Being a plain member is the membership."""

    membership = models.ForeignKey("members.Membership", on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=14, choices=[(role.value, role.label) for role in MEMBER_ROLES])
    since = models.DateTimeField()
    granted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["membership", "role"], condition=Q(ended_at=None), name="members_memberrole_once"
            ),
            models.CheckConstraint(condition=Q(role__in=MEMBER_ROLES), name="members_memberrole_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.membership_id}"


class LeaderPass(models.Model):
    """A candidate for opinion leader whom somebody did not want for now; not proposed again before its time."""

    membership = models.OneToOneField("members.Membership", on_delete=models.CASCADE, related_name="leader_pass")
    passed_at = models.DateTimeField()
    passed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return f"{self.membership_id} not before long"
