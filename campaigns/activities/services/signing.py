"""Who has a place and who waits. The row of the activity is the lock: whoever counts places holds it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from campaigns.activities.models import (
    Activity,
    ActivityNotice,
    Decided,
    NoticeKind,
    SignUp,
    SignUpState,
)
from groups.models import Group
from members.ingestion import Deed, events_by_hand
from members.models import Member, Membership

LONGEST_ANSWER = 200
SIGNED_UP = "activity_signup"


def activity_locked(*, pk: int) -> Activity:
    """The activity as it stands, held until the transaction ends."""
    return Activity.objects.select_for_update(no_key=True).get(pk=pk)


def places_left(*, activity: Activity) -> int | None:
    """How many places are free; nothing where there is no limit. Right only under activity_locked()."""
    if activity.capacity is None:
        return None
    return max(0, activity.capacity - SignUp.objects.filter(activity=activity).with_place().count())


def signup_make(
    *, now: datetime, activity: Activity, member: Member, group: Group, answers: Sequence[str] = ()
) -> SignUp:
    """Gives a member a place, or one on the waiting list. Signed up already, they stay where they are.

    Raises ValidationError with the code `closed`, `not_invited`, `full` or `answers`.
    """
    with transaction.atomic():
        current = activity_locked(pk=activity.pk)
        signup = SignUp.objects.filter(activity=current, member=member).first()
        if signup is not None and signup.state != SignUpState.CANCELLED:
            return signup
        if not current.takes_signups(now):
            raise ValidationError(_("Sign-up is not open."), code="closed")
        if not _is_invited(current, member, group):
            raise ValidationError(_("This activity is for members of its groups."), code="not_invited")
        given = _answers(current, answers)
        places_fill(activity=current, now=now)
        state = SignUpState.GOING
        if places_left(activity=current) == 0:
            if not current.has_waiting_list:
                raise ValidationError(_("All places are taken."), code="full")
            state = SignUpState.WAITING
        values = {"group": group, "state": state, "signed_at": now, "moved_up_at": None, "answers": given}
        signup, _made = SignUp.objects.update_or_create(
            activity=current, member=member, defaults={**values, "is_walk_in": False}
        )
        ref = f"activity-signup:{current.pk}:{member.pk}"
        events_by_hand(deeds=[Deed(ref, member, group, SIGNED_UP, now, properties={"activity": current.pk})], now=now)
    return signup


def _is_invited(activity: Activity, member: Member, group: Group) -> bool:
    invited = Activity.groups.through.objects.filter(activity=activity, group=group).exists()
    return invited and Membership.objects.present().filter(member=member, group=group).exists()


def _answers(activity: Activity, answers: Sequence[str]) -> list[str]:
    given = [answer.replace("\x00", "").strip() for answer in answers][: len(activity.questions)]
    given += [""] * (len(activity.questions) - len(given))
    if any(len(answer) > LONGEST_ANSWER for answer in given):
        raise ValidationError(
            _("An answer has at most %(most)d characters.") % {"most": LONGEST_ANSWER}, code="answers"
        )
    return given


def signup_cancel(*, now: datetime, signup: SignUp) -> bool:
    """Gives a place, or one on the waiting list, back; the next who waits moves up. False when there was none to give
    back.

    Raises ValidationError with the code `begun`: what has begun is not called off, it is missed.
    """
    with transaction.atomic():
        activity = activity_locked(pk=signup.activity_id)
        if activity.starts_at is None or now >= activity.starts_at:
            raise ValidationError(_("It has begun already."), code="begun")
        standing = SignUp.objects.filter(pk=signup.pk).standing()
        if not standing.update(state=SignUpState.CANCELLED, moved_up_at=None):
            return False
        places_fill(activity=activity, now=now)
    signup.state = SignUpState.CANCELLED
    return True


def signup_take_off(*, by: User, now: datetime, signup: SignUp, reason: str = "") -> list[SignUp] | None:
    """Staff take somebody off the list, and their page tells them; returns who moved up for it, and None when they are
    not on it (any more). They may sign up again, behind the others. Raises ValidationError as signup_cancel does."""
    with transaction.atomic():
        # Held before the look at who waits, so that whoever moves up from here on does so because of this.
        activity = activity_locked(pk=signup.activity_id)
        waited = set(SignUp.objects.filter(activity=activity).waiting().values_list("pk", flat=True))
        if not signup_cancel(now=now, signup=signup):
            return None
        notices_give(signups=[signup], kind=NoticeKind.TAKEN_OFF, about=f"{now:%Y-%m-%dT%H:%M:%S}", now=now)
        after = {"activity": activity, "member": signup.member, **({"reason": reason} if reason else {})}
        audit_record(by=by, action="activity.signup_taken_off", subject=signup, after=after)
        moved = SignUp.objects.filter(pk__in=waited, state=SignUpState.GOING).select_related("member")
        return list(moved.order_by("signed_at", "pk"))


def next_to_move_up(*, signup: SignUp, now: datetime) -> SignUp | None:
    """Who would have the place of a sign-up if it were given back now."""
    activity = signup.activity
    coming = activity.decided == Decided.OPEN and activity.starts_at is not None and now < activity.starts_at
    if not coming or signup.state != SignUpState.GOING:
        return None
    waiting = SignUp.objects.filter(activity=activity).waiting().still_there()
    return waiting.select_related("member").first()


def places_fill(*, activity: Activity, now: datetime) -> int:
    """Lets as many move up from the waiting list as there are places, in their order; returns how many. To be called
    under activity_locked(). Nobody moves up once it has begun, and nobody who has left the group meanwhile."""
    if activity.decided != Decided.OPEN or activity.starts_at is None or now >= activity.starts_at:
        return 0
    waiting = SignUp.objects.filter(activity=activity).waiting().still_there()
    left = places_left(activity=activity)
    rows = list(waiting if left is None else waiting[:left])
    SignUp.objects.filter(pk__in=[row.pk for row in rows]).update(state=SignUpState.GOING, moved_up_at=now)
    notices_give(signups=rows, kind=NoticeKind.MOVED_UP, about=f"{now:%Y-%m-%dT%H:%M:%S}", now=now)
    return len(rows)


def notices_give(*, signups: Iterable[SignUp], kind: NoticeKind, about: str, now: datetime) -> None:
    """Lets the pages of these members tell something; what they were told before, they are not told again."""
    rows = [ActivityNotice(signup=signup, kind=kind, about=about, at=now) for signup in signups]
    ActivityNotice.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
