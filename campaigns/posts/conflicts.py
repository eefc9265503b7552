"""What will go wrong, or annoy people, before it happens: two posts close together, more than a group takes in a day,
times within quiet hours, a series that runs dry, a channel that is off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

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
    groups: set[int]
    post: int | None = None
    occurrence: int | None = None
    keeps_limits: bool = True
    keeps_holidays: bool = False
    repeats: bool = False
    draft: bool = field(default=False)


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
        own = set(draft.groups) & names.keys()
        repeats = set(draft.repeats)
        times += [
            _Time(
                at,
                "",
                own,
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
    found = [
        *_close(times, apart, names),
        *_over_quota(times, limits, names, today, used_on(today, names)),
        *_quiet(times, limits, names),
        *_supply(times),
        *_holidays(times, special_days(user.branch_id)),
        *_channels_off(times, names),
    ]
    if draft is not None:
        found = [(conflict, drafted) for conflict, drafted in found if drafted]
    kept = [conflict for conflict, _drafted in found if start <= conflict.at < end]
    return sorted(kept, key=lambda conflict: (conflict.at, conflict.kind))


Found = Iterable[tuple[Conflict, bool]]


def _planned(start: datetime, end: datetime, names: dict[int, str], draft: Draft | None) -> list[_Time]:
    rows = Occurrence.objects.filter(due_at__gte=start, due_at__lt=end, cancelled_at=None)
    rows = rows.filter(post__state__in=[PostState.ACTIVE, PostState.FINISHED]).select_related("post__series")
    if draft is not None and draft.post_id is not None:
        rows = rows.exclude(post_id=draft.post_id)
    occurrences = list(rows)
    groups: dict[int, set[int]] = defaultdict(set)
    for post, group in PostGroup.objects.filter(post__in={each.post_id for each in occurrences}).values_list(
        "post_id", "group_id"
    ):
        if group in names:
            groups[post].add(group)
    repeated = _repeated(occurrences)
    return [
        _Time(
            each.due_at,
            each.post.title,
            groups[each.post_id],
            post=each.post_id,
            occurrence=each.pk,
            keeps_limits=each.post.keeps_limits,
            keeps_holidays=each.post.holidays != Holidays.SEND,
            repeats=each.pk in repeated,
        )
        for each in occurrences
        if groups[each.post_id]
    ]


def _repeated(occurrences: Sequence[Occurrence]) -> set[int]:
    """Those whose series had nothing new to draw: the same piece came within its days without repeats, or none."""
    drawn = [each for each in occurrences if each.post.series is not None]
    since = min((each.due_at for each in drawn), default=None)
    longest = max((each.post.series.no_repeat_days for each in drawn if each.post.series), default=0)
    uses: dict[tuple[int | None, int | None], list[datetime]] = defaultdict(list)
    earlier = Occurrence.objects.filter(cancelled_at=None, post__series__isnull=False, piece__isnull=False)
    if since is None:
        earlier = earlier.none()
    else:
        pieces = {each.piece_id for each in drawn}
        earlier = earlier.filter(due_at__gte=since - timedelta(days=longest), piece__in=pieces)
    for series, piece, at in earlier.values_list("post__series_id", "piece_id", "due_at"):
        uses[series, piece].append(at)
    found = set()
    for each in drawn:
        assert each.post.series is not None
        apart = timedelta(days=each.post.series.no_repeat_days)
        before = (each.due_at - other for other in uses[each.post.series_id, each.piece_id])
        if each.piece_id is None or any(timedelta() < gap < apart for gap in before):
            found.add(each.pk)
    return found


def _close(times: Sequence[_Time], apart: timedelta, names: dict[int, str]) -> Found:
    for number, first in enumerate(times):
        for second in times[number + 1 :]:
            if second.at - first.at >= apart:
                break
            shared = first.groups & second.groups
            if not shared or (first.post is not None and first.post == second.post):
                continue
            other = first if second.draft else second
            minutes = round((second.at - first.at).total_seconds() / 60)
            said = (
                _("“%(title)s” goes out at the same time") % {"title": other.title}
                if minutes == 0
                else ngettext(
                    "“%(title)s” goes out %(minutes)d minute apart", "“%(title)s” goes out %(minutes)d minutes apart",
                    minutes,
                ) % {"title": other.title, "minutes": minutes}
            )  # fmt: skip
            yield _conflict(ConflictKind.CLOSE, second.at, said, [first, second], shared, names)


def _over_quota(
    times: Sequence[_Time], limits: LimitsByGroup, names: dict[int, str], today: date, used: dict[int, int]
) -> Found:
    days: dict[date, list[_Time]] = defaultdict(list)
    for each in times:
        days[timezone.localdate(each.at)].append(each)
    for day, of_day in days.items():
        counts: dict[int, int] = defaultdict(int)
        for each in of_day:
            for group in each.groups:
                counts[group] += 1
        over = {
            group
            for group, count in counts.items()
            # What was sent today lies among the times as well: whichever says more.
            if (quota := limits[group].daily_quota) and max(count, used.get(group, 0) if day == today else 0) > quota
        }
        held = [each for each in of_day if each.groups & over]
        if over and any(each.keeps_limits for each in held):
            most = max(counts[group] for group in over)
            said = _("%(count)d posts on this day, more than the daily limit") % {"count": most}
            yield _conflict(ConflictKind.QUOTA, held[-1].at, said, held, over, names)


def _quiet(times: Sequence[_Time], limits: LimitsByGroup, names: dict[int, str]) -> Found:
    for each in times:
        if each.keeps_limits and (quiet := {group for group in each.groups if limits[group].is_quiet(each.at)}):
            yield _conflict(ConflictKind.QUIET, each.at, _("within quiet hours"), [each], quiet, names)


def _supply(times: Sequence[_Time]) -> Found:
    for each in times:
        if each.repeats:
            said = _("the series has nothing new for this time: a piece comes again, or none")
            yield _conflict(ConflictKind.SUPPLY, each.at, said, [each], (), {})


def _holidays(times: Sequence[_Time], days: dict[date, str]) -> Found:
    for each in times:
        if not each.keeps_holidays and days.get(timezone.localdate(each.at)) == DayKind.OFF:
            yield _conflict(ConflictKind.HOLIDAY, each.at, _("on a day off"), [each], (), {})


def _channels_off(times: Sequence[_Time], names: dict[int, str]) -> Found:
    off = set(
        Group.objects.filter(destination__disabled_at__isnull=False, pk__in=Group.objects.postable().values("pk"))
        .values_list("pk", flat=True)
    )  # fmt: skip
    seen: set[int | None] = set()
    for each in times:
        # Said once for each post, at its first time: it is the channel that is to be mended.
        if each.post in seen or not (silent := each.groups & off):
            continue
        seen.add(each.post)
        yield _conflict(ConflictKind.CHANNEL_OFF, each.at, _("the channel is switched off"), [each], silent, names)


def _conflict(
    kind: ConflictKind, at: datetime, said: str, of: Sequence[_Time], groups: Collection[int], names: dict[int, str]
) -> tuple[Conflict, bool]:
    shown = _(", ").join(sorted(names[pk] for pk in groups)[:NAMED])
    if len(groups) > NAMED:
        more = len(groups) - NAMED
        shown = ngettext("%(names)s and %(more)d more", "%(names)s and %(more)d more", more) % {
            "names": shown,
            "more": more,
        }
    text = _("%(said)s: %(groups)s") % {"said": said, "groups": shown} if groups else said
    drafted = any(each.draft for each in of)
    return (
        Conflict(
            kind=kind,
            at=at,
            text=text[:1].upper() + text[1:],
            posts=tuple(dict.fromkeys(each.post for each in of if each.post is not None)),
            occurrences=tuple(each.occurrence for each in of if each.occurrence is not None),
            groups=tuple(sorted(groups)),
        ),
        drafted,
    )


def posts_of(found: Iterable[Conflict], user: User) -> dict[int, Post]:
    """The posts that conflicts name, as far as `user` may see them. One query."""
    return Post.objects.visible_to(user).in_bulk({pk for each in found for pk in each.posts})
