"""Personal links and the devices that were signed in with them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from groups.models import Group
from members.visitors.querysets import EntryLinkQuerySet, MemberSessionQuerySet


class OpenedBy(models.TextChoices):
    LINK = "link", pgettext_lazy("way in", "Personal link")
    APPLICATION = "application", pgettext_lazy("way in", "Application")
    WECHAT = "wechat", pgettext_lazy("way in", "WeChat")


class EntryLink(models.Model):
    """A personal link that staff hand to one member. It signs in `limit` devices at most, until `expires_at`.

    The code in its address is signed and can be shown again, so none is kept here (see services.link_code).
    """

    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="entry_links")
    group = models.ForeignKey(Group, null=True, on_delete=models.SET_NULL, related_name="+")
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(_("valid until"))
    limit = models.PositiveSmallIntegerField(_("devices"), default=2)
    uses = models.PositiveSmallIntegerField(_("used"), default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = EntryLinkQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(uses__lte=F("limit")), name="members_entrylink_within_limit"),
        ]

    def __str__(self) -> str:
        return f"link {self.pk}"


class MemberSession(models.Model):
    """A device on which a member is signed in. The secret in its cookie is kept here as a SHA-256 digest only."""

    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="sessions")
    digest = models.CharField(max_length=64, unique=True)
    opened_by = models.CharField(_("way in"), max_length=12, choices=OpenedBy)
    device = models.CharField(_("device"), max_length=60, blank=True)
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(_("last seen"))
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = MemberSessionQuerySet.as_manager()

    class Meta:
        ordering = ["-last_seen_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(opened_by__in=OpenedBy.values), name="members_membersession_way_known"),
        ]

    def __str__(self) -> str:
        return f"session {self.pk}"


class IdentityKind(models.TextChoices):
    UNIONID = "unionid", pgettext_lazy("identity", "WeChat, all accounts of this operator")
    OA_OPENID = "oa_openid", pgettext_lazy("identity", "WeChat official account")
    EXTERNAL_USERID = "external_userid", pgettext_lazy("identity", "WeCom customer")


class MemberIdentity(models.Model):
    """By what another system knows a member. `scope` is where the value holds: the app id of an official account, the
    corp id of a company; a unionid has none. One value is one member; a member may have several, as after a merge."""

    member = models.ForeignKey("members.Member", on_delete=models.CASCADE, related_name="identities")
    kind = models.CharField(pgettext_lazy("identity", "kind"), max_length=16, choices=IdentityKind)
    scope = models.CharField(pgettext_lazy("identity", "account"), max_length=64, blank=True)
    value = models.CharField(pgettext_lazy("identity", "id"), max_length=128)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["kind", "scope", "id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "scope", "value"], name="members_memberidentity_once"),
            models.CheckConstraint(condition=Q(kind__in=IdentityKind.values), name="members_memberidentity_kind_known"),
            models.CheckConstraint(condition=~Q(value=""), name="members_memberidentity_says_something"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.member_id}"
