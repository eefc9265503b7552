"""Who left, and the last thing that they saw or did before, beside what those saw who stayed.

"Post X was the last thing that 40% of leavers saw" means nothing where it was the last thing that everybody saw. So
each leaver is compared with members of the same group who are still there, at the same moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from activity.models import BuiltInKind, Event, EventKind
from analytics import kernels_ledger as kernels
from analytics.chance import is_apart
from analytics.columns import Columns, Flags, Ints, Shard, allowed
from analytics.hours import READ, groups_of, posts_sent
from analytics.index.whole import whole_index
from analytics.ledger.columns import NEVER, Places
from analytics.ledger.reading import Ledger, undisturbed
from analytics.queries.periods import millis
from analytics.queries.running import run_here
from analytics.sources import Selection, event_columns, numbers_of, with_ids
from campaigns.models import Post
from groups.models import Group

BACK = 30 * 86_400_000  # milliseconds: how far back the last thing may lie
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
    return undisturbed(lambda: _counted(selection, branch, start, end))


def _counted(selection: Selection, branch: str, start: datetime, end: datetime) -> Leavers:
    asked: QuerySet[Group] | None = None
    # Where all groups are asked about they are not named.
    if branch or selection.group_ids is not None or not selection.user.is_headquarters:
        asked = groups_of(selection, branch)
    groups = None if asked is None else numbers_of(asked.order_by().values_list("pk"))
    places = Ledger.now().places(asked)
    gone = np.concatenate([_gone(table, skip, allowed(groups), millis(start), millis(end)) for table, skip in places])
    if selection.member_ids is not None:
        gone = gone[np.isin(gone[:, 0], np.array(list(selection.member_ids), np.int64))]
    total = len(np.unique(gone[:, 0]))
    newest: dict[int, Moment] = {}
    for member, group, joined, at, _number in _newest(gone, 2 * MOST_LEAVERS).tolist():
        if len(newest) < MOST_LEAVERS:
            newest.setdefault(member, Moment(member, group, joined, at))
    left = list(newest.values())
    if not left:
        return Leavers(0, [], 0, 0)
    stayed = _others(places, allowed(groups), left)
    found = _last_things([*left, *stayed])
    of_left, of_stayed = found[: len(left)], found[len(left) :]
    members: dict[str, list[int]] = {}
    for moment, key in zip(left, of_left, strict=True):
        members.setdefault(key, []).append(moment.member)
    return Leavers(total, _compared(Counter(of_left), Counter(of_stayed)), len(left), len(stayed), members)


def _gone(places: Places, skip: Flags, allow: Flags, start: int, end: int) -> Ints:
    """Who left: rows of member, group, when they joined and left, and the number of the membership."""
    rows = np.flatnonzero((places.gone >= start) & (places.gone < end))
    owners = np.searchsorted(places.offsets, rows, side="right") - 1
    keep = ~skip[owners]
    if len(allow):
        inside = np.minimum(places.group[rows], len(allow) - 1)
        keep &= allow[inside] & (inside == places.group[rows])
    rows, owners = rows[keep], owners[keep]
    columns = (places.group, places.joined, places.gone, places.number)
    return np.stack([places.members[owners], *(column[rows].astype(np.int64) for column in columns)], axis=1)


def _newest(gone: Ints, most: int) -> Ints:
    """Of equals the lower number first."""
    if len(gone) > most:
        gone = gone[gone[:, 3] >= np.partition(gone[:, 3], -most)[-most]]
    return gone[np.lexsort((gone[:, 4], -gone[:, 3]))][:most]


def _others(places: Sequence[tuple[Places, Flags]], allow: Flags, left: Sequence[Moment]) -> list[Moment]:
    """For each leaver up to OTHERS members of the group who are still there: those who had joined at the nearest time,
    as newcomers do other things than those who have been there for long."""
    order, starts = _by([moment.group for moment in left])
    joined, at = (np.array([getattr(left[k], name) for k in order], np.int64) for name in ("joined", "at"))
    found = np.full((len(left), OTHERS, 3), -1, np.int64)
    far = np.full((len(left), OTHERS), NEVER)
    for table, skip in places:
        kernels.nearest_there(table, skip, allow, starts, joined, at, found, far)
    chosen = []
    for moment, rows in zip(left, found[np.argsort(order)].tolist(), strict=True):
        chosen += [Moment(member, moment.group, when, moment.at) for number, member, when in rows if number >= 0]
    return chosen


def _by(numbers: Sequence[int]) -> tuple[Ints, Ints]:
    """The order of these numbers, and where each begins in it: `starts[n]:starts[n + 1]`."""
    column = np.array(numbers, np.int64)
    return np.argsort(column, kind="stable"), np.append(0, np.cumsum(np.bincount(column)))


def _last_things(moments: Sequence[Moment]) -> list[str]:
    """The key of the last thing of each: a post, a kind of event, or nothing. The groups are those of the moments, so
    nothing of others is seen."""
    order, starts = _by([moment.member for moment in moments])
    group, at = (np.array([getattr(moments[k], name) for k in order], np.int64) for name in ("group", "at"))
    slugs = dict(EventKind.objects.values_list("pk", "slug"))
    left_out = np.array([slugs.get(number) in LEFT_OUT for number in range(1 + max(slugs, default=0))], np.bool_)
    since, until = int(at.min()) - BACK, int(at.max())
    shards = whole_index(since=since, until=until, kinds=None) or [_read(moments, since, until)]
    kinds, instants = np.zeros((2, len(moments)), np.int64)
    run_here(shards, lambda shard: kernels.last_before(shard, starts, group, at, BACK, left_out, kinds, instants))
    groups = with_ids(Group.objects.order_by(), np.unique(group).tolist())
    posts = posts_sent(groups, _instant(since) - READ, _instant(until))
    told = posts.before(group, instants)
    keys = [""] * len(moments)
    for place, kind, post in zip(order.tolist(), kinds.tolist(), told.tolist(), strict=True):
        slug = slugs.get(kind, "")
        is_post = slug in SEEN and post >= 0
        keys[place] = f"post:{posts.post[post]}" if is_post else f"kind:{slug}" if kind else NOTHING
    return keys


def _read(moments: Sequence[Moment], since: int, until: int) -> Shard:
    """From the database, of these members and groups alone."""
    events = Event.objects.filter(at__gte=_instant(since), at__lt=_instant(until))
    for column in ("member", "group"):
        events = with_ids(events, sorted({getattr(moment, column) for moment in moments}), f"{column}_id")
    return Columns.build(*event_columns(events)).shard()


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
