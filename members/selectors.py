"""What a member did, as far as somebody may see it."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.models import User
from activity.models import Event
from groups.models import Group


def member_events(*, member_id: int, user: User) -> QuerySet[Event]:
    """The events of a member that `user` may see: those in groups of their reach, and those without a group."""
    events = Event.objects.filter(member_id=member_id)
    if user.is_headquarters:
        return events
    return events.filter(Q(group_id=None) | Q(group_id__in=Group.objects.visible_to(user).values("pk")))
