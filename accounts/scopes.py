"""What an API token may allow. Apart from api_auth.py, because REST framework imports that one while it starts."""

from __future__ import annotations

import hashlib

from django.db import models
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    EVENTS_WRITE = "events:write", _("Write events")
    REPORTS_READ = "reports:read", _("Read reports")
    GROUPS_READ = "groups:read", _("Read groups")
    GROUPS_WRITE = "groups:write", _("Change groups")
    MEMBERS_READ = "members:read", _("Read members")
    MEMBERS_WRITE = "members:write", _("Change members")
    CAMPAIGNS_READ = "campaigns:read", _("Read posts and deliveries")
    CAMPAIGNS_WRITE = "campaigns:write", _("Plan and change posts")
    ORDERS_WRITE = "orders:write", _("Write orders")
    AUDIT_READ = "audit:read", _("Read the audit trail")


def token_digest(token: str) -> str:
    """What is kept of a token. Its text is random and long, so a plain hash cannot be reversed by trying."""
    return hashlib.sha256(token.encode()).hexdigest()
