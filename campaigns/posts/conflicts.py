"""What will go wrong, or annoy people, before it happens: two posts close together, more than a group takes in a day,
times within quiet hours, a series that runs dry, a channel that is off."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain, islice
from typing import NamedTuple

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

from accounts.models import User
from accounts.policies import policy_get
from campaigns.posts.limits import LimitsByGroup, SendingPolicy, limits_of, used_on
from campaigns.posts.models import DayKind, Holidays, Occurrence, Post, PostGroup, PostState
from campaigns.posts.schedules import special_days
from groups.models import Group

NAMED = 3


class ConflictKind(models.TextChoices):
    CLOSE = "close", pgettext_lazy("conflict", "Close together")
    QUOTA = "quota", pgettext_lazy("conflict", "Over the daily limit")
    QUIET = "quiet", pgettext_lazy("conflict", "Within quiet hours")
    SUPPLY = "supply", pgettext_lazy("conflict", "Series runs dry")
    HOLIDAY = "holiday", pgettext_lazy("conflict", "On a holiday")
    CHANNEL_OFF = "channel_off", pgettext_lazy("conflict", "Channel off")


@dataclass(frozen=True)
class Draft:
    """A post as it is being written, or changed (`post_id`: the one it takes the place of)."""

    times: Sequence[datetime]
    groups: Collection[int]
    keeps_limits: bool = True
    keeps_holidays: bool = False
    post_id: int | None = None
    repeats: Collection[datetime] = ()  # times for which its series has nothing new


@dataclass(frozen=True)
class Conflict:
    """One thing to look at. `occurrences` are those concerned, none for times of a draft; `groups` are ids."""

    kind: ConflictKind
    at: datetime
    text: str
    posts: tuple[int, ...] = ()
    occurrences: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()

    @property
    def is_grave(self) -> bool:
        """Whether something will not be sent, unless somebody does something."""
        return self.kind in (ConflictKind.QUOTA, ConflictKind.QUIET, ConflictKind.CHANNEL_OFF)


@dataclass
class _Time:
    """One moment of one post, with the groups that get it."""

    at: datetime
    title: str
    groups: frozenset[int]
    local: datetime  # the same moment on the clock of the installation
    post: int | None = None
    occurrence: int | None = None
    keeps_limits: bool = True
    keeps_holidays: bool = False
    repeats: bool = False
    draft: bool = False


def conflicts(
    *,
    user: User,
    start: datetime,
    end: datetime,
    now: datetime | None = None,
    groups: Collection[int] | None = None,
    draft: Draft | None = None,
) -> list[Conflict]:
    """What is worth a look among the posts planned from `start` up to `end`, in the order of time.

    Only posts and groups that `user` may see count; with `groups` only these. With a `draft`, only what concerns the
    draft: its times are taken as if they were planned. `now` (default: `start`) says which day has used up a part of
    its quota already. The number of queries is the same however many posts and groups there are.
    """
    policy = policy_get(SendingPolicy)
    apart = timedelta(minutes=policy.apart_minutes)
    # What lies just outside the range may still be too close to what lies within it, or fall on its first day.
    visible = dict(Group.objects.visible_to(user).values_list("pk", "name"))
    names = visible if groups is None else {pk: visible[pk] for pk in groups if pk in visible}
    times = _planned(start - timedelta(days=1), end + timedelta(days=1), names, draft)
    if draft is not None:
        own = frozenset(set(draft.groups) & names.keys())
        repeats = set(draft.repeats)
        times += [
            _Time(
                at,
                "",
                own,
                timezone.localtime(at),
                keeps_limits=draft.keeps_limits,
                keeps_holidays=draft.keeps_holidays,
                repeats=at in repeats,
                draft=True,
            )
            for at in draft.times
        ]
    times.sort(key=lambda each: each.at)
    limits = limits_of(names)
    today = timezone.localdate(now or start)
    said = _Sayings(names)
    found = [
        *_close(times, apart, said),
        *_over_quota(times, limits, said, today, used_on(today, names)),
        *_quiet(times, limits, said),
        *_supply(times, said),
        *_holidays(times, special_days(user.branch_id), said),
        *_channels_off(times, said),
    ]
    if draft is not None:
        found = [(conflict, drafted) for conflict, drafted in found if drafted]
    kept = [conflict for conflict, _drafted in found if start <= conflict.at < end]
    return sorted(kept, key=lambda conflict: (conflict.at, conflict.kind))


Found = Iterable[tuple[Conflict, bool]]


class _Row(NamedTuple):
    """What is read of an occurrence: thousands of them make a month, so they are no objects of the ORM."""

    pk: int
    due_at: datetime
    post: int
    piece: int | None
    title: str
    keeps_limits: bool
    holidays: str
    series: int | None
    no_repeat_days: int | None


COLUMNS = ("pk", "due_at", "post_id", "piece_id", "post__title", "post__keeps_limits", "post__holidays",
           "post__series_id", "post__series__no_repeat_days")  # fmt: skip


def _planned(start: datetime, end: datetime, names: dict[int, str], draft: Draft | None) -> list[_Time]:
    chosen = Occurrence.objects.filter(due_at__gte=start, due_at__lt=end, cancelled_at=None)
    chosen = chosen.filter(post__state__in=[PostState.ACTIVE, PostState.FINISHED])
    if draft is not None and draft.post_id is not None:
        chosen = chosen.exclude(post_id=draft.post_id)
    rows = [_Row(*row) for row in chosen.values_list(*COLUMNS)]
    listed: dict[int, set[int]] = defaultdict(set)
    for post, group in PostGroup.objects.filter(post__in={row.post for row in rows}).values_list("post_id", "group_id"):
        if group in names:
            listed[post].add(group)
    groups = {post: frozenset(of_post) for post, of_post in listed.items()}
    repeated, zone = _repeated(rows), timezone.get_current_timezone()
    return [
        _Time(
            row.due_at,
            row.title,
            groups[row.post],
            row.due_at.astimezone(zone),
            post=row.post,
            occurrence=row.pk,
            keeps_limits=row.keeps_limits,
            keeps_holidays=row.holidays != Holidays.SEND,
            repeats=row.pk in repeated,
        )
        for row in rows
        if row.post in groups
    ]


def _repeated(rows: Sequence[_Row]) -> set[int]:
    """Those whose series had nothing new to draw: the same piece came within its days without repeats, or none."""
    drawn = [row for row in rows if row.series is not None]
    since = min((row.due_at for row in drawn), default=None)
    longest = max((row.no_repeat_days or 0 for row in drawn), default=0)
    uses: dict[tuple[int | None, int | None], list[datetime]] = defaultdict(list)
    earlier = Occurrence.objects.filter(cancelled_at=None, post__series__isnull=False, piece__isnull=False)
    if since is None:
        earlier = earlier.none()
    else:
        pieces = {row.piece for row in drawn}
        earlier = earlier.filter(due_at__gte=since - timedelta(days=longest), piece__in=pieces)
    for series, piece, at in earlier.values_list("post__series_id", "piece_id", "due_at"):
        uses[series, piece].append(at)
    found = set()
    for row in drawn:
        apart = timedelta(days=row.no_repeat_days or 0)
        before = (row.due_at - other for other in uses[row.series, row.piece])
        if row.piece is None or any(timedelta() < gap < apart for gap in before):
            found.add(row.pk)
    return found


class _Sayings:
    """Makes conflicts. The same posts meet day after day: what is said about them is put together once."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self.names = names
        self._shown: dict[frozenset[int], tuple[str, tuple[int, ...]]] = {}
        self._texts: dict[tuple[str, frozenset[int]], str] = {}

    def conflict(
        self, kind: ConflictKind, at: datetime, said: str, of: Sequence[_Time], groups: frozenset[int] = frozenset()
    ) -> tuple[Conflict, bool]:
        if (said, groups) not in self._texts:
            self._texts[said, groups] = self._text(said, groups)
        made = Conflict(
            kind=kind,
            at=at,
            text=self._texts[said, groups],
            posts=tuple(dict.fromkeys(each.post for each in of if each.post is not None)),
            occurrences=tuple(each.occurrence for each in of if each.occurrence is not None),
            groups=self._named(groups)[1],
        )
        return made, any(each.draft for each in of)

    def _text(self, said: str, groups: frozenset[int]) -> str:
        text = _("%(said)s: %(groups)s") % {"said": said, "groups": self._named(groups)[0]} if groups else said
        return text[:1].upper() + text[1:]

    def _named(self, groups: frozenset[int]) -> tuple[str, tuple[int, ...]]:
        if groups not in self._shown:
            shown = _(", ").join(sorted(self.names[pk] for pk in groups)[:NAMED])
            if len(groups) > NAMED:
                more = len(groups) - NAMED
                shown = ngettext("%(names)s and %(more)d more", "%(names)s and %(more)d more", more) % {
                    "names": shown,
                    "more": more,
                }
            self._shown[groups] = shown, tuple(sorted(groups))
        return self._shown[groups]


def _close(times: Sequence[_Time], apart: timedelta, said: _Sayings) -> Found:
    words: dict[tuple[str, int], str] = {}
    # By posts, because those of one are the same set at each of its times.
    met: dict[tuple[int | None, int | None], frozenset[int]] = {}
    for number, first in enumerate(times):
        for second in islice(times, number + 1, None):
            if second.at - first.at >= apart:
                break
            if first.post is not None and first.post == second.post:
                continue
            pair = first.post, second.post
            if pair not in met:
                met[pair] = first.groups & second.groups
            if not (shared := met[pair]):
                continue
            other = first if second.draft else second
            minutes = round((second.at - first.at).total_seconds() / 60)
            if (other.title, minutes) not in words:
                words[other.title, minutes] = _distance(other.title, minutes)
            yield said.conflict(ConflictKind.CLOSE, second.at, words[other.title, minutes], [first, second], shared)


def _distance(title: str, minutes: int) -> str:
    if minutes == 0:
        return _("“%(title)s” goes out at the same time") % {"title": title}
    return ngettext(
        "“%(title)s” goes out %(minutes)d minute apart", "“%(title)s” goes out %(minutes)d minutes apart", minutes
    ) % {"title": title, "minutes": minutes}


def _over_quota(
    times: Sequence[_Time], limits: LimitsByGroup, said: _Sayings, today: date, used: dict[int, int]
) -> Found:
    days: dict[date, list[_Time]] = defaultdict(list)
    for each in times:
        days[each.local.date()].append(each)
    for day, of_day in days.items():
        counts = Counter(chain.from_iterable(each.groups for each in of_day))
        over = frozenset(
            group
            for group, count in counts.items()
            # What was sent today lies among the times as well: whichever says more.
            if (quota := limits.quota(group)) and max(count, used.get(group, 0) if day == today else 0) > quota
        )
        held = [each for each in of_day if each.groups & over] if over else []
        if any(each.keeps_limits for each in held):
            most = max(counts[group] for group in over)
            text = _("%(count)d posts on this day, more than the daily limit") % {"count": most}
            yield said.conflict(ConflictKind.QUOTA, held[-1].at, text, held, over)


def _quiet(times: Sequence[_Time], limits: LimitsByGroup, said: _Sayings) -> Found:
    for each in times:
        if each.keeps_limits and (quiet := limits.quiet_among(each.groups, each.local.time())):
            yield said.conflict(ConflictKind.QUIET, each.at, _("within quiet hours"), [each], quiet)


def _supply(times: Sequence[_Time], said: _Sayings) -> Found:
    for each in times:
        if each.repeats:
            text = _("the series has nothing new for this time: a piece comes again, or none")
            yield said.conflict(ConflictKind.SUPPLY, each.at, text, [each])


def _holidays(times: Sequence[_Time], days: dict[date, str], said: _Sayings) -> Found:
    for each in times:
        if not each.keeps_holidays and days.get(each.local.date()) == DayKind.OFF:
            yield said.conflict(ConflictKind.HOLIDAY, each.at, _("on a day off"), [each])


def _channels_off(times: Sequence[_Time], said: _Sayings) -> Found:
    off = set(
        Group.objects.filter(destination__disabled_at__isnull=False, pk__in=Group.objects.postable().values("pk"))
        .values_list("pk", flat=True)
    )  # fmt: skip
    seen: set[int | None] = set()
    for each in times if off else ():
        # Said once for each post, at its first time: it is the channel that is to be mended.
        if each.post in seen or not (silent := each.groups & off):
            continue
        seen.add(each.post)
        yield said.conflict(ConflictKind.CHANNEL_OFF, each.at, _("the channel is switched off"), [each], silent)


def posts_of(found: Iterable[Conflict], user: User) -> dict[int, Post]:
    """The posts that conflicts name, as far as `user` may see them. One query."""
    return Post.objects.visible_to(user).in_bulk({pk for each in found for pk in each.posts})
