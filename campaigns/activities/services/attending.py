"""Who came: marked by a code that members scan, or ticked by staff; once, with one event and its points."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from campaigns.activities.models import Activity, Decided, SignUp, SignUpState
from campaigns.activities.services.asking import attendance_taken
from campaigns.activities.services.signing import activity_locked, places_left
from groups.models import Group
from members.ingestion import Deed, events_by_hand, events_take_back
from members.models import Member, Transfer
from members.points.services import NotEnoughPoints, account_of, issuer, points_transfer

ATTENDED = "activity_attended"
# So long before it begins people come in.
EARLY = timedelta(hours=2)


def attended_mark(*, now: datetime, activity: Activity, member: Member, by: User | None = None) -> SignUp:
    """Marks that a member came; marked already, nothing more happens. `by` is who ticked them; without it the member
    scanned the code.

    Who has no place comes in as a walk-in, where that is allowed and a place is free. Raises ValidationError with the
    code `not_yet`, `cancelled`, `not_signed_up` or `full`.
    """
    with transaction.atomic():
        current = activity_locked(pk=activity.pk)
        signup = SignUp.objects.filter(activity=current, member=member).first()
        if signup is not None and signup.state == SignUpState.ATTENDED:
            return signup
        if current.decided != Decided.OPEN:
            raise ValidationError(_("This activity does not take place."), code="cancelled")
        if current.starts_at is None or now < current.starts_at - EARLY:
            raise ValidationError(_("It has not begun yet."), code="not_yet")
        if signup is None or not signup.has_place:
            signup = _walked_in(current, member, now)
        SignUp.objects.filter(pk=signup.pk).update(state=SignUpState.ATTENDED, attended_at=now)
        signup.state, signup.attended_at = SignUpState.ATTENDED, now
        deed = Deed(_ref(signup), member, signup.group, ATTENDED, now, properties={"activity": current.pk})
        events_by_hand(deeds=[deed], now=now)
        if current.points:
            points_transfer(
                key=_points_key(signup),
                debit=issuer(),
                credit=account_of(member),
                amount=current.points,
                reason=current.title,
                by=by,
                now=now,
            )
        if by is not None:
            after = {"activity": current, "member": member}
            audit_record(by=by, action="activity.attended", subject=signup, after=after)
    return signup


def _walked_in(activity: Activity, member: Member, now: datetime) -> SignUp:
    group = Group.objects.filter(activities=activity, memberships__in=member.memberships.present()).first()
    if not activity.walk_ins or group is None:
        raise ValidationError(_("There is no place in this name."), code="not_signed_up")
    if places_left(activity=activity) == 0:
        raise ValidationError(_("All places are taken."), code="full")
    values = {"group": group, "state": SignUpState.GOING, "is_walk_in": True}
    signup, _made = SignUp.objects.update_or_create(
        activity=activity, member=member, defaults=values, create_defaults={**values, "signed_at": now}
    )
    return signup


def _ref(signup: SignUp) -> str:
    return f"activity-attended:{signup.activity_id}:{signup.member_id}:{signup.taken_back}"


def _points_key(signup: SignUp) -> str:
    return f"activity:{signup.activity_id}:{signup.member_id}:{signup.taken_back}"


def attendance_take_back(*, by: User, now: datetime, signup: SignUp) -> bool:
    """Takes a tick back, with its event and its points. False when they were not marked.

    Raises ValidationError with the code `points_spent` when the points are gone already.
    """
    with transaction.atomic():
        activity = activity_locked(pk=signup.activity_id)
        current = SignUp.objects.select_related("member").get(pk=signup.pk)
        if current.state != SignUpState.ATTENDED:
            return False
        events_take_back(refs=[_ref(current)], now=now)
        _points_back(activity, current, by, now)
        SignUp.objects.filter(pk=current.pk).update(
            state=SignUpState.CANCELLED if current.is_walk_in else SignUpState.GOING,
            attended_at=None,
            taken_back=current.taken_back + 1,
        )
        before = {"activity": activity, "member": current.member}
        audit_record(by=by, action="activity.attended_back", subject=current, before=before)
    return True


def _points_back(activity: Activity, signup: SignUp, by: User, now: datetime) -> None:
    given = Transfer.objects.filter(key=_points_key(signup)).first()
    if given is None:
        return
    try:
        points_transfer(
            key=f"{given.key}:back",
            debit=account_of(signup.member),
            credit=issuer(),
            amount=given.amount,
            reason=activity.title,
            by=by,
            now=now,
        )
    except NotEnoughPoints as error:
        text = _("The points for coming are spent already, so this stays.")
        raise ValidationError(text, code="points_spent") from error


def attendance_close(*, by: User | None, now: datetime, activity: Activity) -> int:
    """Says of everybody who had a place and was not marked that they missed it; returns of how many. Whoever is ticked
    later came after all."""
    with transaction.atomic():
        current = activity_locked(pk=activity.pk)
        if current.decided != Decided.OPEN or current.ends_at is None or now < current.ends_at:
            return 0
        missed = SignUp.objects.filter(activity=current, state=SignUpState.GOING).update(state=SignUpState.MISSED)
        attendance_taken(activity=current, by=by, now=now)
        if missed:
            audit_record(by=by, action="activity.attendance_closed", subject=current, after={"missed": missed})
    return missed
