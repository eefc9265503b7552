"""Who left, and the last thing that they saw or did before, beside what those saw who stayed.

"Post X was the last thing that 40% of leavers saw" means nothing where it was the last thing that everybody saw. So
each leaver is compared with members of the same group who are still there, at the same moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from activity.models import BuiltInKind, EventKind
from analytics.chance import is_apart
from analytics.columns import Ints
from analytics.health.counting import GONE
from analytics.hours import READ, groups_of, posts_sent
from analytics.sources import EpochMillis, Selection, numbers_of, with_ids
from campaigns.models import Post
from groups.models import Group
from members.models import Membership
from members.querysets import MembershipQuerySet

LOOK_BACK = timedelta(days=30)
# So many leavers, the newest, with so many who stayed for each: what a page can look at one by one.
MOST_LEAVERS, OTHERS = 1_200, 3
# Below this many leavers a difference is not judged.
LEAST = 5
NOTHING = "nothing"
LEFT_OUT = (BuiltInKind.JOINED, BuiltInKind.LEFT)
SEEN = (BuiltInKind.POST_SEEN, BuiltInKind.LINK_CLICK)


@dataclass(frozen=True)
class Moment:
    """A member in a group, which they joined at one instant, at another (ms)."""

    member: int
    group: int
    joined: int
    at: int


@dataclass(frozen=True)
class LastThing:
    """Of the leavers and of the others so many had this as the last thing. `apart`: 1 more than those who stayed by
    more than chance explains, -1 fewer, 0 neither or too few to tell."""

    key: str
    left: int
    stayed: int
    apart: int


@dataclass(frozen=True)
class Leavers:
    """`total` left; the newest were `looked` at, beside `others` who stayed."""

    total: int
    things: list[LastThing]
    looked: int
    others: int
    members: dict[str, list[int]] = field(default_factory=dict)


def leavers_between(selection: Selection, branch: str, start: datetime, end: datetime) -> Leavers:
    """A constant number of queries."""
    places = Membership.objects.all()
    # Where all groups are asked about they are not named: a database would go through the places group by group.
    if branch or selection.group_ids is not None or not selection.user.is_headquarters:
        places = places.filter(group__in=groups_of(selection, branch).order_by().values("pk"))
    gone: QuerySet[Membership] = places.filter(GONE, left_at__gte=start, left_at__lt=end)
    if selection.member_ids is not None:
        gone = with_ids(gone, selection.member_ids, "member_id")
    # Told apart here: a database asked for distinct members goes through all places in the order of their members.
    total = len(np.unique(numbers_of(gone.order_by().values_list("member_id"))))
    rows = gone.order_by("-left_at", "pk").values_list(
        "member_id", "group_id", EpochMillis(F("joined_at")), EpochMillis(F("left_at"))
    )
    newest: dict[int, Moment] = {}
    for row in numbers_of(rows[: 2 * MOST_LEAVERS]).reshape(-1, 4).tolist():
        if len(newest) < MOST_LEAVERS:
            newest.setdefault(row[0], Moment(*row))
    left = list(newest.values())
    if not left:
        return Leavers(0, [], 0, 0)
    stayed = _others(places, left)
    found = _last_things([*left, *stayed], selection)
    of_left, of_stayed = found[: len(left)], found[len(left) :]
    members: dict[str, list[int]] = {}
    for moment, key in zip(left, of_left, strict=True):
        members.setdefault(key, []).append(moment.member)
    return Leavers(total, _compared(Counter(of_left), Counter(of_stayed)), len(left), len(stayed), members)


def _others(places: MembershipQuerySet, left: Sequence[Moment]) -> list[Moment]:
    """For each leaver up to OTHERS members of the group who are still there: those who had joined at the nearest time,
    as newcomers do other things than those who have been there for long."""
    here = with_ids(places.present(), sorted({moment.group for moment in left}), "group_id")
    rows = here.order_by("group_id", "pk").values_list("group_id", "member_id", EpochMillis(F("joined_at")))
    group, member, joined = numbers_of(rows).reshape(-1, 3).T
    chosen = []
    for moment in left:
        first, after = np.searchsorted(group, [moment.group, moment.group + 1]).tolist()
        there = np.arange(first, after)[joined[first:after] <= moment.at]
        nearest = there[np.argsort(np.abs(joined[there] - moment.joined), kind="stable")][:OTHERS].tolist()
        chosen += [Moment(int(member[row]), moment.group, int(joined[row]), moment.at) for row in nearest]
    return chosen


def _last_things(moments: Sequence[Moment], selection: Selection) -> list[str]:
    """The key of the last thing of each: a post, a kind of event, or nothing."""
    first, last = min(moment.at for moment in moments), max(moment.at for moment in moments)
    start, end = _instant(first) - LOOK_BACK, _instant(last)
    members, places = sorted({m.member for m in moments}), sorted({m.group for m in moments})
    member_ids, place_ids = np.array(members, np.int64), np.array(places, np.int64)
    kinds = dict(EventKind.objects.values_list("pk", "slug"))
    events = Selection(selection.user, frozenset(places), frozenset(members)).events().filter(at__gte=start, at__lt=end)
    events = events.exclude(kind__in=[pk for pk, slug in kinds.items() if slug in LEFT_OUT])
    rows = events.order_by("at", "pk").values_list("member_id", "group_id", EpochMillis(F("at")), "kind_id")
    member, group, at, kind = numbers_of(rows).reshape(-1, 4).T
    posts = posts_sent(with_ids(Group.objects.order_by(), places), start - READ, end)
    of_event = posts.before(group, at)
    # Each pair of member and group is a row of its own, in the order of time.
    width = last - first + LOOK_BACK // timedelta(milliseconds=1) + 2
    base = first - LOOK_BACK // timedelta(milliseconds=1)
    place = np.searchsorted(member_ids, member) * len(places) + np.searchsorted(place_ids, group)
    order = np.argsort(place * width + (at - base), kind="stable")
    ordered = (place * width + (at - base))[order]
    keys = []
    for moment in moments:
        row, column = np.searchsorted(member_ids, moment.member), np.searchsorted(place_ids, moment.group)
        pair = int(row) * len(places) + int(column)
        found = int(np.searchsorted(ordered, pair * width + (moment.at - base))) - 1
        oldest = pair * width + (moment.at - base) - LOOK_BACK // timedelta(milliseconds=1)
        if found < 0 or ordered[found] < max(oldest, pair * width):
            keys.append(NOTHING)
            continue
        event = int(order[found])
        slug, post = kinds[int(kind[event])], int(of_event[event])
        keys.append(f"post:{posts.post[post]}" if slug in SEEN and post >= 0 else f"kind:{slug}")
    return keys


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000).astimezone()


def _compared(left: Counter[str], stayed: Counter[str]) -> list[LastThing]:
    """The most frequent first."""
    judged = sum(count >= LEAST for count in left.values())
    all_left, all_stayed = left.total(), stayed.total()
    things = []
    for key, count in sorted(left.items(), key=lambda item: (-item[1], item[0])):
        other, apart = stayed[key], 0
        if count >= LEAST and is_apart(count, all_left, other, all_stayed, judged):
            apart = 1 if count * all_stayed > other * all_left else -1
        things.append(LastThing(key, count, other, apart))
    return things


def thing_names(keys: Sequence[str]) -> dict[str, str]:
    """What people read for each key. Two queries."""
    numbers = [int(key.partition(":")[2]) for key in keys if key.startswith("post:")]
    posts = {post.pk: post for post in with_ids(Post.objects.select_related("piece", "series"), numbers)}
    kinds = {kind.slug: kind.label for kind in EventKind.objects.all()}
    names = {}
    for key in keys:
        sort, _colon, value = key.partition(":")
        if sort == "post":
            post = posts.get(int(value))
            names[key] = _("Post “%(title)s”") % {"title": _title(post) if post else value}
        else:
            names[key] = kinds.get(value, value) if sort == "kind" else _("Nothing in 30 days")
    return names


def _title(post: Post) -> str:
    if post.title:
        return post.title
    return post.series.name if post.series else post.piece.title if post.piece else str(post.pk)


def people_of(leavers: Leavers, key: str) -> Ints:
    """Raises KeyError where nobody had this as the last thing."""
    return np.array(sorted(leavers.members[key]), np.int64)
