"""Staff: who signs in, what they may do, and the record of what they did."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.querysets import AuditQuerySet, BranchQuerySet, StaffManager, TokenQuerySet


class Branch(models.Model):
    """A branch community of the brand. It owns groups and staff; headquarters is the absence of a branch."""

    code = models.SlugField(_("code"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = BranchQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    ADMIN = "admin", _("Administrator")
    MANAGER = "manager", _("Manager")
    OPERATOR = "operator", _("Operator")


class Theme(models.TextChoices):
    AUTO = "auto", _("As the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class User(AbstractUser):
    """A person of the staff. `branch` empty means headquarters, which sees every branch."""

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    display_name = models.CharField(pgettext_lazy("person", "name"), max_length=100, blank=True)
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.MANAGER)
    branch = models.ForeignKey(
        Branch, verbose_name=_("branch"), null=True, blank=True, on_delete=models.PROTECT, related_name="staff"
    )
    language = models.CharField(_("language"), max_length=10, blank=True)
    seen_language = models.CharField(max_length=10, blank=True, help_text="of the page on which they last signed in")
    theme = models.CharField(_("theme"), max_length=10, choices=Theme, default=Theme.AUTO)

    objects: ClassVar[StaffManager] = StaffManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="accounts_user_role_known"),
        ]

    def __str__(self) -> str:
        return self.display_name or self.username

    @property
    def reads_in(self) -> str:
        """The language of what is written to them while they look at no page."""
        return self.language or self.seen_language or settings.LANGUAGE_CODE

    @property
    def may_write(self) -> bool:
        """Managers read; operators and administrators also change."""
        return self.role in (Role.ADMIN, Role.OPERATOR)

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN

    @property
    def is_headquarters(self) -> bool:
        return self.branch_id is None


class ApiToken(models.Model):
    """A key of another system. It acts for its staff member and sees what that person sees.

    Only a digest is kept: the token itself is shown once, when it is issued.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=100, blank=True)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token, hexadecimal")
    last_four = models.CharField(max_length=4)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"…{self.last_four}"


class IdempotentRequest(models.Model):
    """The answer kept for an `Idempotency-Key`, so that a repeated request is answered and not carried out again."""

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body")
    status = models.PositiveSmallIntegerField(null=True, help_text="empty while the first request is at work")
    body = models.JSONField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["token", "key"], name="accounts_idempotentrequest_one_per_key"),
        ]

    def __str__(self) -> str:
        return self.key


class Policy(models.Model):
    """What administrators decided for the whole community, one row for each subject; read by accounts.policies."""

    key = models.SlugField(max_length=40, unique=True)
    value = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1, help_text="grows with each change, so that forms notice others'")
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.key


class AuditEntry(models.Model):
    """Who changed what, from where. Names are copied, so that the entry outlives the person and the subject.

    `branch_id` is a plain number and says whose staff may read the entry; empty is headquarters only.
    """

    at = models.DateTimeField(db_index=True)
    actor = models.ForeignKey(
        User, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="audit_entries"
    )
    actor_name = models.CharField(max_length=150)
    action = models.CharField(max_length=60, help_text="entity and verb, as group.updated")
    subject_type = models.CharField(max_length=40)
    subject_id = models.BigIntegerField(null=True)
    subject_name = models.CharField(max_length=200, blank=True)
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    via = models.CharField(max_length=60, blank=True, help_text="the way in: a page, a token, a command, a task")
    branch_id = models.BigIntegerField(null=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["subject_type", "subject_id", "at"], name="accounts_audit_subject")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_name}"
