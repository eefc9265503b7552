"""Groups to choose from in filters and forms."""

from __future__ import annotations

from django.db.models import Q

from accounts.models import User
from groups.models import Group, Permission

# A longer choice is no help: the largest groups are offered, and the one that the address names.
OFFERED = 200
# What a search in a form finds at once.
FOUND = 20


def group_choices(user: User, asked: str) -> list[tuple[str, str]]:
    """The groups that a filter offers to `user`, by name; `asked` is what the address names, as a number."""
    groups = Group.objects.visible_to(user)
    largest = groups.order_by("-member_count", "pk").values("pk")[:OFFERED]
    offered = Q(pk__in=list(largest.values_list("pk", flat=True)))
    if asked.isascii() and asked.isdecimal() and len(asked) < 19:
        offered |= Q(pk=int(asked))
    return [(str(pk), name) for pk, name in groups.filter(offered).order_by("name", "pk").values_list("pk", "name")]


def groups_to_post_to(user: User, text: str, taken: set[int]) -> tuple[list[Group], bool]:
    """The groups that a search finds among those `user` may post to, without those that are `taken`; and whether there
    are more."""
    postable = Group.objects.visible_to(user).postable().permitted(user, Permission.POST)
    found = list(postable.matching(text).exclude(pk__in=taken).order_by("name", "pk")[: FOUND + 1])
    return found[:FOUND], len(found) > FOUND
