"""What members thought of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.activities.models import STARS, Activity, ActivityReview, Decided, SignUp, SignUpState
from members.models import Member

OPEN_FOR = timedelta(days=30)
CHANGED_FOR = timedelta(days=7)
LONGEST = 1000


def review_until(*, activity: Activity, review: ActivityReview | None) -> datetime | None:
    """Until when a member may write a review, or change theirs; nothing for what has no end."""
    if review is not None:
        return review.created_at + CHANGED_FOR
    return activity.ends_at + OPEN_FOR if activity.ends_at else None


def review_write(*, now: datetime, activity: Activity, member: Member, stars: int, text: str) -> ActivityReview:
    """Writes the review of a member who was there, or changes it: each has one.

    Raises ValidationError with the code `not_over`, `not_there`, `too_late`, `stars` or `text`.
    """
    text = text.replace("\x00", "").strip()
    if stars not in STARS:
        raise ValidationError(_("Choose 1 to 5 stars."), code="stars")
    if len(text) > LONGEST:
        raise ValidationError(_("A review has at most %(most)d characters.") % {"most": LONGEST}, code="text")
    if activity.decided != Decided.OPEN or activity.ends_at is None or now < activity.ends_at:
        raise ValidationError(_("Reviews open when it is over."), code="not_over")
    # Where nobody took attendance, having a place is all that is known.
    there = SignUp.objects.filter(
        activity=activity, member=member, state__in=[SignUpState.ATTENDED, SignUpState.GOING]
    ).first()
    if there is None:
        raise ValidationError(_("Reviews are written by those who were there."), code="not_there")
    with transaction.atomic():
        review = ActivityReview.objects.select_for_update().filter(activity=activity, member=member).first()
        until = review_until(activity=activity, review=review)
        if until is not None and now >= until:
            raise ValidationError(_("The time to write or change it is over."), code="too_late")
        row, _made = ActivityReview.objects.update_or_create(
            activity=activity,
            member=member,
            defaults={"stars": stars, "text": text, "changed_at": now},
            create_defaults={"stars": stars, "text": text, "group_id": there.group_id, "created_at": now},
        )
    return row
