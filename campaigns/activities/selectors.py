"""What pages show of activities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Avg, Count, F, Q

from accounts.models import User
from campaigns.activities.models import (
    STARS,
    Activity,
    ActivityNotice,
    ActivityReview,
    ActivityState,
    Decided,
    NoticeKind,
    SignUp,
    SignUpState,
)
from members.models import Member

PAST_SHOWN = 20


@dataclass(frozen=True)
class Seen:
    """An activity as one member sees it: `place` is the how manieth they are on the waiting list."""

    activity: Activity
    state: ActivityState
    taken: int
    signup: SignUp | None
    place: int = 0

    @property
    def left(self) -> int | None:
        return None if self.activity.capacity is None else max(0, self.activity.capacity - self.taken)

    @property
    def mine(self) -> str:
        """What the member has to do with it; empty: nothing, or not any more."""
        return "" if self.signup is None or self.signup.state == SignUpState.CANCELLED else self.signup.state


def seen_by(activities: Sequence[Activity], *, member: Member, now: datetime) -> list[Seen]:
    """Activities with_counts(), as a member sees them. At most two queries."""
    signups = {
        signup.activity_id: signup
        for signup in SignUp.objects.filter(activity__in=[row.pk for row in activities], member=member)
    }
    places = _places([signup for signup in signups.values() if signup.state == SignUpState.WAITING])
    found = []
    for activity in activities:
        taken: int = activity.taken  # type: ignore[attr-defined]
        signup = signups.get(activity.pk)
        place = places.get(signup.pk, 0) if signup else 0
        found.append(Seen(activity, activity.state_at(now, taken), taken, signup, place))
    return found


def _places(waiting: Sequence[SignUp]) -> dict[int, int]:
    """The how manieth each of these is on its waiting list."""
    if not waiting:
        return {}
    before = {
        f"before_{row.pk}": Count(
            "pk",
            filter=Q(activity=row.activity_id)
            & (Q(signed_at__lt=row.signed_at) | Q(signed_at=row.signed_at, pk__lt=row.pk)),
        )
        for row in waiting
    }
    counted = SignUp.objects.filter(state=SignUpState.WAITING).aggregate(**before)
    return {row.pk: counted[f"before_{row.pk}"] + 1 for row in waiting}


def notices_of(
    *, member: Member, now: datetime, group_id: int | None = None, activity: Activity | None = None
) -> list[ActivityNotice]:
    """What the pages of a member tell: of each activity the latest, while it is not over."""
    notices = ActivityNotice.objects.timely(now).filter(signup__member=member)
    if group_id is not None:
        notices = notices.filter(signup__activity__groups=group_id)
    if activity is not None:
        notices = notices.filter(signup__activity=activity)
    gone, taken_off = Q(signup__state=SignUpState.CANCELLED), Q(kind=NoticeKind.TAKEN_OFF)
    # Who gave a place back is told nothing more; who was taken off is told so, unless they came back since.
    told = notices.filter(~gone & ~taken_off | gone & taken_off & Q(at__gte=F("signup__signed_at")))
    standing = told.select_related("signup__activity")
    latest: dict[int, ActivityNotice] = {}
    for notice in standing.order_by("-at", "-pk")[:100]:
        latest.setdefault(notice.signup.activity_id, notice)
    return list(latest.values())


@dataclass(frozen=True)
class Summary:
    """What came of an activity, of those whom a person sees."""

    signed_up: int
    with_place: int
    waiting: int
    came: int
    missed: int
    cancelled: int
    walk_ins: int
    reviews: int
    stars: float | None
    by_stars: list[tuple[int, int]]

    @property
    def unsettled(self) -> int:
        """Had a place, and nobody knows yet whether they came."""
        return self.with_place - self.came - self.missed


def summary_of(activity: Activity, *, user: User) -> Summary:
    """Two queries."""
    counts = (
        SignUp.objects.visible_to(user)
        .filter(activity=activity)
        .aggregate(
            signed_up=Count("pk"),
            with_place=Count("pk", filter=Q(state__in=["going", "attended", "missed"])),
            waiting=Count("pk", filter=Q(state=SignUpState.WAITING)),
            came=Count("pk", filter=Q(state=SignUpState.ATTENDED)),
            missed=Count("pk", filter=Q(state=SignUpState.MISSED)),
            cancelled=Count("pk", filter=Q(state=SignUpState.CANCELLED)),
            walk_ins=Count("pk", filter=Q(state=SignUpState.ATTENDED, is_walk_in=True)),
        )
    )
    given = (
        ActivityReview.objects.visible_to(user)
        .filter(activity=activity)
        .aggregate(
            reviews=Count("pk"),
            mean=Avg("stars"),
            **{f"n{stars}": Count("pk", filter=Q(stars=stars)) for stars in STARS},
        )
    )
    by_stars = [(stars, given[f"n{stars}"]) for stars in reversed(STARS)]
    return Summary(**counts, reviews=given["reviews"], stars=given["mean"], by_stars=by_stars)


def is_open_to_reviews(seen: Seen, now: datetime) -> bool:
    """Whether a member may write what they thought of it: they were there, and it is over."""
    over = seen.state == ActivityState.OVER and seen.activity.decided == Decided.OPEN
    return over and seen.mine in (SignUpState.ATTENDED, SignUpState.GOING)
