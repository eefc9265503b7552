"""Groups to choose from in a filter."""

from __future__ import annotations

from django.db.models import Q

from accounts.models import User
from groups.models import Group

# A longer choice is no help: the largest groups are offered, and the one that the address names.
OFFERED = 200


def group_choices(user: User, asked: str) -> list[tuple[str, str]]:
    """The groups that a filter offers to `user`, by name; `asked` is what the address names, as a number."""
    groups = Group.objects.visible_to(user)
    largest = groups.order_by("-member_count", "pk").values("pk")[:OFFERED]
    offered = Q(pk__in=list(largest.values_list("pk", flat=True)))
    if asked.isascii() and asked.isdecimal() and len(asked) < 19:
        offered |= Q(pk=int(asked))
    return [(str(pk), name) for pk, name in groups.filter(offered).order_by("name", "pk").values_list("pk", "name")]
