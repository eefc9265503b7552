"""What goes out when: occurrences with what became of their deliveries. A constant number of queries, however many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from campaigns.calendar.days import Window
from campaigns.posts.conflicts import Draft, conflicts
from campaigns.posts.models import Holidays, Occurrence, Post, PostGroup, PostState, SpecialDay
from campaigns.posts.querysets import OccurrenceQuerySet
from campaigns.posts.scenes import scene_days
from campaigns.posts.selectors import deliveries_visible_to
from delivery.models import Delivery, State
from groups.models import Group, Permission

# A delivery may lie beside the time of its occurrence, where quiet hours held it back.
BESIDE = timedelta(days=1)
MOST_CONFLICTS = 6


class Look(models.TextChoices):
    """How an occurrence stands as a whole."""

    EXPECTED = "expected", pgettext_lazy("occurrence", "Expected")
    PLANNED = "planned", _("Planned")
    SENDING = "sending", _("Sending")
    SENT = "sent", _("Sent")
    WAITING = "waiting_for_owner", _("Waiting for a person")
    FAILED = "failed", _("Failed")
    MISSED = "missed", pgettext_lazy("occurrence", "Missed")
    PAUSED = "paused", _("Paused")
    CALLED_OFF = "called_off", pgettext_lazy("occurrence", "Called off")
    STOPPED = "stopped", _("Stopped")
    ACTIVITY = "activity", pgettext_lazy("campaign", "Activity")

    @property
    def icon(self) -> str:
        return ICONS[self]


ICONS = {
    Look.EXPECTED: "repeat",
    Look.PLANNED: "clock",
    Look.SENDING: "send",
    Look.SENT: "check",
    Look.WAITING: "user",
    Look.FAILED: "alert-triangle",
    Look.MISSED: "alert-circle",
    Look.PAUSED: "player-pause",
    Look.CALLED_OFF: "x",
    Look.STOPPED: "minus",
    Look.ACTIVITY: "ticket",
}
FINAL_FAILURE = Q(state=State.FAILED, retry_at=None) | Q(state=State.UNKNOWN)
AT_WORK = Q(state__in=[State.QUEUED, State.SENDING]) | Q(state=State.FAILED, retry_at__isnull=False)
COUNTS = {
    "total": Count("pk"),
    "sent": Count("pk", filter=Q(state=State.SENT)),
    "planned": Count("pk", filter=Q(state=State.PLANNED)),
    "at_work": Count("pk", filter=AT_WORK),
    "failed": Count("pk", filter=FINAL_FAILURE),
    "waiting": Count("pk", filter=Q(state=State.WAITING)),
    "skipped": Count("pk", filter=Q(state=State.SKIPPED)),
    "begun": Count("pk", filter=Q(attempts__gt=0) | Q(state__in=[State.SENT, State.SENDING, State.UNKNOWN])),
}
NOTHING = dict.fromkeys(COUNTS, 0)


@dataclass(frozen=True)
class Entry:
    """An occurrence as the calendar shows it. `at` is local time of the installation; `zone` is that of its post.

    Without `pk` it is what a post that repeats will do by its rule, and is not planned yet; or, with `activity_id`, an
    activity, which is moved on its own page.
    """

    pk: int | None
    post_id: int
    title: str
    at: datetime
    zone: str
    look: Look
    groups: int
    sent: int
    failed: int
    moved: bool
    reworded: bool
    may_move: bool
    conflicts: tuple[str, ...] = ()
    activity_id: int | None = None

    @property
    def day(self) -> date:
        return self.at.date()

    @property
    def icon(self) -> str:
        return self.look.icon

    @property
    def hover(self) -> str:
        """What does not fit: the whole title, the state, and the time in the zone of its post where that is another."""
        own = f" · {self.at.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M} {self.zone}" if self.zone_is_other else ""
        return " · ".join([f"{self.at:%H:%M} {self.title}", str(self.state), *self.conflicts[:3]]) + own

    @property
    def state(self) -> str | Promise:
        return self.look.label

    @property
    def zone_is_other(self) -> bool:
        return self.zone != timezone.get_default_timezone_name()

    @property
    def counts_sent(self) -> bool:
        """Whether "n of m" says more than the state alone."""
        return 0 < self.sent < self.groups or bool(self.failed)


def occurrences_visible_to(user: User) -> OccurrenceQuerySet:
    """Occurrences of posts that a person may see. The one door to them for pages."""
    if user.branch_id is None:
        return Occurrence.objects.all()
    return Occurrence.objects.filter(post__in=Post.objects.visible_to(user))


def calendar_entries(
    *,
    user: User,
    window: Window,
    groups: QuerySet[Group] | None = None,
    series: int | None = None,
) -> list[Entry]:
    """What goes out within the window, in order; with `groups` only what goes to one of them."""
    within = occurrences_visible_to(user).filter(due_at__gte=window.start, due_at__lt=window.end)
    if series is not None:
        within = within.filter(post__series_id=series)
    counts = _counts(user, window, within, groups)
    # Few posts, many times of each: read once, not once for each time.
    posts = Post.objects.select_related("series").in_bulk(set(within.order_by().values_list("post_id", flat=True)))
    changeable = posts_changeable(user, posts)
    found = []
    rows: Iterable[Any] = within.annotate(own_title=F("message__title")).order_by("due_at", "pk").iterator()
    for row in rows:
        if groups is None or row.pk in counts:
            row.post = posts[row.post_id]
            found.append(entry_of(row, row.own_title, counts.get(row.pk, NOTHING), row.post_id in changeable))
    return _with_all_groups(found, within, user, groups)


def _with_all_groups(
    entries: list[Entry], within: OccurrenceQuerySet, user: User, groups: QuerySet[Group] | None
) -> list[Entry]:
    """Where deliveries are still being written, the groups are those listed. One query, one more where that is so."""
    filling = dict(within.to_fill().order_by().values_list("pk", "post_id"))
    if not filling:
        return entries
    reached = Group.objects.visible_to(user) if groups is None else groups.order_by()
    listed = PostGroup.objects.filter(post__in=set(filling.values()), group__in=reached.values("pk"))
    counted = dict(listed.order_by().values_list("post_id").annotate(n=Count("pk")))
    return [
        replace(entry, groups=max(entry.groups, counted.get(entry.post_id, 0))) if entry.pk in filling else entry
        for entry in entries
    ]


def entry_of(row: Occurrence, own_title: str | None, counts: dict[str, int], changeable: bool) -> Entry:
    """`row` comes with its post and the series of that; `own_title` is that of its own message, if it has one."""
    return Entry(
        pk=row.pk,
        post_id=row.post_id,
        title=own_title or (row.post.series.name if row.post.series else row.post.title),
        at=timezone.localtime(row.due_at),
        zone=row.post.timezone,
        look=look_of(row, counts),
        groups=counts["total"],
        sent=counts["sent"],
        failed=counts["failed"],
        moved=row.by_hand and _local(row) != row.local,
        reworded=row.by_hand and row.message_id is not None,
        may_move=changeable and row.post.is_open and row.cancelled_at is None and not counts["begun"],
    )


def look_of(row: Occurrence, counts: dict[str, int]) -> Look:
    if row.cancelled_at is not None:
        return Look.CALLED_OFF
    if look := look_from(counts):
        return look
    if row.post.state == PostState.PAUSED:
        return Look.PAUSED
    if row.post.state == PostState.STOPPED:
        return Look.STOPPED
    return Look.MISSED if counts["skipped"] else Look.PLANNED


def look_from(counts: dict[str, int]) -> Look | None:
    """What deliveries that stand like this say; nothing where it is for the post to say."""
    if counts["failed"]:
        return Look.FAILED
    if counts["waiting"]:
        return Look.WAITING
    if counts["at_work"] or (counts["sent"] and counts["planned"]):
        return Look.SENDING
    if counts["planned"]:
        return Look.PLANNED
    return Look.SENT if counts["sent"] else None


def deliveries_of(user: User, occurrence: Occurrence) -> QuerySet[Delivery]:
    """Its deliveries to groups that the person may see."""
    return deliveries_visible_to(user).filter(post_id=occurrence.post_id, occurrence_id=occurrence.pk)


def _counts(
    user: User, window: Window, within: OccurrenceQuerySet, groups: QuerySet[Group] | None
) -> dict[int, dict[str, int]]:
    # By post and time, because that is what an index serves; one pass tells all states.
    rows = deliveries_visible_to(user) if groups is None else Delivery.objects.in_groups(groups.order_by().values("pk"))
    rows = rows.filter(
        post_id__in=within.order_by().values("post_id"),
        due_at__gte=window.start - BESIDE,
        due_at__lt=window.end + BESIDE,
    )
    counted: Iterable[Any] = rows.order_by().values("occurrence_id").annotate(**COUNTS)
    return {row.pop("occurrence_id"): row for row in counted}


def counts_by_group(groups: Collection[int], window: Window) -> dict[int, dict[int, dict[str, int]]]:
    """By group and occurrence, how deliveries within the window stand."""
    rows = Delivery.objects.in_groups(groups).filter(due_at__gte=window.start, due_at__lt=window.end)
    return _nested(rows.order_by().values("group_id", "occurrence_id").annotate(**COUNTS), "group_id")


def counts_by_branch(groups: QuerySet[Group], window: Window) -> dict[int | None, dict[int, dict[str, int]]]:
    """By branch (None: headquarters) and occurrence, how deliveries to these groups within the window stand."""
    rows = Delivery.objects.in_groups(groups.order_by().values("pk")).filter(
        post_id__isnull=False, due_at__gte=window.start, due_at__lt=window.end
    )
    branch = Subquery(Group.objects.filter(pk=OuterRef("group_id")).values("branch_id"))
    counted = rows.annotate(branch=branch).order_by().values("branch", "occurrence_id").annotate(**COUNTS)
    return _nested(counted, "branch")


def _nested(counted: Iterable[Any], key: str) -> dict[Any, dict[int, dict[str, int]]]:
    found: dict[Any, dict[int, dict[str, int]]] = defaultdict(dict)
    for row in counted:
        found[row.pop(key)][row.pop("occurrence_id")] = row
    return found


def posts_changeable(user: User, post_ids: Collection[int]) -> set[int]:
    """Which of these posts the person may change, as Post.may_be_changed_by says of one. Two queries."""
    if not user.may_write or not post_ids:
        return set()
    if user.is_admin and user.branch_id is None:
        return set(post_ids)
    mine = Group.objects.visible_to(user).permitted(user, Permission.POST)
    others = PostGroup.objects.filter(post_id__in=post_ids).exclude(group__in=mine.values("pk"))
    return set(post_ids) - set(others.values_list("post_id", flat=True))


def _local(row: Occurrence) -> str:
    return row.due_at.astimezone(ZoneInfo(row.post.timezone)).replace(tzinfo=None).isoformat(timespec="seconds")


def conflicts_of_move(*, user: User, occurrence: Occurrence, at: datetime) -> list[str]:
    """What is worth a look about another time for an occurrence, in words."""
    post = occurrence.post
    groups = deliveries_of(user, occurrence).values_list("group_id", flat=True)
    draft = Draft(
        times=[at],
        groups=list(groups),
        keeps_limits=post.keeps_limits,
        keeps_holidays=post.holidays != Holidays.SEND,
        post_id=post.pk,
    )
    found = conflicts(user=user, start=at - BESIDE, end=at + BESIDE, draft=draft)
    return [conflict.text for conflict in found][:MOST_CONFLICTS]


@dataclass(frozen=True)
class Note:
    """What a day is: a day off, a moved working day, a festival."""

    text: str
    kind: str


def notes_by_day(user: User, window: Window) -> dict[date, list[Note]]:
    """Special days and festivals of the window."""
    found: dict[date, list[Note]] = defaultdict(list)
    days = SpecialDay.objects.filter(day__range=(window.first, window.last))
    if user.branch_id is not None:
        days = days.filter(Q(branch=None) | Q(branch_id=user.branch_id))
    for special in days.order_by("day", "pk"):
        found[special.day].append(Note(special.name, special.kind))
    for day, festival in scene_days(window.first, window.last, user.branch_id):
        if all(note.text != str(festival.name) for note in found[day]):
            found[day].append(Note(str(festival.name), "scene"))
    return found


def conflicts_by_occurrence(
    *, user: User, window: Window, now: datetime, groups: QuerySet[Group] | None = None
) -> dict[int, tuple[str, ...]]:
    """What is worth a look about the occurrences of the window that are still to come, in words."""
    if window.end <= now:
        return {}
    ids = None if groups is None else list(groups.order_by().values_list("pk", flat=True))
    found: dict[int, list[str]] = defaultdict(list)
    for conflict in conflicts(user=user, start=max(now, window.start), end=window.end, now=now, groups=ids):
        for pk in conflict.occurrences:
            found[pk].append(conflict.text)
    return {pk: tuple(texts) for pk, texts in found.items()}


def states_counted(entries: Iterable[Entry]) -> list[tuple[Look, int]]:
    """How many stand how, for the states that occur."""
    found: dict[Look, int] = defaultdict(int)
    for entry in entries:
        found[entry.look] += 1
    return [(look, found[look]) for look in Look if look in found]
