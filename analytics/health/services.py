"""Counting and judging every group, night by night."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, Max, Min, OuterRef, Q, Sum

from accounts.policies import policy_get
from activity.models import Event, EventMove
from analytics.health.counting import SENT_LATE, change_note, stats_recount
from analytics.health.days import ONE, Days, local_day, zone
from analytics.health.judging import LOOKBACK, Before, Course, Verdict, judge
from analytics.health.models import DailyGroupStat, GroupHealth, HealthWalk
from analytics.health.policy import HealthPolicy
from analytics.health.selectors import latest_of
from analytics.health.warnings import Turn, turn_between, warnings_raise
from delivery.models import Delivery, State
from groups.lifecycle import group_stages_set
from groups.models import Group, GroupPlan
from groups.roles.models import STAFF_ROLES
from members.models import MemberRole, Membership

CHUNK = 200
RECENT = 2  # days that every walk counts again: what came in late by an hour or so needs no search
HISTORY = 90  # days that are judged when a group is judged for the first time
CYCLE = 28  # nights in which every group is counted anew from its first day
# Transactions end long before that: whatever number an event has, it is in the table by then.
SETTLED_AFTER = timedelta(minutes=15)


def stats_catch_up(*, now: datetime) -> int:
    """Counts the days again whose figures changed since the last time, however old they are; returns how many groups
    that were. Cheap when nothing is new."""
    walk, _made = HealthWalk.objects.get_or_create(pk=1)
    newest = Event.objects.aggregate(newest=Max("pk"))["newest"] or 0
    newest_move = EventMove.objects.aggregate(newest=Max("pk"))["newest"] or 0
    _follow_zone(now)
    touched = _touched(walk)
    today = local_day(now)
    for part in _parts(sorted(touched, key=lambda number: touched[number])):
        last = DailyGroupStat.objects.filter(group__in=part).aggregate(last=Max("day"))["last"]
        stats_recount(groups=part, days=Days(min(touched[number] for number in part), max(today, last or today)))
    if walk.seen_at is None or now - walk.seen_at >= SETTLED_AFTER:
        HealthWalk.objects.filter(pk=1, settled_event=walk.settled_event, settled_move=walk.settled_move).update(
            settled_event=walk.seen_event,
            seen_event=newest,
            settled_move=walk.seen_move,
            seen_move=newest_move,
            seen_at=now,
        )
    return len(touched)


def _follow_zone(now: datetime) -> None:
    """Counts every group anew after the midnights have moved. Killed in between, the next call goes on; of two callers
    at once the slower leaves."""
    walk, key = HealthWalk.objects.filter(pk=1), zone().key
    walk.filter(zone="").update(zone=key)
    walk.exclude(zone=key).update(zone=key, recounted=0)
    while (done := walk.filter(zone=key).values_list("recounted", flat=True).first()) is not None:
        part = list(Group.objects.filter(pk__gt=done).order_by("pk").values_list("pk", flat=True)[:CHUNK])
        mine = walk.filter(zone=key, recounted=done)
        if not part:
            mine.update(recounted=None)
            break
        _recount_whole(part, local_day(now))
        if not mine.update(recounted=part[-1]):
            break


def _touched(walk: HealthWalk) -> dict[int, date]:
    """Groups of which something changed since then, each with the earliest day whose figures that may change."""
    settled, touched = walk.settled_event, dict[int, date]()

    def touch(rows: Iterable[tuple[int | None, datetime | None]]) -> None:
        for group, at in rows:
            if group is not None and at is not None:
                touched[group] = min(touched.get(group, date.max), local_day(at))

    new = Event.objects.filter(pk__gt=settled, group_id__isnull=False).order_by()
    touch(new.values("group_id").annotate(at=Min("at")).values_list("group_id", "at"))
    # Who comes back was never away: the day on which they left changes as well.
    mine = Event.objects.filter(pk__gt=settled, member_id=OuterRef("member_id"), group_id=OuterRef("group_id"))
    back = Membership.objects.filter(left_at__isnull=False, last_seen_at__gt=F("left_at")).filter(Exists(mine))
    touch(back.order_by().values("group_id").annotate(at=Min("left_at")).values_list("group_id", "at"))
    # Posts are sent and roles are given and ended at the moment at which that is written down.
    since = walk.seen_at - SETTLED_AFTER if walk.seen_at else None
    sent = Delivery.objects.filter(state=State.SENT, group_id__isnull=False).order_by()
    if since:
        sent = sent.filter(due_at__gte=since - SENT_LATE, settled_at__gte=since)
    touch(sent.values("group_id").annotate(at=Min("settled_at")).values_list("group_id", "at"))
    held = MemberRole.objects.filter(role__in=STAFF_ROLES).order_by()
    for moment in ("since", "ended_at"):
        lately = held.filter(**{f"{moment}__gte": since}) if since else held
        touch(lately.values_list("membership__group_id", moment))
    for group, day in _first_days(_groups_of_moves(walk.settled_move)).items():
        touched[group] = min(touched.get(group, date.max), day)
    known = set(Group.objects.filter(pk__among=list(touched)).values_list("pk", flat=True))
    return {group: day for group, day in touched.items() if group in known}


def _groups_of_moves(settled: int) -> set[int]:
    """Groups of the members whose events were moved or taken back: any of their days may have changed."""
    moves = EventMove.objects.filter(pk__gt=settled).order_by()
    groups = set(moves.filter(group_id__isnull=False).values_list("group_id", flat=True))
    members = moves.values("member_id")
    groups |= set(Membership.objects.filter(member__in=members).order_by().values_list("group_id", flat=True))
    return {group for group in groups if group is not None}


def _first_days(groups: Collection[int]) -> dict[int, date]:
    """The first day of each group that has a figure, or something to be counted."""
    rows = DailyGroupStat.objects.filter(group__in=groups).order_by().values("group_id").annotate(day=Min("day"))
    first = dict(rows.values_list("group_id", "day"))
    sent = Delivery.objects.filter(group_id__in=groups, state=State.SENT)
    events = Event.objects.filter(group_id__in=groups)
    joined = Membership.objects.filter(group__in=groups)
    for found, moment in ((events, "at"), (joined, "joined_at"), (sent, "settled_at")):
        for group, at in found.order_by().values("group_id").annotate(at=Min(moment)).values_list("group_id", "at"):
            assert group is not None
            first[group] = min(first.get(group, date.max), local_day(at))
    return first


def _recount_whole(groups: Collection[int], day: date) -> None:
    """Counts these groups from their first day on, up to `day` or the last that has a figure."""
    first = _first_days(groups)
    if first:
        last = DailyGroupStat.objects.filter(group__in=groups).aggregate(last=Max("day"))["last"]
        stats_recount(groups=groups, days=Days(min(first.values()), max(day, last or day)))


def _parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), CHUNK):
        yield numbers[start : start + CHUNK]


def health_walk(*, now: datetime, day: date | None = None) -> int:
    """Brings the figures up to `now` and judges every open group up to `day`, by default yesterday; returns how many.

    Each chunk is one step: killed in between, the next call goes on behind the last whole one. Of two callers at once
    the slower leaves at its next step.
    """
    stats_catch_up(now=now)
    day = day or local_day(now) - ONE
    unfinished = Q(day=None) | Q(day__lt=day)
    HealthWalk.objects.filter(unfinished).exclude(going=day).update(going=day, position=0)
    HealthWalk.objects.filter(unfinished, going=None).update(going=day, position=0)
    judged, policy = 0, policy_get(HealthPolicy)
    while (walk := HealthWalk.objects.filter(pk=1, going=day).first()) is not None:
        part = list(
            Group.objects.open().filter(pk__gt=walk.position).order_by("pk").values_list("pk", flat=True)[:CHUNK]
        )
        mine = HealthWalk.objects.filter(pk=1, going=day, position=walk.position)
        if not part:
            mine.update(day=day, going=None, position=0)
            break
        _recount(part, day)
        with transaction.atomic():
            if not mine.update(position=part[-1]):
                break
            groups_judge(groups=part, day=day, now=now, policy=policy)
        judged += len(part)
    return judged


def _recount(part: Collection[int], day: date) -> None:
    """The last days of all, and a few groups from their first day on: what was corrected long ago gets in as well."""
    stats_recount(groups=part, days=Days(day - RECENT * ONE, day))
    _recount_whole([number for number in part if number % CYCLE == day.toordinal() % CYCLE], day)


def groups_judge(*, groups: Collection[int], day: date, now: datetime, policy: HealthPolicy) -> None:
    """Judges these groups for every day up to `day` that is not judged yet, and says so when one has turned."""
    last = latest_of(groups)
    rows: list[GroupHealth] = []
    latest: dict[int, GroupHealth] = {}
    turns: list[Turn] = []
    waiting = [(day - last[group].day).days if group in last else HISTORY for group in groups]
    for group, course in courses_of(
        groups=groups, day=day, policy=policy, length=min(max(waiting, default=1), HISTORY)
    ).items():
        before = last.get(group)
        for number in range(len(course.members)):
            on = course.first + number * ONE
            if on < course.born or (before and on <= before.day) or (day - on).days >= HISTORY:
                continue
            verdict = judge(course, number, policy, standing_of(before))
            row = _row(group, on, verdict, before)
            rows.append(row)
            turns += turn_between(before, row) if before else []
            before = latest[group] = row
    GroupHealth.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
    if rows:
        change_note(groups=sorted(latest), days=Days(min(row.day for row in rows), day))
    group_stages_set(stages=[(row.group_id, row.stage, row.since, row.noise) for row in latest.values()])
    warnings_raise(turns=turns, latest=latest, now=now, policy=policy)


def _row(group: int, on: date, verdict: Verdict, before: GroupHealth | None) -> GroupHealth:
    """The stage changes once two days in a row say the same."""
    if before is None:
        stage, since = verdict.stage, on
    elif verdict.stage != before.stage and verdict.stage == before.verdict:
        stage, since = verdict.stage, before.day
    else:
        stage, since = before.stage, before.since
    return GroupHealth(
        group_id=group,
        day=on,
        verdict=verdict.stage,
        stage=stage,
        since=since,
        warning=verdict.alarm,
        noise=verdict.noise,
        reasons=verdict.reasons,
    )


def standing_of(row: GroupHealth | None) -> Before | None:
    """What the next day has to know of a day."""
    if row is None:
        return None
    usual = next((reason["usual"] for reason in row.reasons if reason["code"] == "fell"), 0)
    return Before(row.stage, row.since, usual)


def courses_of(*, groups: Collection[int], day: date, policy: HealthPolicy, length: int = HISTORY) -> dict[int, Course]:
    """The figures of these groups up to `day`, enough to judge the last `length` days. Six queries."""
    days = Days(day - (LOOKBACK + length) * ONE, day)
    stats = DailyGroupStat.objects.filter(group__in=groups).order_by()
    fields = ("active", "messages", "joined", "left", "members")
    table = {
        (group, on): values
        for group, on, *values in stats.filter(day__range=(days.first, day)).values_list(
            "group_id", "day", *fields, F("posts") + F("staff")
        )
    }
    before = dict(
        stats.filter(day__lt=days.first)
        .values("group_id")
        .annotate(n=Sum("joined") - Sum("left"))
        .values_list("group_id", "n")
    )
    born = dict(stats.values("group_id").annotate(first=Min("day")).values_list("group_id", "first"))
    held = MemberRole.objects.filter(role__in=STAFF_ROLES, ended_at=None, membership__group__in=groups).order_by()
    owned = dict(held.values("membership__group").annotate(at=Min("since")).values_list("membership__group", "at"))
    ceilings = dict(GroupPlan.objects.filter(group__in=groups).values_list("group_id", "noise_ceiling"))
    dates = [days.first + number * ONE for number in range(len(days))]
    courses: dict[int, Course] = {}
    rows = Group.objects.filter(pk__in=groups).order_by("pk").values_list("pk", "opened_at", "created_at")
    for group, opened_at, created_at in rows:
        members = before.get(group, 0)
        figures: dict[str, list[int]] = {name: [] for name in (*fields, "interactions")}
        for on in dates:
            found = table.get((group, on))
            if found:
                members = found[4]
            for name, value in zip(figures, found or (0, 0, 0, 0, members, 0), strict=True):
                figures[name].append(value)
        opened = local_day(opened_at or created_at)
        courses[group] = Course(
            first=days.first,
            figures=figures,
            born=min(opened, born.get(group, opened)),
            ceiling=ceilings.get(group, policy.noise_ceiling),
            owned_since=local_day(owned[group]) if group in owned else None,
        )
    return courses
