from __future__ import annotations

from django import template

from accounts.models import User
from groups.bulk.actions import BulkAction, actions_for

register = template.Library()


@register.simple_tag
def bulk_actions(user: User, subject: str) -> list[BulkAction]:
    return actions_for(subject, user)
