"""What groups are told about an activity, and the reminders that are due."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from campaigns.activities.models import (
    Activity,
    ActivityReminder,
    Decided,
    NoticeKind,
    ReminderKind,
    SignUp,
    SignUpState,
)
from campaigns.activities.services.signing import activity_locked, notices_give
from campaigns.activities.texts import page_of, reminder_words, values_in
from community_ops.lib.languages import language_of
from community_ops.lib.variables import filled
from delivery.models import Delivery, Missed
from delivery.services import Content, NewDelivery, deliveries_plan, message_create
from groups.channel import channel_kind
from groups.models import Group

BEFORE = {ReminderKind.DAY: timedelta(days=1), ReminderKind.HOUR: timedelta(hours=1)}
# A reminder of tomorrow says nothing true when it begins in an hour.
WORTH_UNTIL = {ReminderKind.DAY: timedelta(hours=2), ReminderKind.HOUR: timedelta()}
# How long after its time a word to the groups may still leave, where nothing else ends its worth.
LATE = timedelta(hours=6)


def groups_tell(*, activity: Activity, what: str, text: str, now: datetime, until: datetime | None = None) -> int:
    """Says something to each group that can be posted to, once for each `what`; returns to how many. It takes the way
    of posts, and is not said any more after `until`."""
    groups = Group.objects.filter(activities=activity).postable().select_related("destination").order_by("pk")
    keys = {group.pk: f"activity:{activity.pk}:{what}:{group.pk}" for group in groups}
    said = set(Delivery.objects.filter(dedupe_key__in=list(keys.values())).values_list("dedupe_key", flat=True))
    with translation.override(language_of(activity.title + activity.text)):
        link_title = _("To the activity")
    count = 0
    for group in groups:
        if keys[group.pk] in said:
            continue
        content = Content(
            title=activity.title,
            text=filled(text, values_in(activity, group)).strip(),
            link=page_of(activity, group),
            link_title=link_title,
            picture_id=activity.picture_id,
        )
        row = NewDelivery(
            dedupe_key=keys[group.pk],
            kind=channel_kind(group),
            destination_id=group.destination_id,
            group_id=group.pk,
            group_ref=group.external_id,
            due_at=now,
            missed=Missed.LATE,
            late_until=until or now + LATE,
        )
        deliveries_plan(message=message_create(content=content), rows=[row])
        count += 1
    return count


def reminders_plan(*, activity: Activity, now: datetime) -> None:
    """Brings the reminders in line with the activity. One that was given stays given, unless the time has changed."""
    for kind, asked in (
        (ReminderKind.DAY, activity.reminds_day_before),
        (ReminderKind.HOUR, activity.reminds_hour_before),
    ):
        due_at = activity.starts_at - BEFORE[kind] if activity.starts_at else None
        if not asked or activity.decided != Decided.OPEN or due_at is None:
            ActivityReminder.objects.filter(activity=activity, kind=kind, done_at=None).delete()
            continue
        row = ActivityReminder.objects.filter(activity=activity, kind=kind).first()
        if row is not None and row.due_at == due_at:
            continue
        # Opened a few hours ahead, it is not announced as tomorrow's.
        done_at = None if due_at > now else now
        ActivityReminder.objects.update_or_create(
            activity=activity, kind=kind, defaults={"due_at": due_at, "done_at": done_at}
        )


def reminders_give(*, now: datetime) -> int:
    """Gives the reminders that are due; returns how many. Safe to run twice, and two at once."""
    due = ActivityReminder.objects.filter(done_at=None, due_at__lte=now).order_by("due_at", "pk")
    return sum(_give(pk, activity_id, now) for pk, activity_id in list(due.values_list("pk", "activity_id")))


def _give(pk: int, activity_id: int, now: datetime) -> bool:
    with transaction.atomic():
        activity = activity_locked(pk=activity_id)
        # Under the lock: it may have been moved, called off or given meanwhile.
        mine = ActivityReminder.objects.filter(pk=pk, done_at=None, due_at__lte=now)
        row = mine.first()
        if row is None or not mine.update(done_at=now):
            return False
        kind = ReminderKind(row.kind)
        worth_until = activity.starts_at - WORTH_UNTIL[kind] if activity.starts_at else now
        if activity.decided != Decided.OPEN or now >= worth_until:
            return False
        about = f"{activity.starts_at:%Y-%m-%dT%H:%M}"
        going = SignUp.objects.filter(activity=activity, state=SignUpState.GOING)
        notices_give(signups=going, kind=NoticeKind(kind.value), about=about, now=now)
        if activity.reminds_groups:
            text = reminder_words(activity, kind)
            groups_tell(activity=activity, what=f"{kind}:{about}", text=text, now=now, until=worth_until)
    return True
