"""Members who may be one person: proposals with their reasons, decided by people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations
from typing import Any

from django.db.models import Count, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Lower, Trim
from django.utils.translation import gettext as _

from accounts.models import User
from members.fields.models import FieldDefinition, FieldKind
from members.models import Member, Membership, NotDuplicates

MOST = 200
# More rows than this under one value say that the value tells nobody apart.
MOST_ALIKE = 6
CLOSE = timedelta(days=1)
PHONES = ("phone", "mobile", "tel")


@dataclass
class Candidate:
    """Two members, the one known for longer first, and why they may be one."""

    first: Member
    second: Member
    reasons: list[str] = field(default_factory=list)


Pair = tuple[int, int]


def duplicate_candidates(*, user: User, member: Member | None = None) -> list[Candidate]:
    """Likely duplicates among those that `user` may see, with more reasons first; at most MOST. With `member` only
    those of one. The number of queries depends on the number of phone fields only."""
    reasons: dict[Pair, list[str]] = {}
    people = Member.objects.visible_to(user).current()
    for label, values in _shared(people, user, member):
        for pair in _pairs(values, member):
            reasons.setdefault(pair, []).append(label)
        if len(reasons) > MOST * 5:
            break
    if not reasons:
        return []
    denied = set(NotDuplicates.objects.values_list("first_id", "second_id"))
    found = sorted((pair for pair in reasons if pair not in denied), key=lambda pair: (-len(reasons[pair]), pair))
    found = found[:MOST]
    rows = people.in_bulk({number for pair in found for number in pair})
    return [
        Candidate(rows[first], rows[second], reasons[first, second])
        for first, second in found
        if first in rows and second in rows
    ]


def _pairs(numbers: Iterable[int], member: Member | None) -> Iterator[Pair]:
    for first, second in combinations(sorted(set(numbers)), 2):
        if member is None or member.pk in (first, second):
            yield first, second


def _shared(people: Any, user: User, member: Member | None) -> Iterator[tuple[str, list[int]]]:
    """(why, numbers of members who share something)."""
    columns: list[tuple[str, Any]] = [(_("the same WeChat id"), Lower(Trim("contact")))]
    phones = Q()
    for word in PHONES:
        phones |= Q(key__icontains=word)
    for definition in FieldDefinition.objects.visible_to(user).in_use().filter(phones, kind=FieldKind.TEXT):
        label = _("the same value of %(field)s") % {"field": definition.label}
        columns.append((label, Lower(Trim(KT(f"fields__{definition.key}")))))
    for label, expression in columns:
        rows = people.order_by().annotate(value=expression).exclude(value=None).exclude(value="")
        if member is not None:
            rows = rows.filter(value__in=rows.filter(pk=member.pk).values("value"))
        alike = rows.values("value").annotate(n=Count("pk")).filter(n__gt=1, n__lte=MOST_ALIKE).values("value")
        by_value: dict[str, list[int]] = {}
        for value, number in rows.filter(value__in=alike).values_list("value", "pk")[: MOST * MOST_ALIKE]:
            by_value.setdefault(value, []).append(number)
        for numbers in by_value.values():
            yield label, numbers
    yield from _same_name_same_day(user, member)


def _same_name_same_day(user: User, member: Member | None) -> Iterator[tuple[str, list[int]]]:
    label = _("the same name, joined the same group within a day")
    rows = (
        # Who was merged is in no group any more, and who was erased has a name of their own.
        Membership.objects.visible_to(user).order_by().annotate(called=Lower(Trim("member__name")))
    )
    if member is not None:
        mine = rows.filter(member=member)
        rows = rows.filter(group__in=mine.values("group"), called__in=mine.values("called"))
    alike = (
        rows.values("group_id", "called")
        .annotate(n=Count("pk"))
        .filter(n__gt=1, n__lte=MOST_ALIKE)
        .values_list("group_id", "called")
    )
    keys = list(alike[: MOST * 2])
    if not keys:
        return
    groups = {group for group, _called in keys}
    names = {called for _group, called in keys}
    known = set(keys)
    places: dict[tuple[int, str], list[tuple[Any, int]]] = {}
    for group, called, joined, number in rows.filter(group_id__in=groups, called__in=names).values_list(
        "group_id", "called", "joined_at", "member_id"
    ):
        if (group, called) in known:
            places.setdefault((group, called), []).append((joined, number))
    for times in places.values():
        for (one, first), (other, second) in combinations(times, 2):
            if abs(one - other) <= CLOSE:
                yield label, [first, second]
