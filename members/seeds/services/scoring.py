"""Scores of members as seed users."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, time, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from accounts.audit import audit_record
from accounts.models import User
from accounts.policies import policy_get
from activity.models import PRESENCE_KINDS, BuiltInKind, Event, EventKind
from community_ops.lib.sql import RowStatement
from members.ingestion.inviting import inviters_catch_up
from members.models import Member
from members.seeds.criteria import CRITERIA, MEASURED, REPORTED, SeedPolicy, score_members, values_of
from members.seeds.models import ScoringState, SeedProfile, SeedScoring, SeedUser

NIGHT = time(3)
LOST_AFTER = timedelta(minutes=5)
BATCH = 5000
ACTIVE_KINDS = PRESENCE_KINDS - {BuiltInKind.JOINED}
COUNTED: dict[str, str] = {
    BuiltInKind.MESSAGE: "messages",
    BuiltInKind.QUESTION: "questions",
    BuiltInKind.ANSWER: "answers",
    BuiltInKind.LIKE: "likes",
    BuiltInKind.INVITED: "invited",
    BuiltInKind.ORDERED: "orders",
}
Clock = Callable[[], datetime]

_COLUMNS = ("member_id", *MEASURED, "score", "certainty", "measured_at")
_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
_WRITE = RowStatement(
    types=("bigint", *("integer" for _name in MEASURED), "double precision", "smallint", "timestamptz"),
    sqlite=f"INSERT INTO members_seedprofile ({', '.join(_COLUMNS)}) VALUES ({', '.join(['%s'] * len(_COLUMNS))}) "  # noqa: S608
    f"ON CONFLICT (member_id) DO UPDATE SET {_CHANGES}",
    postgresql=f"INSERT INTO members_seedprofile ({', '.join(_COLUMNS)}) SELECT * FROM {{rows}} "  # noqa: S608
    f"ON CONFLICT (member_id) DO UPDATE SET {_CHANGES}",
)


def scoring_request(*, now: datetime) -> SeedScoring:
    """Asks for all scores to be computed anew; one that waits already is enough."""
    try:
        with transaction.atomic():
            return SeedScoring.objects.create(created_at=now)
    except IntegrityError:
        return SeedScoring.objects.get(state=ScoringState.QUEUED)


def scoring_due(*, now: datetime) -> int | None:
    """The number of the computation that a worker should take up: one that waits, one that a killed worker left, or
    tonight's, which is made here. None when there is nothing to do."""
    waiting = Q(state=ScoringState.QUEUED) | Q(state=ScoringState.RUNNING, heartbeat_at__lt=now - LOST_AFTER)
    if found := SeedScoring.objects.filter(waiting).order_by("pk").first():
        return found.pk
    local = timezone.localtime(now)
    night = local.replace(hour=NIGHT.hour, minute=0, second=0, microsecond=0)
    since = night if local >= night else night - timedelta(days=1)
    if SeedScoring.objects.filter(created_at__gte=since).exists():
        return None
    return scoring_request(now=now).pk


def scoring_run(*, run_id: int, clock: Clock) -> bool:
    """Measures every plausible member and writes the scores. False when another worker is at it, or it is done.

    Plausible: did something within the window, was asked, or is on the way. Safe to run again after a crash.
    """
    now = clock()
    free = Q(state=ScoringState.QUEUED) | Q(state=ScoringState.RUNNING, heartbeat_at__lt=now - LOST_AFTER)
    runs = SeedScoring.objects.filter(pk=run_id)
    if not runs.filter(free).update(state=ScoringState.RUNNING, heartbeat_at=now, done=0):
        return False
    # Read after the claim: a change of the criteria from now on asks for a computation of its own.
    policy = policy_get(SeedPolicy)

    def step() -> None:
        runs.update(done=F("done") + 1, heartbeat_at=clock())

    runs.update(total=policy.window_days + 1)
    measured = _measure(policy.window_days, now, step)
    asked = Q(reported_at__isnull=False) | Q(member__in=SeedUser.objects.open().values("member"))
    wanted = sorted(measured.keys() | set(SeedProfile.objects.filter(asked).values_list("member_id", flat=True)))
    runs.update(total=policy.window_days + 1 + -(-len(wanted) // BATCH))
    for start in range(0, len(wanted), BATCH):
        _write_scores(wanted[start : start + BATCH], measured, policy, now)
        step()
    SeedProfile.objects.filter(Q(measured_at=None) | Q(measured_at__lt=now)).exclude(asked).delete()
    SeedProfile.objects.exclude(member__merged_into=None, member__erased_at=None).delete()
    step()
    runs.update(state=ScoringState.DONE, finished_at=clock(), members=len(wanted))
    SeedScoring.objects.filter(pk__lt=run_id - 50).delete()
    return True


def _window_start(window_days: int, now: datetime) -> datetime:
    """The local midnight at which the measured days begin; today is the last of them."""
    first = timezone.localtime(now).date() - timedelta(days=window_days - 1)
    return timezone.make_aware(datetime.combine(first, time()))


def _measure(window_days: int, now: datetime, step: Callable[[], None]) -> dict[int, dict[str, int]]:
    kinds = dict(EventKind.objects.filter(slug__in=[*ACTIVE_KINDS, *COUNTED]).values_list("pk", "slug"))
    active = {number for number, slug in kinds.items() if slug in ACTIVE_KINDS}
    counted = {number: COUNTED[slug] for number, slug in kinds.items() if slug in COUNTED}
    found: dict[int, dict[str, int]] = {}
    since = _window_start(window_days, now)
    first = timezone.localtime(since).date()
    for offset in range(window_days):
        # A day at a time: distinct days need no function over every event, and progress can be told.
        start, end = (
            timezone.make_aware(datetime.combine(first + timedelta(days=offset + more), time())) for more in (0, 1)
        )
        rows = Event.objects.filter(at__gte=start, at__lt=min(end, now), kind_id__in=list(kinds)).order_by()
        were_active: set[int] = set()
        for member, kind, number in rows.values_list("member_id", "kind_id").annotate(number=Count("pk")):
            values = found.setdefault(member, dict.fromkeys(MEASURED, 0))
            if kind in active:
                were_active.add(member)
            if kind in counted:
                values[counted[kind]] += number
        for member in were_active:
            found[member]["active_days"] += 1
        step()
    inviters_catch_up(since=since, now=now)
    inviters = Member.objects.filter(invited_by__isnull=False, first_seen_at__gte=since, first_seen_at__lte=now)
    for member, number in inviters.order_by().values_list("invited_by").annotate(number=Count("pk")):
        values = found.setdefault(member, dict.fromkeys(MEASURED, 0))
        # An invitation may be told by an event, by the new member's record, or by both.
        values["invited"] = max(values["invited"], number)
    return found


def _write_scores(numbers: list[int], measured: dict[int, dict[str, int]], policy: SeedPolicy, now: datetime) -> None:
    nothing = dict.fromkeys(MEASURED, 0)
    with transaction.atomic():
        profiles = SeedProfile.objects.filter(member__pk__among=numbers).order_by("member_id")
        if connection.features.has_select_for_update:
            profiles = profiles.select_for_update()
        said = {number: answers for number, *answers in profiles.values_list("member_id", *REPORTED)}
        known = Member.objects.filter(pk__among=numbers, merged_into=None, erased_at=None)
        present = list(known.order_by("pk").values_list("pk", flat=True))
        if not present:
            return
        unasked: list[Any] = [None] * len(REPORTED)
        rows = [[*said.get(number, unasked), *measured.get(number, nothing).values()] for number in present]
        scored = score_members(values_of(rows), policy)
        _WRITE.execute(
            [
                (number, *measured.get(number, nothing).values(), score, certainty, now)
                for number, score, certainty in zip(
                    present, scored.scores.tolist(), scored.certainty.tolist(), strict=True
                )
            ]
        )


def seed_report(*, by: User, now: datetime, member: Member, answers: dict[str, Any]) -> SeedProfile:
    """Keeps what a member said of themselves (keys of REPORTED; None is not known any more) and scores them at once.

    Raises ValidationError by field.
    """
    with transaction.atomic():
        SeedProfile.objects.get_or_create(member=member)
        profile = SeedProfile.objects.select_for_update().get(member=member)
        before = {key: getattr(profile, key) for key in _known(answers) if getattr(profile, key) != answers[key]}
        if not before:
            return profile
        for key in before:
            setattr(profile, key, answers[key])
        profile.full_clean(validate_constraints=False)
        row = [getattr(profile, item.key) for item in CRITERIA]
        scored = score_members(values_of([row]), policy_get(SeedPolicy))
        profile.score, profile.certainty = float(scored.scores[0]), int(scored.certainty[0])
        profile.reported_at, profile.reported_by = now, by
        profile.save()
        audit_record(
            by=by,
            action="member.seed_answers",
            subject=member,
            before=before,
            after={key: getattr(profile, key) for key in before},
        )
    return profile


def _known(answers: Iterable[str]) -> list[str]:
    if unknown := set(answers) - set(REPORTED):
        raise ValueError(f"not said by members: {', '.join(sorted(unknown))}")
    return list(answers)
